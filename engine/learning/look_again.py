"""Learnt images to look at again: whose class may be wrong, and those unlike all others.

What each is judged by is what the project would say of it had it not been learnt (own_answers).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.events import Event, Progress, Work
from engine.learners import LEARNERS
from engine.learners.dirichlet import recalibrated
from engine.learning import opinions, own_answers
from engine.learning.own_answers import AT_ONCE, Judged, judged
from engine.results.images import AnsweredImage
from engine.results.review import MisplacedImage, Review, UnlikeImage
from engine.session import Session
from engine.storage import catalogue, steps
from engine.storage.feature_cache import Features

LISTS = ("wrong", "unlike")
UNLIKELY = 0.15
"""A class that is less probable than this is unlikely to be the image's."""
WORST = 4
"""Of a class's images one in so many says nothing about how sure its own are: it may be wrong."""
MANY = 20
"""So many images of a class, and its doubts count half as its own."""
NARROW = 30.0
"""How fast images count less as others as they lie farther: exp(NARROW cosine). With 20 to 40 the
lists are as good (clothing, CIFAR-100)."""
LEAST = 0.01
"""A share of what lies around an image that is as good as none."""
ALIKE = 0.25
"""By so much what lies around an image counts beside what a judge says."""
FIRST = 2000
"""So many of the worst are compared with all images; nobody looks at more."""
FAR = 2.5
"""Deviations from what is usual beyond which an image is unlike all others: about one of 200, were
distances spread evenly about their middle."""


def suspicion(logs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How likely images lie in a wrong class, to rank them: float64 (images,), worst greatest.

    `logs` (images, classes) are logarithms of probabilities without each image, `truth` the places
    of their classes. Where labels are swapped at random, P(wrong | image) rises as the probability
    p of its own class falls, whatever else is likely, so -log p ranks them best (it is cleanlab's
    self-confidence; Northcutt et al., Confident learning, 2021). But a class of few images is
    known less well without one of them, and all of its images would be blamed. So each is compared
    with its class: less the mean of -log p over the better three quarters of it, in so far as the
    class is small.
    """
    doubt = -logs[np.arange(len(truth)), truth].astype(np.float64)
    found = doubt.copy()
    for place in np.unique(truth):
        own = np.flatnonzero(truth == place)
        best = np.sort(doubt[own])[: len(own) - len(own) // WORST]
        found[own] -= MANY / (MANY + len(own)) * best.mean()
    return found


def around(z: np.ndarray, truth: np.ndarray, places: np.ndarray) -> np.ndarray:
    """What share of what lies around images is of their classes: float64 (places,).

    A Parzen window on the sphere, of all other images: their shares are exp(NARROW z.z'). Features
    alone say here which images are alike, and classes only vote (after SimiFeat; Zhu, Dong and Liu,
    Detecting corrupted labels without training a model to predict, 2022), so it errs on other
    images than a head, which draws one line for all. `z` (images, directions) are whitened.
    """
    own, total = np.zeros(len(places)), np.full(len(places), 1e-30)
    for start in range(0, len(z), AT_ONCE):
        part = np.arange(start, min(start + AT_ONCE, len(z)))
        weights = np.exp(NARROW * (z[places] @ z[part].T))
        weights[places[:, None] == part] = 0
        total += weights.sum(axis=1)
        own += (weights * (truth[part] == truth[places, None])).sum(axis=1)
    return own / total


def unlikely(logs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Which images hardly belong to their class: bool (images,). Its probability is below UNLIKELY,
    or another class is as probable as it usually is for its own images, which tells wrong ones
    also where no answer is sure (confident learning's joint; Northcutt et al., 2021)."""
    shares = np.exp(logs)
    own = shares[np.arange(len(truth)), truth]
    usual = np.full(logs.shape[1], np.inf)
    for place in np.unique(truth):
        usual[place] = own[truth == place].mean()
    as_usual = shares >= usual
    as_usual[np.arange(len(truth)), truth] = False
    return (own < UNLIKELY) | as_usual.any(axis=1)


@dataclass
class Found:
    """The project's images as they are judged, and the lists as places among them, worst first.

    `consensus`, logarithms of probabilities (images, classes), says in which order.
    """

    judged: Judged
    consensus: np.ndarray
    lists: dict[str, np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        seen, open_ = self.judged, ~self.judged.kept
        wrong = np.flatnonzero(open_ & seen.wrong & unlikely(seen.logs, seen.truth))
        unlike = np.flatnonzero(open_ & (seen.far > FAR))
        doubt = suspicion(self.consensus, seen.truth)
        wrong = wrong[np.argsort(-doubt[wrong], kind="stable")]
        first = wrong[:FIRST]
        alike = np.log(around(seen.z, seen.truth, first) + LEAST)
        wrong[:FIRST] = first[np.argsort(ALIKE * alike - doubt[first], kind="stable")]
        self.lists = {
            "wrong": wrong,
            "unlike": unlike[np.argsort(-seen.far[unlike], kind="stable")],
        }

    @property
    def counts(self) -> dict[str, int]:
        """How long each list is, and how many images are in "any" of them."""
        either = {place for places in self.lists.values() for place in places.tolist()}
        return {**{name: len(places) for name, places in self.lists.items()}, "any": len(either)}


def found(session: Session, rank: bool = True) -> Generator[Event, None, Found | None]:
    """What is to be looked at again; None before anything was learnt. Without `rank` the lists are
    whole, but nobody else was asked in which order."""
    seen = yield from judged(session)
    if seen is None:
        return None
    return Found(seen, (yield from consensus_of(session, seen)) if rank else seen.logs)


def consensus(said: Sequence[np.ndarray], truth: np.ndarray) -> np.ndarray:
    """Opinions as one: the mean of the logarithms of their probabilities, fitted to the images'
    classes. What is usual between two classes is then no surprise: float64 (images, classes)."""
    mean: np.ndarray = np.stack(said).mean(axis=0, dtype=np.float64)
    return recalibrated(mean, truth)


def consensus_of(session: Session, seen: Judged) -> Generator[Event, None, np.ndarray]:
    """What the judges say of the images together: kept until others are asked about."""
    project, classes = session.require(), seen.answers.classes
    row = steps.current(project)
    kept = steps.learnt(project, row) if row else None
    assert row is not None  # it judged
    assert kept is not None
    numbers = np.array(classes, np.int64)[seen.truth]
    key = ("consensus", str(project.path), row["id"], seen.ids.tobytes(), numbers.tobytes())
    known: np.ndarray | None = session.kept(key)
    if known is None:
        features = Features(project, row["features_key"])
        case = opinions.Case(features, seen.hashes, numbers, classes, seen.logs)
        learner = LEARNERS.make(row["learner"], row["settings"])
        first = yield from opinions.with_held_out(case, learner, kept.memory, seen.held_out)
        told = consensus((first, *(yield from opinions.by_roots(case))), seen.truth)
        known = session.keep(key, lambda: told)
    return known


def shown(session: Session, found: Found, order: str, limit: int) -> Work[list[AnsweredImage]]:
    """The first images of a list as the window shows them, each with the one beside it."""
    project, seen = session.require(), found.judged
    places = found.lists[order][: max(0, limit)]
    near = yield from beside(found, order, places)
    others = {row["id"]: row for row in catalogue.images_by_id(project, seen.ids[near].tolist())}
    rows = own_answers.shown(project, seen, places.tolist())
    pairs = dict(zip(seen.ids[places].tolist(), seen.ids[near].tolist(), strict=True))
    for row in rows:
        if (other := others.get(pairs[row["id"]])) is not None and other["id"] != row["id"]:
            row["beside"] = catalogue.view_of(project, other)
    return rows


def in_full(session: Session, found: Found, limit: int) -> Work[Review]:
    """Both lists by path; all of each where the limit is 0."""
    seen, project = found.judged, session.require()
    wrong, unlike = (found.lists[name][: limit or None] for name in LISTS)
    next_to = yield from beside(found, "wrong", wrong)
    like = yield from beside(found, "unlike", unlike)
    ids = seen.ids[np.concatenate([wrong, unlike, next_to, like])].tolist()
    rows = {row["id"]: row for row in catalogue.images_by_id(project, ids)}
    names = catalogue.class_names(project)
    known = [names.get(number, "?") for number in seen.answers.classes]

    def path(place: int, apart_from: int = -1) -> str:
        if place == apart_from:  # there is no other
            return ""
        return catalogue.displayable(rows[int(seen.ids[place])]["path"])

    misplaced: list[MisplacedImage] = [
        {
            "path": path(place),
            "class": known[seen.truth[place]],
            "probability": float(np.exp(seen.logs[place, seen.truth[place]])),
            "likelier": known[seen.best[place]],
            "likelier_probability": float(seen.confidence[place]),
            "nearest": path(near, place),
        }
        for place, near in zip(wrong.tolist(), next_to.tolist(), strict=True)
    ]
    odd: list[UnlikeImage] = [
        {
            "path": path(place),
            "class": known[seen.truth[place]],
            "distance": float(seen.far[place]),
            "nearest": path(near, place),
        }
        for place, near in zip(unlike.tolist(), like.tolist(), strict=True)
    ]
    both = seen.answers.both_sides
    return {"images": len(seen.ids), "both_sides": both, "wrong": misplaced, "unlike": odd}


def beside(found: Found, order: str, places: np.ndarray) -> Generator[Event, None, np.ndarray]:
    """For each image the place of the nearest other one, whitened: of the class that is likelier,
    without those whose class is in doubt themselves, or in the other list of all."""
    seen = found.judged
    if not len(places):
        return places
    sure = np.ones(len(seen.ids), bool)
    sure[found.lists["wrong"]] = False
    wanted = seen.best[places] if order == "wrong" else np.full(len(places), -1)
    among = np.flatnonzero(sure & np.isin(seen.truth, wanted)) if order == "wrong" else None
    candidates = np.arange(len(seen.ids)) if among is None or not len(among) else among
    best, alike = places.copy(), np.full(len(places), -np.inf, np.float32)
    for start in range(0, len(candidates), AT_ONCE):
        part = candidates[start : start + AT_ONCE]
        near = seen.z[places] @ seen.z[part].T
        near[places[:, None] == part] = -np.inf
        near[(wanted[:, None] >= 0) & (seen.truth[part] != wanted[:, None])] = -np.inf
        top = near.argmax(axis=1)
        value = near[np.arange(len(places)), top]
        better = value > alike
        best[better], alike[better] = part[top[better]], value[better]
        yield Progress(start, len(candidates), "Comparing images")
    return best

"""A stream judged by itself: each image is asked first and learnt afterwards.

Prequential accuracy, in which old answers fade: Gama, Sebastião and Rodrigues, On evaluating stream
learning algorithms, Machine learning 90 (2013).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.errors import Refused
from engine.events import Event
from engine.learners import LEARNERS, Learner
from engine.learners.live import Live
from engine.learners.metrics import faded
from engine.learning.ageing import Window
from engine.learning.arrivals import Arrivals
from engine.learning.material import SAMPLE, LearningData, choice
from engine.models.answers import answer
from engine.results.stream import StreamOrder
from engine.session import Session
from engine.storage import catalogue, steps, unsorted
from engine.storage.catalogue import Split
from engine.storage.feature_cache import Features
from engine.storage.project import Project
from engine.system.progress import Eta

ORDERS = {"came": "as they came", "shuffled": "shuffled", "class": "class by class"}
SEED = 0
FIRST_CHOICE = 16
"""So many images are learnt before a regularisation is chosen, where nothing was learnt before."""


@dataclass(frozen=True)
class Start:
    """What the project has learnt when a stream begins, and a sample of it (see Task.sample)."""

    name: str
    settings: dict[str, object]
    kept: steps.StepMemory | None
    sample: tuple[Tensor, Tensor] | None
    moments: int = 0
    """So many of the last features are moments of an earlier stage."""

    @property
    def images(self) -> int:
        return sum(map(len, self.kept.images.values())) if self.kept else 0

    def learner(self) -> Learner:
        """The project's learner with what it knows: a new one each time."""
        learner = LEARNERS.make(self.name, self.settings)
        if self.kept is not None:
            learner.restore(self.kept.memory)
        return learner


def start_of(project: Project, features: Features) -> Start:
    """The step in use, which was learnt from these features; nothing before there is one.

    Raises Refused where it was learnt with another network.
    """
    row = steps.current(project)
    if row is None:
        return Start(*choice(project), None, None, features.moments)
    kept = steps.learnt(project, row)
    if kept is None or row["features_key"] != features.key:
        raise Refused(
            "What was learnt is damaged, or was learnt with another network than the one in use. "
            "Learn again first."
        )
    gone = set(features.missing(h for hashes in kept.images.values() for h in hashes))
    split = Split(kept.images, {}).without(gone)
    sample = LearningData(features, split).sample() if split.train else None
    return Start(row["learner"], row["settings"], kept, sample, features.moments)


def numbers_of(project: Project, names: Sequence[str]) -> dict[str, int]:
    """The number of each class; those that the project has not are numbered after its own."""
    known = {name: number for number, name in catalogue.class_names(project).items()}
    free = max(known.values(), default=0)
    for name in dict.fromkeys(names):
        if name not in known:
            free += 1
            known[name] = free
    return known


def order_of(order: str, names: Sequence[str]) -> np.ndarray:
    """The places of images, which come in the order of their time, in another order."""
    if order == "shuffled":
        return np.random.default_rng(SEED).permutation(len(names))
    if order == "class":
        return np.argsort(np.array(names), kind="stable")
    return np.arange(len(names))


@dataclass(frozen=True)
class Stream:
    """Images that come: features (images, views, width), classes' numbers and times, and a window
    that old ones fall out of, which is made anew for each order; None: nothing falls out."""

    features: Tensor
    numbers: Tensor
    when: Sequence[str]
    window: Callable[[], Window] | None = None


def prequential(
    start: Start, came: Stream, order: np.ndarray, batch: int, doing: str
) -> Generator[Event, None, np.ndarray]:
    """Asks the images that came `batch` at a time, then learns them, and unlearns what is too old.

    Returns whether each answer was right, bool (images,), in the order given. An image of a class
    that is not known yet can't be answered rightly.
    """
    live, window = start.learner().live(came.features[:0]), came.window and came.window()
    if start.sample is not None:
        live.settle(*start.sample, start.moments)
    due, right = max(2 * start.images, FIRST_CHOICE), list[np.ndarray]()
    pace = Eta(len(order), doing)
    for first in range(0, len(order), batch):
        some = torch.from_numpy(order[first : first + batch])
        right.append(answered(live, came.features[some]) == came.numbers[some].numpy())
        learn_some(live, came, some, window)
        learnt = first + len(some)
        if start.images + learnt >= due:
            sample = window.sample() if window else sample_of(start, came, order[:learnt])
            live.settle(*sample, start.moments)
            due *= 2
        yield pace.at(learnt)
    return np.concatenate(right)


def learn_some(live: Live, came: Stream, some: Tensor, window: Window | None) -> None:
    """Learns the images at some places, and unlearns what falls out of the window by that."""
    numbers = came.numbers[some]
    for number in numbers.unique().tolist():
        own = some[numbers == number]
        live.learn(number, came.features[own])
        if window is not None:
            window.add(number, [came.when[i] for i in own.tolist()], came.features[own])
    for number, gone, left in window.fallen() if window is not None else ():
        live.unlearn(number, gone, left)


def answered(live: Live, features: Tensor) -> np.ndarray:
    """The number of the likeliest class of each image; 0, which is none, before there is one."""
    logits = live.asked(features)
    if not logits.shape[1]:
        return np.zeros(len(features), np.int64)
    return np.array(live.classes, np.int64)[logits.argmax(dim=1).numpy()]


def sample_of(start: Start, came: Stream, learnt: np.ndarray) -> tuple[Tensor, Tensor]:
    """Images that say which regularisation is best: those of the start, and some of the stream."""
    some = torch.from_numpy(learnt[:: -(-len(learnt) // SAMPLE)])
    parts = [(came.features[some], came.numbers[some])]
    if start.sample is not None:
        parts.insert(0, start.sample)
    x, y = zip(*parts, strict=True)
    return torch.cat(x), torch.cat(y)


def newest(project: Project) -> int:
    """The number of the image that came last; 0 before there is one."""
    return int(project.db.execute("SELECT IFNULL(MAX(id), 0) FROM image").fetchone()[0])


def ask_first(session: Session, gesture: int, after: int) -> None:
    """Asks the step in use about the first image that came after the one numbered so, and notes
    what it said. Nothing before anything was learnt, or where another network is in use since."""
    project, row = session.require(), steps.current(session.require())
    came = project.db.execute(
        "SELECT sha256, class_id FROM image WHERE id > ? ORDER BY id LIMIT 1", [after]
    ).fetchone()
    if row is None or came is None or Features(project, row["features_key"]).missing([came[0]]):
        return
    model, (sha256, number) = session.model(), came
    found = answer(
        model.head, torch.from_numpy(Features(project, row["features_key"]).get([sha256]))
    )
    said = catalogue.class_named(project, model.class_names[int(found.best[0])])["id"]
    naming = unsorted.Naming(0, unsorted.HELD, said, float(found.confidence[0]))
    with project.transaction(gesture):
        unsorted.note(project, sha256, number, naming, False, gesture)


def judged(
    came: Arrivals, order: str, places: np.ndarray, right: np.ndarray, fading: float
) -> StreamOrder:
    """One order's answers as plain values."""
    rows = [came.rows[place] for place in places]
    curve = faded(right, fading)
    calm = min(len(curve) - 1, round(1 / max(1 - fading, 1 / len(curve))))
    lowest = calm + int(curve[calm:].argmin())
    names = np.array([row.name for row in rows])
    return {
        "order": order,
        "images": len(rows),
        "right": int(right.sum()),
        "accuracy": float(right.mean()),
        "last": float(curve[-1]),
        "lowest": float(curve[lowest]),
        "lowest_at": catalogue.displayable(catalogue.stored(rows[lowest].path)),
        "per_class": {str(n): float(right[names == n].mean()) for n in sorted(set(names))},
        "paths": [catalogue.displayable(catalogue.stored(row.path)) for row in rows],
        "curve": curve.tolist(),
    }


def definition(fading: float) -> str:
    """What a person reads beside the figures."""
    said = (
        "Each image is asked first and learnt afterwards. The prequential accuracy after image i "
        "is S(i) / N(i), with S(i) = right(i) + f S(i-1), N(i) = 1 + f N(i-1), and right(i) 1 for "
        f"a right answer, else 0 (Gama, Sebastião and Rodrigues, 2013). Here f is {fading:g}"
    )
    if fading == 1:
        return f"{said}: all answers count alike."
    half = max(1, round(math.log(0.5) / math.log(fading)))
    return f"{said}: an answer counts half after {half:,} more."

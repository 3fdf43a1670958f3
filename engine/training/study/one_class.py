"""What more images of one class would bring to it, by a learning curve of that class alone.

The class is learnt from parts of its images, with all images of the others; of its held-out images
so many are wrong each time (see `class_gain`). What the others lose or win by it is not counted.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from engine.errors import BadSetting, Refused
from engine.events import Event, Progress, Work
from engine.learners import LEARNERS
from engine.learning import material
from engine.learning.material import LearningData
from engine.results.compare import MoreOfClass
from engine.session import Session
from engine.storage import catalogue
from engine.storage.catalogue import Split
from engine.system.words import plural
from engine.training.branching.heads import PER_BRANCH
from engine.training.study.class_gain import more_right
from engine.training.study.curves import subset

SHARES = (12.5, 25.0, 50.0, 100.0)
FURTHEST = 3
"""So many times as many images can be told of, at most; further off a line is a guess."""
USUAL = 100
"""So many more images are asked about unless a number is given, where the line reaches so far."""
FEW = "{} can't be told: that takes at least 8 images of “{}” to learn from."
FAR = "{} can't be told: there are {} now, and a curve reaches to {} more at most."
ALL_RIGHT = "{} can't be told: every held-out image of “{}” is right already."


def more_of_class(session: Session, name: str, images: int | None) -> Work[MoreOfClass]:
    """Without a number, for 100 images or as many as the curve reaches. Raises BadSetting, and
    Refused where the class or its images are not there."""
    if images is not None and images < 1:
        raise BadSetting("Ask for at least one more image.")
    project = session.require()
    number = catalogue.class_named(project, name)["id"]
    data = of_project(session)
    known, held_out = data.train.get(number, ()), data.split.validation.get(number, ())
    if not known or not held_out:
        raise Refused(f"“{name}” has no test images that were learnt. Learn it first.")
    furthest = (FURTHEST - 1) * len(known)
    images = min(USUAL, furthest) if images is None else images
    what = f"{plural(images, 'more image')} of “{name}”"
    found: MoreOfClass = {"name": name, "images": images, "more": None, "said": ""}
    counts = [len(subset({number: known}, share)[number]) for share in SHARES]
    if len(set(counts)) < len(SHARES):
        return {**found, "said": FEW.format(what, name)}
    if images > furthest:
        return {**found, "said": FAR.format(what, len(known), furthest)}
    right = yield from right_by_share(session, data, number)
    if right[-1].all():
        return {**found, "said": ALL_RIGHT.format(what, name)}
    wrong, times = (~right).sum(1).tolist(), (len(known) + images) / len(known)
    more = more_right(counts, wrong, len(held_out), times)
    return {**found, "more": more, "said": sentence(what, more, len(held_out))}


def of_project(session: Session) -> LearningData:
    """The project's images whose features are there. Raises Refused where some are not."""
    project, extractor = session.require(), session.extractor()
    learner = LEARNERS.make(*material.choice(project))
    features = material.features_by(project, extractor, learner.views)
    split = catalogue.to_learn(project)
    if features.missing(split.hashes):
        raise Refused("Not all images were looked at by this network yet. Press Learn first.")
    return LearningData(features, split)


def right_by_share(
    session: Session, data: LearningData, number: int
) -> Generator[Event, None, np.ndarray]:
    """Which held-out images of a class are right, bool (shares, images), by each share of it."""
    name, settings = material.choice(session.require())
    if name == PER_BRANCH:
        raise Refused("This network has branches, of which that can't be told. Tune it instead.")
    held_out, right = list(data.split.validation[number]), []
    for at, share in enumerate(SHARES):
        yield Progress(at, len(SHARES), "Learning with fewer images")
        train = {**data.train, **subset({number: data.train[number]}, share)}
        part = LearningData(data.features, Split(train, data.split.validation))
        learner = LEARNERS.make(name, settings)
        for _ in learner.learn(part.task()):
            pass
        right.append(learner.answers(part.of(held_out)) == number)
    return np.stack(right)


def sentence(what: str, more: list[float], held_out: int) -> str:
    mean, low, high = (100 * value for value in more)
    if low <= 0:
        ends = f"{low:.1f} to {high:.1f} points".replace("-", "−")
        return f"{what} bring no gain that {plural(held_out)} could tell ({ends})."
    told = f"about {mean:.1f} points more of its test images right ({low:.1f} to {high:.1f})"
    return f"{what} bring {told}."

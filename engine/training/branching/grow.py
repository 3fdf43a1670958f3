"""Growing a branch and making it the project's network."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import Refused
from engine.events import Event, Notice
from engine.learning import comparison, material, step
from engine.models.backbone import Backbone
from engine.models.branches import Branch, branches_of, classes_of, grown, narrowed
from engine.models.growth import growth_of
from engine.models.tuned import TUNED, as_tuned, facts_for, tuned_bytes
from engine.session import Session
from engine.storage import catalogue, steps
from engine.training.adopt import origin_for
from engine.training.branching import costs, heads
from engine.training.branching import sharing_curve as branching_sharing_curve
from engine.training.branching.costs import Recipe
from engine.training.branching.heads import Head
from engine.training.branching.merge import distil
from engine.training.branching.options import AUTO, CALIBRATED, BranchOptions
from engine.training.branching.sharing_curve import Point
from engine.training.branching.training import BranchData, raised
from engine.training.run import TuningRun


def title_for(names: Sequence[str]) -> str:
    return f"Grow a branch for {', '.join(names[:3])}{' …' if len(names) > 3 else ''}"


# The steps of growing.


def numbers_of(session: Session, names: Collection[str] | None) -> list[int]:
    """The classes to grow a branch for. Raises Refused where they are too few, or learnt."""
    known, numbers = catalogue.class_names(session.require()), heads.unlearnt(session)
    chosen = [number for number in numbers if names is None or known[number] in names]
    if not chosen:
        raise Refused(
            "All classes here are learnt already, so there is nothing to grow a branch for. Add "
            "folders of new classes."
        )
    heads.check_enough(session, chosen)
    return chosen


def ground_of(
    session: Session, numbers: Sequence[int], wish: BranchOptions, folder: Path,
    branches: Sequence[Branch] = (),
) -> Generator[Event, None, BranchData]:  # fmt: skip
    """The ground for some classes; `branches` are those that one could begin as."""
    train = catalogue.to_learn(session.require(), "train")
    beside = heads.earlier(session, numbers, wish.memory)
    tuning = wish.tuning(sum(len(train[number]) for number in numbers) + len(beside))
    return (yield from heads.ground_for(session, numbers, tuning, folder, beside, branches))


def points_of(
    session: Session, ground: BranchData, folder: Path
) -> Generator[Event, None, list[Point]]:
    """The sharing curve, by trainings that are shorter and see fewer images."""
    epochs = max(1.0, branching_sharing_curve.EPOCHS * ground.tuning.epochs)
    quick = replace(ground.tuning, epochs=epochs)
    few = ground.with_fewer(branching_sharing_curve.EACH, quick, folder / "curve")
    name, settings = heads.exact_choice(session)
    return (
        yield from branching_sharing_curve.curve(few, lambda: session.learner(name, dict(settings)))
    )


def curve_facts(points: Sequence[Point], threshold: float) -> dict[str, Any]:
    return {
        "curve": [point.plain() for point in points],
        "recommended": branching_sharing_curve.recommended(points, threshold).cut
        if points
        else None,
        "threshold": threshold,
    }


def planted(
    session: Session,
    gesture: int,
    title: str,
    numbers: Sequence[int],
    wish: BranchOptions,
    folder: Path,
) -> Generator[Event, None, dict[str, Any]]:
    """Grows a branch for some classes, compares it with learning them without, and learns."""
    before = yield from comparison.judge(session, session.extractor(), new=numbers)
    there = branches_of(session.backbone())
    ground = yield from ground_of(session, numbers, wish, folder, there)
    cut, points = wish.cut, []
    if cut == AUTO:
        points = yield from points_of(session, ground, folder)
        cut = branching_sharing_curve.recommended(points, wish.threshold).cut
    found = {"cut": cut, **curve_facts(points, wish.threshold)}
    if cut == ground.original.cuts[-1]:
        yield Notice(
            "These classes are told apart as well without a branch, so none was grown. Ask for a "
            "smaller threshold, or name a cut, to grow one all the same."
        )
        return {**found, **(yield from without_branch(session, gesture, title))}
    course = ground.course(branching_sharing_curve.checked_cut(ground.original, cut))
    yield from course.follow()
    clone, width = raised(course, cut, ground.original), wish.features
    if width:
        known, _ = ground.features(cut, clone)
        clone = narrowed(clone, known[:, 0], width)
    branched = grown(session.backbone(), cut, clone, numbers, width)
    found |= {"costs": cost_table(session, ground, course, branched)}
    return {**found, **(yield from taken(session, gesture, title, branched, before, wish))}


def without_branch(
    session: Session, gesture: int, title: str
) -> Generator[Event, None, dict[str, Any]]:
    """Learns what is new with the network as it is."""
    scores = yield from step.learn(session, gesture, *material.choice(session, "", None), title)
    return {**scores, "adopted": False, "branch": None}


def taken(
    session: Session, gesture: int, title: str, branched: Backbone, before: comparison.Evaluation,
    wish: BranchOptions,
) -> Generator[Event, None, dict[str, Any]]:  # fmt: skip
    """Compares a branched network with the one in use, and learns with it where that is wished."""
    own, content = as_own(session, branched)
    if wish.join == CALIBRATED:
        head = yield from heads.joined_head(session, own, heads.carried(session))
    else:
        head = yield from heads.exact_head(session, own)
    extractor, numbers = heads.extractor_of(session, own), classes_of(branched)[-1]
    after = yield from comparison.judge(session, extractor, head.learner, numbers)
    result = comparison.compared(before, after)
    if not (wish.adopt == "always" or (wish.adopt == "better" and comparison.better(result))):
        gain = 100 * result["difference"]["all"][0]
        yield Notice(
            f"The branch is no better on held-out images ({gain:+.1f} points), so the new classes "
            "were learnt without it. Name another cut, or adopt it always."
        )
        return {**(yield from without_branch(session, gesture, title)), **result}
    use(session, gesture, content)
    yield session.changed("backbone")
    scores = yield from learnt(session, gesture, title, head)
    return {**scores, **result, "adopted": True, "branch": len(branches_of(branched))}


def learnt(
    session: Session, gesture: int, title: str, head: Head
) -> Generator[Event, None, dict[str, Any]]:
    """Stores what a head has learnt as a step, and lets it learn what has come since."""
    name, settings = head.name, dict(head.settings)
    return (yield from step.learn(session, gesture, name, settings, title, head.known))


def cost_table(
    session: Session, ground: BranchData, course: TuningRun, branched: Backbone
) -> dict[str, object]:
    """What the newest branch costs beside training everything anew; seconds are measured."""
    train, tuning = catalogue.to_learn(session.require(), "train"), ground.tuning
    return costs.compared(
        ground.original,
        branched,
        branches_of(branched)[-1].cut,
        new=len(ground.learnt.corpus),
        seen=sum(map(len, train.values())),
        recipe=Recipe(tuning.epochs, ground.kept[0].count, tuning.batch),
        seconds=course.account.seconds,
    )


def distilled(
    session: Session, wish: BranchOptions, folder: Path
) -> Generator[Event, None, Backbone]:
    """The original network, its upper stages taught by the branched one."""
    backbone, model = session.backbone(), session.model()
    if model.views != 1:
        raise Refused(
            "The learner in use looks at several views of each image, which can't be distilled. "
            "Learn with another learner first."
        )
    names = catalogue.class_names(session.require())
    numbers = sorted(catalogue.to_learn(session.require(), "train"))
    if set(model.class_names) != {names[n] for n in numbers}:
        raise Refused("Some classes are not learnt yet. Press Learn, then merge the branches.")
    ground = yield from ground_of(session, numbers, wish, folder)
    columns = [model.class_names.index(names[number]) for number in numbers]
    return (yield from distil(ground, backbone, model.head, columns))


def too_much(result: Mapping[str, Any]) -> str:
    loss = -100 * result["difference"]["all"][0]
    return f"The merged network loses {loss:.1f} points on held-out images, so the branches stay."


def accuracy_in_use(session: Session) -> float | None:
    row = steps.current(session.require())
    return row["scores"]["accuracy"] if row else None


def as_own(session: Session, backbone: Backbone) -> tuple[Backbone, bytes]:
    """A changed backbone as the project would load it, and its bytes."""
    origin, growth = origin_for(session), growth_of(backbone)
    tuned = as_tuned(backbone, facts_for(origin, growth))
    return tuned, tuned_bytes(backbone.stages, origin, growth)


def use(session: Session, gesture: int, content: bytes) -> None:
    """Makes a changed backbone the project's, as a part of a gesture. Nothing is learnt yet."""
    project, origin = session.require(), origin_for(session)
    blob = project.blobs.put(content)
    with project.transaction(gesture) as db:
        if origin.weights:
            why = "the network that a tuned one began with"
            db.execute("INSERT OR IGNORE INTO kept VALUES (?, ?)", [origin.weights, why])
        project.set_facts(backbone=TUNED, weights=blob)

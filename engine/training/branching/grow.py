"""Growing a branch and making it the project's network."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import Refused
from engine.events import Event, Notice, Work
from engine.learners import LEARNERS
from engine.learning import comparison, step
from engine.learning.material import choice
from engine.models.backbone import Backbone, Model
from engine.models.branches import Branch, branches_of, classes_of, grown, narrowed
from engine.models.extractor import Extractor
from engine.models.growth import growth_of
from engine.models.provenance import Origin
from engine.models.tuned import TUNED, as_tuned, facts_for, tuned_bytes
from engine.results.branches import BranchLearnt, Costs, SharingCurve
from engine.results.scores import Compared, StepScores
from engine.session import Session
from engine.storage import catalogue, steps
from engine.storage.project import Project
from engine.training.adopt import keep_origin, origin_for, wanted
from engine.training.branching import costs, heads
from engine.training.branching import sharing_curve as curve
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


def numbers_of(project: Project, names: Collection[str] | None) -> list[int]:
    """The classes to grow a branch for. Raises Refused where they are too few, or learnt."""
    known, numbers = catalogue.class_names(project), heads.unlearnt(project)
    chosen = [number for number in numbers if names is None or known[number] in names]
    if not chosen:
        raise Refused(
            "All classes here are learnt already, so there is nothing to grow a branch for. Add "
            "folders of new classes."
        )
    heads.check_enough(catalogue.to_learn(project), chosen)
    return chosen


def ground_of(
    project: Project,
    extractor: Extractor,
    numbers: Sequence[int],
    wish: BranchOptions,
    folder: Path,
    branches: Sequence[Branch] = (),
) -> Generator[Event, None, BranchData]:
    """The ground for some classes; `branches` are those that one could begin as."""
    train = catalogue.to_learn(project).train
    beside = heads.earlier(train, heads.known_classes(project), numbers, wish.memory)
    tuning = wish.tuning(sum(len(train[number]) for number in numbers) + len(beside))
    return (
        yield from heads.ground_for(project, extractor, numbers, tuning, folder, beside, branches)
    )


def points_of(
    project: Project, ground: BranchData, folder: Path
) -> Generator[Event, None, list[Point]]:
    """The sharing curve, by trainings that are shorter and see fewer images."""
    quick = replace(ground.tuning, epochs=max(1.0, curve.EPOCHS * ground.tuning.epochs))
    few = ground.with_fewer(curve.EACH, quick, folder / "curve")
    choice = heads.exact_choice(project)
    return (yield from curve.curve(few, lambda: LEARNERS.make(*choice)))


def curve_facts(points: Sequence[Point], threshold: float) -> SharingCurve:
    return {
        "curve": [point.plain() for point in points],
        "recommended": curve.recommended(points, threshold).cut if points else None,
        "threshold": threshold,
    }


def planted(
    session: Session,
    gesture: int,
    title: str,
    numbers: Sequence[int],
    wish: BranchOptions,
    folder: Path,
) -> Work[BranchLearnt]:
    """Grows a branch for some classes, compares it with learning them without, and learns."""
    project, extractor = session.require(), session.extractor()
    before = yield from comparison.judge(project, extractor, new=numbers)
    there = branches_of(extractor.backbone)
    ground = yield from ground_of(project, extractor, numbers, wish, folder, there)
    cut, points = wish.cut, []
    if cut == AUTO:
        points = yield from points_of(project, ground, folder)
        cut = curve.recommended(points, wish.threshold).cut
    found = curve_facts(points, wish.threshold)
    if cut == ground.original.cuts[-1]:
        yield Notice(
            "These classes are told apart as well without a branch, so none was grown. Ask for a "
            "smaller threshold, or name a cut, to grow one all the same."
        )
        scores = yield from without_branch(session, gesture, title)
        return {**found, **scores, "cut": cut, "adopted": False, "branch": None}
    course = ground.course(curve.checked_cut(ground.original, cut))
    yield from course.follow()
    clone, width = raised(course, cut, ground.original), wish.features
    if width:
        known, _ = ground.features(cut, clone)
        clone = narrowed(clone, known[:, 0], width)
    branched = grown(extractor.backbone, cut, clone, numbers, width)
    table = cost_table(project, ground, course, branched)
    result, scores, branch = yield from taken(session, gesture, title, branched, before, wish)
    return BranchLearnt(
        **found, **scores, **result, cut=cut, costs=table, adopted=bool(branch), branch=branch
    )


def without_branch(session: Session, gesture: int, title: str) -> Work[StepScores]:
    """Learns what is new with the network as it is."""
    return (yield from step.learn(session, gesture, *choice(session.require()), title))


def taken(
    session: Session,
    gesture: int,
    title: str,
    branched: Backbone,
    before: comparison.Evaluation,
    wish: BranchOptions,
) -> Work[tuple[Compared, StepScores, int | None]]:
    """Compares a branched network with the one in use, and learns with it where that is wished.

    Returns the comparison, the scores then, and the branch's number; None where it is not used.
    """
    project, in_use = session.require(), session.extractor()
    own = as_own(project, in_use.backbone, branched)
    extractor, numbers = session.extractor_of(own.backbone), classes_of(branched)[-1]
    if wish.join == CALIBRATED:
        known = heads.carried(project, in_use)
        head = yield from heads.joined_head(project, extractor, known)
    else:
        head = yield from heads.exact_head(project, extractor)
    after = yield from comparison.judge(project, extractor, head.learner, numbers)
    result = comparison.compared(before, after)
    if not wanted(wish.adopt, result):
        gain = 100 * result["difference"]["all"][0]
        yield Notice(
            f"The branch is no better on held-out images ({gain:+.1f} points), so the new classes "
            "were learnt without it. Name another cut, or adopt it always."
        )
        return result, (yield from without_branch(session, gesture, title)), None
    scores = yield from use(session, gesture, title, own, head)
    return result, scores, len(branches_of(branched))


def cost_table(
    project: Project, ground: BranchData, course: TuningRun, branched: Backbone
) -> Costs:
    """What the newest branch costs beside training everything anew; seconds are measured."""
    train, tuning = catalogue.to_learn(project).train, ground.tuning
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
    project: Project, extractor: Extractor, model: Model, wish: BranchOptions, folder: Path
) -> Generator[Event, None, Backbone]:
    """The original network, its upper stages taught by the branched one with its head."""
    if model.views != 1:
        raise Refused(
            "The learner in use looks at several views of each image, which can't be distilled. "
            "Learn with another learner first."
        )
    names, numbers = catalogue.class_names(project), sorted(catalogue.to_learn(project).train)
    if set(model.class_names) != {names[n] for n in numbers}:
        raise Refused("Some classes are not learnt yet. Press Learn, then merge the branches.")
    ground = yield from ground_of(project, extractor, numbers, wish, folder)
    columns = [model.class_names.index(names[number]) for number in numbers]
    return (yield from distil(ground, extractor.backbone, model.head, columns))


def too_much(result: Compared) -> str:
    loss = -100 * result["difference"]["all"][0]
    return f"The merged network loses {loss:.1f} points on held-out images, so the branches stay."


def accuracy_in_use(project: Project) -> float | None:
    row = steps.current(project)
    return row["scores"]["accuracy"] if row else None


@dataclass(frozen=True)
class Own:
    """A changed backbone as the project would load it: its bytes, and what it began with."""

    backbone: Backbone
    content: bytes
    origin: Origin


def as_own(project: Project, in_use: Backbone, changed: Backbone) -> Own:
    """A backbone made of the one in use, ready to take its place."""
    origin, growth = origin_for(project, in_use), growth_of(changed)
    tuned = as_tuned(changed, facts_for(origin, growth))
    return Own(tuned, tuned_bytes(changed.stages, origin, growth), origin)


def use(session: Session, gesture: int, title: str, own: Own, head: Head) -> Work[StepScores]:
    """Makes a changed backbone the project's, and stores what a head has learnt with it as a step;
    what has come since is learnt, too."""
    project = session.require()
    blob = project.blobs.put(own.content)
    keep_origin(project, own.origin, gesture)
    with project.transaction(gesture):
        project.set_facts(backbone=TUNED, weights=blob)
    yield session.changed("backbone")
    name, settings = head.name, dict(head.settings)
    return (yield from step.learn(session, gesture, name, settings, title, head.known))

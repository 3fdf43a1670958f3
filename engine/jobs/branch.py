"""Jobs on branches: grow one for new classes, remove it, merge all, and the sharing curve."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine import branching, catalogue, costs, history, sharing, study, subnets, verdict
from engine.backbones import TUNED
from engine.backbones.tuned import as_tuned, facts_for, growth_of, tuned_bytes
from engine.branches import Branch, branches_of, classes_of, grown, narrowed, plain, pruned
from engine.branching import Head
from engine.costs import Recipe
from engine.course import Course
from engine.errors import Refused
from engine.events import Event, Notice, Progress
from engine.growing import Ground, raised
from engine.jobs import Work, job
from engine.jobs.branch_wish import (
    AUTO,
    CALIBRATED,
    EXACT,
    FEATURES,
    MEMORY,
    Wish,
    check_threshold,
    wished,
)
from engine.jobs.images import Added, bring_in, look_for
from engine.jobs.tune import origin_for
from engine.merging import distil
from engine.net import Backbone
from engine.session import Session
from engine.sharing import Point


@job("Growing a branch")
def grow_branch(
    session: Session,
    *,
    paths: Sequence[str] = (),
    cut: str = AUTO,
    threshold: float = 1.0,
    epochs: float = 0,
    join: str = EXACT,
    features: int = FEATURES,
    memory: float = MEMORY,
    adopt: str = "better",
    settings: Mapping[str, Any] | None = None,
) -> Work:
    """Learns the classes of folders as a new branch of the network, beside what there is.

    Without `paths` they are the project's classes that are not learnt yet. `cut` is the stage above
    which the branch begins; "auto" takes the one that shares most of those within `threshold`
    points of the best on the sharing curve. `join` makes one head of all features ("exact"), or
    leaves the earlier branches' heads as they are and scales the new one to them ("calibrated").
    The branch adds so many `features`, those that vary most; 0 keeps all. For each new image it
    sees `memory` images of earlier classes, so that it learns to tell the new ones from them.
    `settings` are those of fine-tuning. With `adopt` "better" the branch is used where it answers
    more held-out images rightly than learning these classes without one, which is done otherwise.
    """
    wish = Wish(cut, threshold, join, adopt, wished(settings, epochs), features, memory)
    wish.check()
    if cut != AUTO:
        sharing.checked_cut(plain(session.backbone()), cut)
    found = look_for(paths, "") if paths else None
    names = list(found.classes) if found else None
    title, added = title_for(names or ["new classes"]), Added()
    with session.require().gesture(title, all_or_nothing=True) as gesture:
        if found:
            added = yield from bring_in(session, gesture, found, False)
        yield from subnets.settle(session, gesture)
        with branching.workplace(session) as folder:
            numbers = numbers_of(session, names)
            result = yield from planted(session, gesture, title, numbers, wish, folder)
    yield session.changed("learnt")
    return {**added.result(), **result}


def title_for(names: Sequence[str]) -> str:
    return f"Grow a branch for {', '.join(names[:3])}{' …' if len(names) > 3 else ''}"


@job("Drawing the sharing curve")
def sharing_curve(
    session: Session,
    *,
    threshold: float = 1.0,
    epochs: float = 0,
    memory: float = MEMORY,
    settings: Mapping[str, Any] | None = None,
) -> Work:
    """How accurate a branch would be against how much of the network it shares; nothing is kept.

    For the classes that are not learnt yet, otherwise for those of the newest branch, otherwise for
    all. Returns curve and recommended.
    """
    wish = Wish(AUTO, threshold, EXACT, "never", wished(settings, epochs), memory=memory)
    wish.check()
    classes, grown = classes_of(session.backbone()), branches_of(session.backbone())
    there, unlearnt = catalogue.to_learn(session.require(), "train"), branching.unlearnt(session)
    newest = [n for n in classes[-1] if n in there] if classes else []
    numbers = unlearnt or newest or sorted(there)
    branching.check_enough(session, numbers)
    before = grown if unlearnt else grown[:-1]
    with branching.workplace(session) as folder:
        ground = yield from ground_of(session, numbers, wish, folder, before)
        points = yield from points_of(session, ground, folder)
    return curve_facts(points, threshold)


@job("Remove a branch")
def remove_branch(session: Session, *, branch: int) -> Work:
    """Takes branch `branch` (1 is the oldest) out of the network, and learns without it.

    Its classes are kept: the original network tells them apart from then on.
    """
    project, before = session.require(), accuracy_in_use(session)
    left, content = as_own(session, pruned(session.backbone(), branch))
    joined = project.facts["learner"] == branching.PER_BRANCH and branches_of(left)
    title = f"Remove branch {branch}"
    with project.gesture(title, all_or_nothing=True) as gesture:
        heads = branching.joined_head if joined else branching.exact_head
        head = yield from heads(session, left)
        use(session, gesture, content)
        yield session.changed("backbone")
        result = yield from learnt(session, gesture, title, head)
    yield session.changed("learnt")
    return {"branch": branch, "before": before, "after": result["accuracy"], **result}


@job("Merging the branches")
def merge_branches(
    session: Session,
    *,
    allowed: float = 1.0,
    epochs: float = 0,
    settings: Mapping[str, Any] | None = None,
) -> Work:
    """Distils the network with all its branches into one of the original's size.

    It is used where its accuracy on held-out images is at most `allowed` points below, and learns
    all classes with one head; as one gesture.
    """
    check_threshold(allowed)
    wish = Wish(AUTO, 0, EXACT, "never", wished(settings, epochs))
    wish.check()
    project, backbone = session.require(), session.backbone()
    if not branches_of(backbone):
        raise Refused("The network has no branches to merge. Grow one under Tune first.")
    with branching.workplace(session) as folder:
        merged = yield from distilled(session, wish, folder)
    own, content = as_own(session, merged)
    before = yield from verdict.judge(session, session.extractor())
    head = yield from branching.exact_head(session, own)
    after = yield from verdict.judge(session, branching.extractor_of(session, own), head.learner)
    result = verdict.compared(before, after)
    adopted = 100 * result["difference"]["all"][0] >= -allowed
    if not adopted:
        yield Notice(f"{too_much(result)} More than {allowed:g} were not allowed.")
        return {**result, "adopted": False}
    title = "Merge the branches"
    with project.gesture(title, all_or_nothing=True) as gesture:
        use(session, gesture, content)
        yield session.changed("backbone")
        scores = yield from learnt(session, gesture, title, head)
    yield session.changed("learnt")
    return {**scores, **result, "adopted": True}


@job("List the branches", reads=True)
def list_branches(session: Session) -> Work:
    """The network's branches with their classes, and the cuts above which one could begin."""
    yield Progress(0, None, "Reading")
    backbone, names = session.backbone(), catalogue.class_names(session.require())
    told = zip(branches_of(backbone), classes_of(backbone), strict=True)
    rows = [
        {"branch": at, "cut": branch.cut, "features": branch.width,
         "classes": [names[n] for n in numbers if n in names]}
        for at, (branch, numbers) in enumerate(told, 1)
    ]  # fmt: skip
    return {"branches": rows, "cuts": list(sharing.cuts_of(plain(backbone)))}


# The steps of growing.


def numbers_of(session: Session, names: Collection[str] | None) -> list[int]:
    """The classes to grow a branch for. Raises Refused where they are too few, or learnt."""
    known, numbers = catalogue.class_names(session.require()), branching.unlearnt(session)
    chosen = [number for number in numbers if names is None or known[number] in names]
    if not chosen:
        raise Refused(
            "All classes here are learnt already, so there is nothing to grow a branch for. Add "
            "folders of new classes."
        )
    branching.check_enough(session, chosen)
    return chosen


def ground_of(
    session: Session, numbers: Sequence[int], wish: Wish, folder: Path,
    branches: Sequence[Branch] = (),
) -> Generator[Event, None, Ground]:  # fmt: skip
    """The ground for some classes; `branches` are those that one could begin as."""
    train = catalogue.to_learn(session.require(), "train")
    beside = branching.earlier(session, numbers, wish.memory)
    tuning = wish.tuning(sum(len(train[number]) for number in numbers) + len(beside))
    return (yield from branching.ground_for(session, numbers, tuning, folder, beside, branches))


def points_of(
    session: Session, ground: Ground, folder: Path
) -> Generator[Event, None, list[Point]]:
    """The sharing curve, by trainings that are shorter and see fewer images."""
    epochs = max(1.0, sharing.EPOCHS * ground.tuning.epochs)
    quick = replace(ground.tuning, epochs=epochs)
    few = ground.with_fewer(sharing.EACH, quick, folder / "curve")
    name, settings = branching.exact_choice(session)
    return (yield from sharing.curve(few, lambda: session.learner(name, dict(settings))))


def curve_facts(points: Sequence[Point], threshold: float) -> dict[str, Any]:
    return {
        "curve": [point.plain() for point in points],
        "recommended": sharing.recommended(points, threshold).cut if points else None,
        "threshold": threshold,
    }


def planted(
    session: Session, gesture: int, title: str, numbers: Sequence[int], wish: Wish, folder: Path
) -> Generator[Event, None, dict[str, Any]]:
    """Grows a branch for some classes, compares it with learning them without, and learns."""
    before = yield from verdict.judge(session, session.extractor(), new=numbers)
    there = branches_of(session.backbone())
    ground = yield from ground_of(session, numbers, wish, folder, there)
    cut, points = wish.cut, []
    if cut == AUTO:
        points = yield from points_of(session, ground, folder)
        cut = sharing.recommended(points, wish.threshold).cut
    found = {"cut": cut, **curve_facts(points, wish.threshold)}
    if cut == ground.original.cuts[-1]:
        yield Notice(
            "These classes are told apart as well without a branch, so none was grown. Ask for a "
            "smaller threshold, or name a cut, to grow one all the same."
        )
        return {**found, **(yield from without_branch(session, gesture, title))}
    course = ground.course(sharing.checked_cut(ground.original, cut))
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
    scores = yield from study.learn(session, gesture, *study.choice(session, "", None), title)
    return {**scores, "adopted": False, "branch": None}


def taken(
    session: Session, gesture: int, title: str, branched: Backbone, before: verdict.Judged,
    wish: Wish,
) -> Generator[Event, None, dict[str, Any]]:  # fmt: skip
    """Compares a branched network with the one in use, and learns with it where that is wished."""
    own, content = as_own(session, branched)
    if wish.join == CALIBRATED:
        head = yield from branching.joined_head(session, own, branching.carried(session))
    else:
        head = yield from branching.exact_head(session, own)
    extractor, numbers = branching.extractor_of(session, own), classes_of(branched)[-1]
    after = yield from verdict.judge(session, extractor, head.learner, numbers)
    result = verdict.compared(before, after)
    if not (wish.adopt == "always" or (wish.adopt == "better" and verdict.better(result))):
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
    return (yield from study.learn(session, gesture, name, settings, title, head.known))


def cost_table(
    session: Session, ground: Ground, course: Course, branched: Backbone
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


def distilled(session: Session, wish: Wish, folder: Path) -> Generator[Event, None, Backbone]:
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
    row = history.current(session.require())
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

"""Jobs on branches: grow one for new classes, remove it, merge all, and the sharing curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import Refused
from engine.events import Notice, Progress, Work
from engine.jobs import job
from engine.learning import comparison, subnet
from engine.learning.importing import Added, bring_in, look_for
from engine.models.backbone import parameters_of
from engine.models.branches import branches_of, classes_of, plain, pruned
from engine.registry import PluginView, setting, settings_of
from engine.results.branches import (
    BranchChoices,
    Branches,
    BranchesMerged,
    BranchGrown,
    BranchRemoved,
    BranchRow,
    SharingCurve,
)
from engine.session import Session
from engine.storage import catalogue
from engine.storage.catalogue import Split
from engine.training.adopt import ADOPT
from engine.training.branching import heads
from engine.training.branching import sharing_curve as curves
from engine.training.branching.costs import BYTES
from engine.training.branching.grow import (
    accuracy_in_use,
    as_own,
    curve_facts,
    distilled,
    ground_of,
    numbers_of,
    planted,
    points_of,
    title_for,
    too_much,
    use,
)
from engine.training.branching.options import (
    AUTO,
    EXACT,
    FEATURES,
    JOINS,
    MEMORY,
    BranchOptions,
    check_threshold,
    recipe,
    wished,
)
from engine.training.tuner import Tuning


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
) -> Work[BranchGrown]:
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
    wish = BranchOptions(cut, threshold, join, adopt, wished(settings, epochs), features, memory)
    wish.check()
    if cut != AUTO:
        curves.checked_cut(plain(session.backbone()), cut)
    found, project = look_for(paths, "") if paths else None, session.require()
    names = list(found.classes) if found else None
    title, added = title_for(names or ["new classes"]), Added()
    with project.gesture(title, all_or_nothing=True) as gesture:
        if found:
            added = yield from bring_in(session, gesture, found, False)
        yield from subnet.ensure_subnet(session, gesture)
        with heads.workplace(project) as folder:
            numbers = numbers_of(project, names)
            result = yield from planted(session, gesture, title, numbers, wish, folder)
    yield session.changed("learnt")
    return {**added.result(), **result}


@job("Drawing the sharing curve")
def sharing_curve(
    session: Session,
    *,
    threshold: float = 1.0,
    epochs: float = 0,
    memory: float = MEMORY,
    settings: Mapping[str, Any] | None = None,
) -> Work[SharingCurve]:
    """How accurate a branch would be against how much of the network it shares; nothing is kept.

    For the classes that are not learnt yet, otherwise for those of the newest branch, otherwise for
    all.
    """
    wish = BranchOptions(AUTO, threshold, EXACT, "never", wished(settings, epochs), memory=memory)
    wish.check()
    project, extractor = session.require(), session.extractor()
    classes, grown = classes_of(extractor.backbone), branches_of(extractor.backbone)
    split, unlearnt = catalogue.to_learn(project), heads.unlearnt(project)
    newest = [n for n in classes[-1] if n in split.train] if classes else []
    numbers = unlearnt or newest or sorted(split.train)
    heads.check_enough(split, numbers)
    before = grown if unlearnt else grown[:-1]
    with heads.workplace(project) as folder:
        ground = yield from ground_of(project, extractor, numbers, wish, folder, before)
        points = yield from points_of(project, ground, folder)
    return curve_facts(points, threshold)


@job("Remove a branch")
def remove_branch(session: Session, *, branch: int) -> Work[BranchRemoved]:
    """Takes branch `branch` (1 is the oldest) out of the network, and learns without it.

    Its classes are kept: the original network tells them apart from then on.
    """
    project, in_use = session.require(), session.backbone()
    before, left = accuracy_in_use(project), as_own(project, in_use, pruned(in_use, branch))
    joined = project.facts["learner"] == heads.PER_BRANCH and branches_of(left.backbone)
    title = f"Remove branch {branch}"
    with project.gesture(title, all_or_nothing=True) as gesture:
        made = heads.joined_head if joined else heads.exact_head
        head = yield from made(project, session.extractor_of(left.backbone))
        result = yield from use(session, gesture, title, left, head)
    yield session.changed("learnt")
    return {"branch": branch, "before": before, "after": result["accuracy"], **result}


@job("Merging the branches")
def merge_branches(
    session: Session,
    *,
    allowed: float = 1.0,
    epochs: float = 0,
    settings: Mapping[str, Any] | None = None,
) -> Work[BranchesMerged]:
    """Distils the network with all its branches into one of the original's size.

    It is used where its accuracy on held-out images is at most `allowed` points below, and learns
    all classes with one head; as one gesture.
    """
    check_threshold(allowed)
    wish = BranchOptions(AUTO, 0, EXACT, "never", wished(settings, epochs))
    wish.check()
    project, extractor = session.require(), session.extractor()
    if not branches_of(extractor.backbone):
        raise Refused("The network has no branches to merge. Grow one under Tune first.")
    with heads.workplace(project) as folder:
        merged = yield from distilled(project, extractor, session.model(), wish, folder)
    own = as_own(project, extractor.backbone, merged)
    other = session.extractor_of(own.backbone)
    before = yield from comparison.judge(project, extractor)
    head = yield from heads.exact_head(project, other)
    after = yield from comparison.judge(project, other, head.learner)
    result = comparison.compared(before, after)
    adopted = 100 * result["difference"]["all"][0] >= -allowed
    if not adopted:
        yield Notice(f"{too_much(result)} More than {allowed:g} were not allowed.")
        return {**result, "adopted": False}
    title = "Merge the branches"
    with project.gesture(title, all_or_nothing=True) as gesture:
        scores = yield from use(session, gesture, title, own, head)
    yield session.changed("learnt")
    return {**scores, **result, "adopted": True}


@job("List the branches", reads=True)
def list_branches(session: Session) -> Work[Branches]:
    """The network's branches with their classes, and the cuts above which one could begin."""
    yield Progress(0, None, "Reading")
    backbone, names = session.backbone(), catalogue.class_names(session.require())
    told = zip(branches_of(backbone), classes_of(backbone), strict=True)
    rows: list[BranchRow] = [
        {
            "branch": at,
            "cut": branch.cut,
            "features": branch.width,
            "classes": [names[n] for n in numbers if n in names],
        }
        for at, (branch, numbers) in enumerate(told, 1)
    ]
    return {"branches": rows, "cuts": list(curves.cuts_of(plain(backbone)))}


FIRST = ("cut", "threshold", "epochs", "join")
"""The settings that matter most."""


@dataclass
class BranchForm:
    """A copy of the upper stages learns the new classes; all that is there stays as it is."""

    cut: str = setting(
        AUTO,
        "The stage above which the branch begins. Auto takes the one that the sharing curve "
        "recommends.",
    )
    threshold: float = setting(
        1.0,
        "How many points of accuracy may be lost for sharing more of the network.",
        least=0,
        most=100,
        label="Threshold, points",
    )
    join: str = setting(
        EXACT,
        "Exact: one head for all classes, learnt again on all features. Calibrated: the "
        "heads before stay as they are to the last bit, and the new one is scaled to them.",
        choices=JOINS,
        label="Heads",
    )
    features: int = setting(
        FEATURES,
        "How many features the branch adds, those that vary most; 0 adds all.",
        least=0,
        most=10_000,
    )
    memory: float = setting(
        MEMORY,
        "How many images of earlier classes it sees beside each new one. More of them tell "
        "new from old better and take longer; 0 shows none.",
        least=0,
        most=100,
        label="Earlier images",
    )
    adopt: str = setting(
        "better",
        "When the branch is used: where it answers more held-out images rightly, always, "
        "or never. Undo goes back.",
        choices=ADOPT,
        label="Use the branch",
    )


@job("Read what a branch could be", reads=True)
def branch_choices(session: Session) -> Work[BranchChoices]:
    """The classes that a branch could be grown for, its settings, and the branches that there are.

    The classes are those that are not learnt yet.
    """
    yield Progress(0, None, "Reading")
    there = yield from list_branches(session)
    grown = zip(there["branches"], branches_of(session.backbone()), strict=True)
    project = session.require()
    names, split = catalogue.class_names(project), catalogue.to_learn(project)
    train, numbers = split.train, heads.unlearnt(project)
    own = settings_of(BranchForm)
    return {
        "cuts": there["cuts"],
        "branches": [{**row, "bytes": BYTES * parameters_of([b.clone])} for row, b in grown],
        "classes": [{"name": names[n], "images": len(train[n])} for n in numbers],
        "problem": problem(split, numbers),
        "form": form(tuple(there["cuts"]), recipe({}, sum(len(train[n]) for n in numbers))),
        "first": FIRST,
        "own": tuple(view.name for view in own),
    }


def problem(split: Split, numbers: Sequence[int]) -> str:
    """Why no branch could be grown for these classes, in a sentence; empty where one could."""
    if not numbers:
        return ""
    try:
        heads.check_enough(split, numbers)
    except Refused as error:
        return str(error)
    return ""


def form(cuts: tuple[str, ...], proposed: Tuning) -> PluginView:
    """The settings of a branch and of its training, with what is proposed as their defaults."""
    own = tuple(
        replace(view, choices=(AUTO, *cuts)) if view.name == "cut" else view
        for view in settings_of(BranchForm)
    )
    values: dict[str, Any] = vars(proposed)
    trained = tuple(replace(v, default=values[v.name]) for v in settings_of(type(proposed)))
    together = sorted((*own, *trained), key=lambda view: order(view.name))
    return PluginView("branch", "Branch", (BranchForm.__doc__ or "").strip(), tuple(together))


def order(name: str) -> int:
    """The settings that matter most come first, the others as they were."""
    return FIRST.index(name) if name in FIRST else len(FIRST)

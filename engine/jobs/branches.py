"""Jobs on branches: grow one for new classes, remove it, merge all, and the sharing curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import Refused
from engine.events import Answer, Notice, Progress, Work
from engine.jobs import job
from engine.learning import comparison, subnet
from engine.learning.importing import Added, bring_in, look_for
from engine.models.backbone import parameters_of
from engine.models.branches import branches_of, classes_of, plain, pruned
from engine.registry import PluginView, setting, settings_of
from engine.session import Session
from engine.storage import catalogue
from engine.training.adopt import ADOPT
from engine.training.branching import heads
from engine.training.branching import heads as branching_heads
from engine.training.branching import sharing_curve as branching_sharing_curve
from engine.training.branching.costs import BYTES
from engine.training.branching.grow import (
    accuracy_in_use,
    as_own,
    curve_facts,
    distilled,
    ground_of,
    learnt,
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
    wish = BranchOptions(cut, threshold, join, adopt, wished(settings, epochs), features, memory)
    wish.check()
    if cut != AUTO:
        branching_sharing_curve.checked_cut(plain(session.backbone()), cut)
    found = look_for(paths, "") if paths else None
    names = list(found.classes) if found else None
    title, added = title_for(names or ["new classes"]), Added()
    with session.require().gesture(title, all_or_nothing=True) as gesture:
        if found:
            added = yield from bring_in(session, gesture, found, False)
        yield from subnet.ensure_subnet(session, gesture)
        with heads.workplace(session) as folder:
            numbers = numbers_of(session, names)
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
) -> Work:
    """How accurate a branch would be against how much of the network it shares; nothing is kept.

    For the classes that are not learnt yet, otherwise for those of the newest branch, otherwise for
    all. Returns curve and recommended.
    """
    wish = BranchOptions(AUTO, threshold, EXACT, "never", wished(settings, epochs), memory=memory)
    wish.check()
    classes, grown = classes_of(session.backbone()), branches_of(session.backbone())
    there, unlearnt = catalogue.to_learn(session.require(), "train"), heads.unlearnt(session)
    newest = [n for n in classes[-1] if n in there] if classes else []
    numbers = unlearnt or newest or sorted(there)
    heads.check_enough(session, numbers)
    before = grown if unlearnt else grown[:-1]
    with heads.workplace(session) as folder:
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
    joined = project.facts["learner"] == branching_heads.PER_BRANCH and branches_of(left)
    title = f"Remove branch {branch}"
    with project.gesture(title, all_or_nothing=True) as gesture:
        heads = branching_heads.joined_head if joined else branching_heads.exact_head
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
    wish = BranchOptions(AUTO, 0, EXACT, "never", wished(settings, epochs))
    wish.check()
    project, backbone = session.require(), session.backbone()
    if not branches_of(backbone):
        raise Refused("The network has no branches to merge. Grow one under Tune first.")
    with heads.workplace(session) as folder:
        merged = yield from distilled(session, wish, folder)
    own, content = as_own(session, merged)
    before = yield from comparison.judge(session, session.extractor())
    head = yield from heads.exact_head(session, own)
    after = yield from comparison.judge(session, heads.extractor_of(session, own), head.learner)
    result = comparison.compared(before, after)
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
def list_branches(session: Session) -> Answer:
    """The network's branches with their classes, and the cuts above which one could begin."""
    yield Progress(0, None, "Reading")
    backbone, names = session.backbone(), catalogue.class_names(session.require())
    told = zip(branches_of(backbone), classes_of(backbone), strict=True)
    rows = [
        {"branch": at, "cut": branch.cut, "features": branch.width,
         "classes": [names[n] for n in numbers if n in names]}
        for at, (branch, numbers) in enumerate(told, 1)
    ]  # fmt: skip
    return {"branches": rows, "cuts": list(branching_sharing_curve.cuts_of(plain(backbone)))}


FIRST = ("cut", "threshold", "epochs", "join")
"""The settings that matter most."""


@dataclass
class BranchForm:
    """A copy of the upper stages learns the new classes; all that is there stays as it is."""

    cut: str = setting(
        AUTO, "The stage above which the branch begins. Auto takes the one that the sharing curve "
        "recommends.",
    )  # fmt: skip
    threshold: float = setting(
        1.0, "How many points of accuracy may be lost for sharing more of the network.",
        least=0, most=100, label="Threshold, points",
    )  # fmt: skip
    join: str = setting(
        EXACT, "Exact: one head for all classes, learnt again on all features. Calibrated: the "
        "heads before stay as they are to the last bit, and the new one is scaled to them.",
        choices=JOINS, label="Heads",
    )  # fmt: skip
    features: int = setting(
        FEATURES, "How many features the branch adds, those that vary most; 0 adds all.",
        least=0, most=10_000,
    )  # fmt: skip
    memory: float = setting(
        MEMORY, "How many images of earlier classes it sees beside each new one. More of them tell "
        "new from old better and take longer; 0 shows none.",
        least=0, most=100, label="Earlier images",
    )  # fmt: skip
    adopt: str = setting(
        "better", "When the branch is used: where it answers more held-out images rightly, always, "
        "or never. Undo goes back.", choices=ADOPT, label="Use the branch",
    )  # fmt: skip


@job("Read what a branch could be", reads=True)
def branch_choices(session: Session) -> Work:
    """The classes that a branch could be grown for, its settings, and the branches that there are.

    Returns classes ([{"name", "images"}], not learnt yet), problem (why no branch could be grown
    for them, or nothing), form (a PluginView), first (the names of the settings that matter most),
    own (those of the branch; the others are of fine-tuning), cuts, and branches with their bytes.
    """
    yield Progress(0, None, "Reading")
    there = yield from list_branches(session)
    grown = zip(there["branches"], branches_of(session.backbone()), strict=True)
    names = catalogue.class_names(session.require())
    train = catalogue.to_learn(session.require(), "train")
    numbers = heads.unlearnt(session)
    own = settings_of(BranchForm)
    return {
        "cuts": there["cuts"],
        "branches": [{**row, "bytes": BYTES * parameters_of([b.clone])} for row, b in grown],
        "classes": [{"name": names[n], "images": len(train[n])} for n in numbers],
        "problem": problem(session, numbers),
        "form": form(tuple(there["cuts"]), recipe({}, sum(len(train[n]) for n in numbers))),
        "first": FIRST,
        "own": tuple(view.name for view in own),
    }


def problem(session: Session, numbers: Sequence[int]) -> str:
    """Why no branch could be grown for these classes, in a sentence; empty where one could."""
    if not numbers:
        return ""
    try:
        heads.check_enough(session, numbers)
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

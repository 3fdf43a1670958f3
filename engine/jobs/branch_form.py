"""What the window's form for branches is made from: classes, cuts, settings, and what there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine import branching, catalogue
from engine.branches import branches_of
from engine.costs import BYTES
from engine.errors import Refused
from engine.events import Progress
from engine.jobs import Work, job
from engine.jobs.branch import list_branches
from engine.jobs.branch_wish import AUTO, EXACT, FEATURES, JOINS, MEMORY, recipe
from engine.jobs.tune import ADOPT
from engine.net import parameters_of
from engine.registry import PluginView, setting, settings_of
from engine.session import Session
from engine.tuning import Tuning

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
    numbers = branching.unlearnt(session)
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
        branching.check_enough(session, numbers)
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

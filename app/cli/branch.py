"""The command that grows a branch of a project's network for new classes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from app.cli.terminal import ADOPT, columns, do, finish, scores_table
from engine.results.branches import (
    Branches,
    BranchesMerged,
    BranchGrown,
    BranchRemoved,
    Cost,
    CurvePoint,
    compared_in,
)
from engine.system.words import per_cent

NAMES = ("branch",)
JOINS = ("exact", "calibrated")


def add_to(command: Any) -> None:
    """Adds the command; `command(name, work, help, *places)` makes a parser for it."""
    help = "Learn new classes as a branch of the network, beside what it can already tell apart."
    parser = command("branch", branch, help, "project")
    add = parser.add_argument
    add("folder", nargs="*", help="none: the project's classes that are not learnt yet")
    add("--cut", default="auto", metavar="auto|STAGE", help="the stage above which it begins")
    help = "how far below the best cut the one that shares more may be"
    add("--threshold", type=float, default=1.0, metavar="POINTS", help=help)
    add("--join", default="exact", choices=JOINS, help="one head, or the old ones left as they are")
    add("--epochs", type=float, default=0, metavar="N", help="how often each image is seen")
    help = "how many images of earlier classes it sees beside each new one; 1 unless told"
    add("--memory", type=float, default=1.0, metavar="N", help=help)
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="of fine-tuning")
    help = "use the branch: better (on held-out images), always or never"
    add("--adopt", default="better", choices=ADOPT, help=help)
    help = "take branch N out of the network again, and learn without it"
    add("--remove", type=int, default=0, metavar="N", help=help)
    add("--merge", action="store_true", help="make one network of all branches, by distillation")
    add("--list", action="store_true", help="list the branches and the possible cuts")


def branch(options: argparse.Namespace) -> int:
    """Grows a branch, or does what one of the options asks for instead."""
    project, settings = options.project, dict(text.partition("=")[::2] for text in options.set)
    if options.list:
        ended = do(options, "list_branches", project=project)
        return finish(options, ended, Branches, branches_table)
    if options.remove:
        ended = do(options, "remove_branch", project=project, branch=options.remove)
        return finish(options, ended, BranchRemoved, removed)
    how = {"project": project, "epochs": options.epochs, "settings": settings}
    if options.merge:
        ended = do(options, "merge_branches", allowed=options.threshold, **how)
        return finish(options, ended, BranchesMerged, merged_table)
    ended = do(
        options,
        "grow_branch",
        paths=options.folder,
        cut=options.cut,
        join=options.join,
        threshold=options.threshold,
        adopt=options.adopt,
        memory=options.memory,
        **how,
    )
    return finish(options, ended, BranchGrown, grown_table)


def grown_table(result: BranchGrown) -> str:
    """The curve, both ways' scores, the costs, and what is in use now."""
    parts = [curve_table(result["curve"], result["recommended"])] if result["curve"] else []
    if compared := compared_in(result):
        parts.append(scores_table(compared))
    if "costs" in result:
        parts += [costs_table(result["costs"]["rows"]), result["costs"]["energy"]]
    how = (
        f"as branch {result['branch']}, above {result['cut']}"
        if result["adopted"]
        else ("without a branch")
    )
    last = f"learnt {how}; accuracy on held-out images: {per_cent(result['accuracy'])}"
    return "\n\n".join([*parts, last])


def curve_table(points: Sequence[CurvePoint], recommended: str | None) -> str:
    """The sharing curve, a line for each cut; the recommended one is marked."""
    rows = [("shared up to", "parameters", "operations", "accuracy", "95 % interval", "")]
    for p in points:
        low, high = p["interval"]
        rows.append(
            (
                p["cut"],
                per_cent(p["share_parameters"]),
                per_cent(p["share_macs"]),
                per_cent(p["accuracy"]),
                f"{per_cent(low)} to {per_cent(high)}",
                "recommended" if p["cut"] == recommended else "",
            )
        )
    return columns(rows)


def costs_table(ways: Sequence[Cost]) -> str:
    """What the branch costs beside other ways: to learn, and for one image in use."""
    rows = [
        (
            "",
            "images",
            "trained",
            "operations",
            "energy",
            "seconds",
            "network",
            "per image",
            "read",
            "energy",
        )
    ]
    for way in ways:
        seconds = "–" if way["learn_seconds"] is None else f"{way['learn_seconds']:.0f}"
        rows.append(
            (
                way["way"],
                str(way["pictures"]),
                f"{way['trained_parameters'] / 1e6:.2f} M",
                f"{way['learn_macs'] / 1e12:.2f} T",
                f"{way['learn_joules']:.3g} J",
                seconds,
                f"{way['stored_bytes'] / 1e6:.1f} MB",
                f"{way['macs'] / 1e6:.1f} M",
                f"{way['read_bytes'] / 1e6:.1f} MB",
                f"{1e3 * way['joules']:.3g} mJ",
            )
        )
    return columns(rows)


def removed(result: BranchRemoved) -> str:
    before, after = per_cent(result["before"]), per_cent(result["after"])
    return f"Removed branch {result['branch']}: accuracy {before} before, {after} now."


def merged_table(result: BranchesMerged) -> str:
    table = scores_table(result, "branches", "merged")
    return f"{table}\n\n" + (
        "The merged network is in use now." if result["adopted"] else "The branches stay."
    )


def branches_table(result: Branches) -> str:
    rows = [("branch", "above", "features", "classes")]
    for row in result["branches"]:
        rows.append(
            (str(row["branch"]), row["cut"], str(row["features"]), ", ".join(row["classes"]))
        )
    return f"{columns(rows)}\n\ncuts: {', '.join(result['cuts'])}"

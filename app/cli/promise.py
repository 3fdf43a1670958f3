"""The commands that say how many answers may be wrong, and which groups unsure ones name."""

from __future__ import annotations

import argparse
from typing import Any

from app.cli.terminal import columns, do, finish
from engine.events import Ended
from engine.results.images import ClassesGrouped
from engine.results.learn import PromiseSet, PromiseView
from engine.system.words import per_cent, plural, rate_in, whole

NAMES = ("promise", "group")
NO_RATE = "“{}” is no share of answers. Write it in per cent, as in 2%, or off."
CURVE = 10
"""So many points of the curve are listed where a person reads; --json has them all."""


def add_to(command: Any) -> None:
    """Adds the commands; `command(name, work, help, *places)` makes a parser for each."""
    help = "Promise that at most so many of the answers are wrong; the others become “not sure”."
    parser = command("promise", promise, help, "project")
    help = "in per cent, as in 2%%, or off; none: say what the project promises, and could"
    parser.add_argument("rate", nargs="?", metavar="RATE", help=help)
    help = "Put classes into a group, which an answer names that is not sure of the class."
    p = command("group", group, help, "project")
    p.add_argument("name", nargs="+", metavar="CLASS")
    help = "the group's name, with those around it: moths/hawk-moths; none: out of their groups"
    p.add_argument("--within", default="", metavar="GROUP", help=help)


def promise(options: argparse.Namespace) -> int:
    if options.rate is None:
        ended = do(options, "promise", project=options.project)
        return finish(options, ended, PromiseView, seen)
    rate = rate_in(options.rate)
    if rate is None:
        return finish(
            options, Ended("refused", NO_RATE.format(options.rate)), PromiseSet, lambda r: r["said"]
        )
    ended = do(options, "set_promise", project=options.project, rate=rate)
    return finish(options, ended, PromiseSet, lambda result: result["said"])


def group(options: argparse.Namespace) -> int:
    names = {"names": options.name, "group": options.within}
    ended = do(options, "group_classes", project=options.project, **names)
    return finish(
        options,
        ended,
        ClassesGrouped,
        lambda r: f"{plural(r['changed'], 'class')} changed: {r['group'] or 'no group'}.",
    )


def seen(result: PromiseView) -> str:
    """What is promised, what could be, each class under it, and the curve."""
    now = [kept["said"] for kept in result["now"]]
    parts = ["\n".join(now or ["Every answer is given; nothing is promised."])]
    parts.append("\n".join(kept["said"] for kept in result["choices"]))
    if result["classes"]:
        rows = [("class", "answers", "wrong", "least probability", "shown of")]
        rows += [
            (
                row["name"],
                str(row["answers"]),
                str(row["wrong"]),
                f"{row['least']:.4f}" if row["least"] <= 1 else "never",
                "it alone" if row["alone"] else "all such classes",
            )
            for row in result["classes"]
        ]
        parts.append(columns(rows))
    points = result["curve"][:: -(-len(result["curve"]) // CURVE) or 1]
    if points:
        lines = [("answered", "wrong", "at most", "least probability")]
        lines += [
            (
                whole(p["answered"]),
                per_cent(p["wrong"]),
                per_cent(p["most"]),
                f"{p['confidence']:.4f}",
            )
            for p in points
        ]
        parts.append(columns(lines))
    return "\n\n".join(parts)

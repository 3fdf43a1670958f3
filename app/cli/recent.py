"""The command that learns only recent images, where a stream changes."""

from __future__ import annotations

import argparse
from typing import Any

from app.cli.terminal import do, finish
from engine.results.learn import RecentSet
from engine.system.words import per_cent, plural

NAMES = ("recent",)


def add_to(command: Any) -> None:
    """Adds the command; `command(name, work, help, *places)` makes a parser for it."""
    help = "Learn only the last images of each class; older ones are unlearnt exactly, and stay."
    parser = command("recent", recent, help, "project")
    which = parser.add_mutually_exclusive_group()
    help = "the last N of each class, by the camera's time, then in the order in which they came"
    which.add_argument("--images", type=int, metavar="N", help=help)
    help = "those of the last DAYS before the newest image; without a camera's time all stay"
    which.add_argument("--days", type=float, metavar="DAYS", help=help)
    which.add_argument("--all", action="store_true", help="all images, however old they are")


def recent(options: argparse.Namespace) -> int:
    if options.images is None and options.days is None and not options.all:
        ended = do(options, "recent", project=options.project)
    else:
        images, days = options.images or 0, options.days or 0.0
        ended = do(options, "set_recent", project=options.project, images=images, days=days)
    return finish(options, ended, RecentSet, text)


def text(result: RecentSet) -> str:
    """Which images are learnt, how many, and how well it does."""
    old = f", {result['old']:,} are too old" if result["old"] else ""
    lines = [result["formula"], f"{plural(result['learnt'])} to learn{old}."]
    if result.get("accuracy") is not None:
        lines.append(f"Learnt: {per_cent(result['accuracy'])} of held-out images right.")
    return "\n".join(lines)

"""The command that names learnt images to look at again."""

from __future__ import annotations

import argparse
from pathlib import PurePath
from typing import Any

from app.cli.terminal import columns, do, finish
from engine.results.review import Review
from engine.system.words import per_cent, plural

NAMES = ("review",)
SHOWN = 40
"""Images of each list that are listed where a person reads; --json has them all."""


def add_to(command: Any) -> None:
    """Adds the command; `command(name, work, help, *places)` makes a parser for it."""
    help = "List learnt images to look at again: of a wrong class, or unlike all others."
    parser = command("review", review, help, "project")
    help = "so many images of each list at most; all without it"
    parser.add_argument("--limit", type=int, default=0, metavar="N", help=help)


def review(options: argparse.Namespace) -> int:
    ended = do(options, "review", project=options.project, limit=options.limit)
    return finish(options, ended, Review, text)


def text(result: Review) -> str:
    """Both lists, the worst first."""
    parts = [f"{plural(result['images'])} judged as if not learnt."]
    if not result["both_sides"]:
        parts[0] = f"{plural(result['images'])} judged: this method can judge held-out ones alone."
    if result["wrong"]:
        rows = [("in a wrong class?", "class", "", "likelier", "", "nearest of it")]
        rows += [
            (
                PurePath(r["path"]).name,
                r["class"],
                per_cent(r["probability"]),
                r["likelier"],
                per_cent(r["likelier_probability"]),
                PurePath(r["nearest"]).name,
            )
            for r in result["wrong"][:SHOWN]
        ]
        parts.append(columns(rows) + more(len(result["wrong"])))
    if result["unlike"]:
        found = [("unlike all others", "class", "nearest")]
        found += [
            (PurePath(r["path"]).name, r["class"], PurePath(r["nearest"]).name)
            for r in result["unlike"][:SHOWN]
        ]
        parts.append(columns(found) + more(len(result["unlike"])))
    if len(parts) == 1:
        parts.append("There is nothing to look at again.")
    return "\n\n".join(parts)


def more(count: int) -> str:
    return f"\nand {count - SHOWN:,} more" if count > SHOWN else ""

"""The commands of images that wait for a class: add them, ask what they may be, and name them."""

from __future__ import annotations

import argparse
from typing import Any

from app.cli.terminal import do, finish
from engine.results.heap import UnsortedAdded
from engine.system.words import plural

NAMES = ("add",)


def add_to(command: Any) -> None:
    """Adds the commands; `command(name, work, help, *places)` makes a parser for each."""
    help = "Add images without a class, to be sorted afterwards."
    parser = command("add", add, help, "project")
    parser.add_argument("path", nargs="+", metavar="PATH", help="images and folders of images")
    parser.add_argument("--copy", action="store_true", help="copy the images into the project")


def add(options: argparse.Namespace) -> int:
    ended = do(
        options, "add_unsorted", project=options.project, paths=options.path, copy=options.copy
    )
    return finish(options, ended, UnsortedAdded, added_text)


def added_text(result: UnsortedAdded) -> str:
    lines = [f"{plural(result['added'])} added, {result['waiting']:,} wait for a class."]
    parts = {
        "were there already": result["already_there"],
        "lie in classes already": len(result["in_classes"]),
        "can't be used": len(result["skipped"]),
    }
    lines += [f"{number} {what}" for what, number in parts.items() if number]
    return "\n".join(lines)

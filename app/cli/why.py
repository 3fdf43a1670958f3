"""The command that says why an image gets its answer."""

from __future__ import annotations

import argparse
from typing import Any

from app.cli.terminal import do, finish
from engine.events import Ended
from engine.results.why import Why

NAMES = ("why",)


def add_to(command: Any) -> None:
    """Adds the command; `command(name, work, help, *places)` makes its parser."""
    help = "Say which parts of an image speak for its answer, and which image for another one."
    parser = command("why", why, help, "project")
    parser.add_argument("image", metavar="IMAGE")
    help = "what speaks for this class, whatever the answer is"
    parser.add_argument("--of", default="", metavar="CLASS", help=help)
    help = "write the image with the reasons over it: blue speaks for the answer, orange against it"
    parser.add_argument("--to", default="", metavar="FILE", help=help)
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it is there")


def why(options: argparse.Namespace) -> int:
    """The reasons as numbers with --json, in words without."""
    settings = {"path": options.image, "of": options.of, "to": options.to}
    settings["overwrite"] = options.overwrite
    ended = do(options, "explain", project=options.project, **settings)
    if options.json and ended.how == "done":
        plain = {k: v for k, v in ended.of(Why).items() if k != "overlay"}
        ended = Ended("done", "", plain)
    return finish(options, ended, Why, lambda result: text(result, options.to))


def text(result: Why, to: str) -> str:
    """What speaks for the answer, how far that can be believed, and what would change it."""
    lines = [f"{result['answer']}: {result['where']}"]
    lines += [result[part] for part in ("whose", "how") if part in result]
    if "beside" in result:
        nearest = f"Nearest image of {result['second']}, the likeliest other class"
        lines.append(f"{nearest}: {result['beside']['path']}")
    if to:
        lines.append(f"Written to {to}: blue speaks for {result['answer']}, orange against it.")
    return "\n".join(lines)

"""The command that adapts a project's network on images without classes."""

from __future__ import annotations

import argparse
from typing import Any

from app.cli import together, tune
from app.cli.terminal import do, finish
from engine.results.tune import Estimate, Tuned
from engine.system.words import plural

NAMES = ("adapt",)


def add_to(command: Any) -> None:
    """Adds the command; `command(name, work, help, *places)` makes its parser."""
    help = "Adapt the network on images without classes; it is used only if it is better."
    parser = command("adapt", adapt, help, "project")
    add = parser.add_argument
    help = "a folder of images; without one, the project's own, but for those held out"
    where = parser.add_mutually_exclusive_group()
    where.add_argument("folder", nargs="?", default="", metavar="FOLDER", help=help)
    help = "only the images that wait for a class"
    where.add_argument("--heap", action="store_true", help=help)
    add("--method", default="vicreg", help="vicreg or simsiam")
    help = "begin with random weights, and not from the network in use"
    add("--from-nothing", action="store_true", help=help)
    help = "as for tune; last_stages unless set, and none from nothing"
    add("--schedule", default="", help=help)
    help = "a setting of the method or of the schedule"
    add("--set", action="append", default=[], metavar="NAME=VALUE", help=help)
    add("--epochs", type=float, default=0, metavar="N", help="how often each image is seen")
    add("--estimate", action="store_true", help="only say how long it would take")
    tune.add_adopt(parser)
    together.add_processes(parser)


def adapt(options: argparse.Namespace) -> int:
    """Adapts, and prints how the result compares with the network in use."""
    settings = dict(text.partition("=")[::2] for text in options.set)
    asked = {
        "project": options.project,
        "images": options.folder or ("heap" if options.heap else "project"),
        "method": options.method,
        "schedule": options.schedule,
        "settings": {**settings, **({"start": "nothing"} if options.from_nothing else {})},
        "epochs": options.epochs,
    }
    if options.estimate:
        return finish(options, do(options, "estimate_adapt", **asked), Estimate, tune.estimated)
    return tune.trained(options, "adapt", asked, text)


def text(result: Tuned) -> str:
    """The comparison, on how many images it learnt, and whether it collapsed."""
    found = result["unlabelled"]
    assert found is not None
    said = f"Learnt from {plural(found['images'])} without classes."
    if found["collapsed"]:
        said += " It collapsed: nearly the same output for all of them."
    return f"{tune.comparison(result)}\n{said}"

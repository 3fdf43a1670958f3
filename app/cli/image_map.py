"""The command of the map: where each image lies, as a table."""

from __future__ import annotations

import argparse
from typing import Any

from app.cli.terminal import do, finish
from engine.results.map import MapDrawn, MapSaved
from engine.system.words import plural

NAMES = ("map",)
OUTPUT = "-"


def add_to(command: Any) -> None:
    """Adds the command; `command(name, work, help, *places)` makes its parser."""
    help = "Draw all images as points on two axes. What lies on the map already stays where it is."
    parser = command("map", draw, help, "project")
    help = "write path, class, x and y of each image to FILE, or to standard output"
    parser.add_argument("--csv", nargs="?", const=OUTPUT, default=None, metavar="FILE", help=help)
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it is there")
    help = "draw together what is alike, too; it takes minutes, and needs the extra “map”"
    parser.add_argument("--refine", action="store_true", help=help)
    parser.add_argument("--anew", action="store_true", help="draw all of it anew")


def draw(options: argparse.Namespace) -> int:
    """Draws the map, and writes it where that was asked for."""
    settings = {"anew": options.anew, "refine": options.refine}
    ended = do(options, "draw_map", project=options.project, **settings)
    if ended.how != "done" or options.csv is None:
        return finish(options, ended, MapDrawn, text)
    settings = {"to": options.csv, "overwrite": options.overwrite}
    ended = do(options, "save_map", project=options.project, **settings)
    if ended.how == "done" and options.csv == OUTPUT:
        return 0
    return finish(options, ended, MapSaved, lambda r: f"{plural(r['rows'])} written to {r['to']}.")


def text(result: MapDrawn) -> str:
    axes = "two axes along which they differ most"
    if result["parted"]:
        axes = f"two axes that part {plural(result['parted'], 'class')}"
    refined = ", with what is alike drawn together" if result["refined"] else ""
    return f"{plural(result['images'])} on {axes}{refined}. --csv FILE writes where each lies."

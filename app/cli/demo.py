"""The commands that need no project of a person's, or only draw it."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from app.cli.terminal import columns, do, finish, with_suffix
from engine.results.export import DemoMade
from engine.system.words import per_cent

NAMES = ("demo", "picture")


def add_to(command: Any) -> None:
    """What needs no project of a person's, or only draws it."""
    p = command("demo", demo, "Do the main job on the sample images, without a window.")
    p.add_argument("--to", default="", metavar="FOLDER", help="where to put what it makes")
    help = "Draw a project's scores as the window shows them; needs no display."
    p = command("picture", picture, help, "project")
    p.add_argument("--to", default=".", metavar="FOLDER", help="where to put window.png")


def demo(options: argparse.Namespace) -> int:
    ended = do(options, "demo", folder=options.to)
    if ended.how == "done":
        picture = picture_of_window(ended.of(DemoMade))
        ended = type(ended)("done", "", {**ended.result, **picture})
    return finish(options, ended, DemoMade, demo_table)


def picture_of_window(made: DemoMade) -> dict[str, str]:
    """Has a process of its own draw the window offscreen, since this one imports no Qt."""
    import subprocess

    asked = [*program(), "picture", made["project"], "--to", made["folder"]]
    drawn = subprocess.run(asked, capture_output=True, text=True, check=False)
    return {"picture": drawn.stdout.strip()} if drawn.returncode == 0 else {}


def program() -> list[str]:
    """The words that start this program: Python and its module, or itself where it is frozen."""
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "app"]


def picture(options: argparse.Namespace) -> int:
    """Prints where the picture lies."""
    from app.shell.screenshots import picture_of_project

    ended = picture_of_project(options.to, with_suffix(options.project))
    return finish(options, ended, dict, lambda r: r["picture"])


def demo_table(result: DemoMade) -> str:
    rows = [("learner", "accuracy", "seconds")]
    rows += [
        (r["learner"], per_cent(r["accuracy"]), f"{r['seconds']:.2f}") for r in result["scores"]
    ]
    lines = [columns(rows), "", f"project: {result['project']}", f"model:   {result['model']}"]
    if "picture" in result:
        lines.append(f"window:  {result['picture']}")
    return "\n".join(lines)

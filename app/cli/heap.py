"""The commands of images that wait for a class: add them, ask what they may be, and name them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from app.cli.terminal import columns, do, finish
from engine.results.heap import Accepted, ClassesSuggested, ImagesNamed, SetAside, UnsortedAdded
from engine.results.images import ImagesMoved
from engine.system.words import per_cent, plural, whole

NAMES = ("add", "suggest", "label", "accept", "aside", "hold-out")
SHOWN = 40
"""Images that are listed where a person reads; --json has them all."""


def add_to(command: Any) -> None:
    """Adds the commands; `command(name, work, help, *places)` makes a parser for each."""
    help = "Add images without a class, to be sorted afterwards."
    parser = command("add", add, help, "project")
    parser.add_argument("path", nargs="+", metavar="PATH", help="images and folders of images")
    parser.add_argument("--copy", action="store_true", help="copy the images into the project")
    help = "seconds after which an image of a camera belongs to another burst; 60 unless set"
    parser.add_argument("--gap", type=float, default=None, metavar="SECONDS", help=help)
    help = "Say what each image that waits may be, and in which order to look at them."
    parser = command("suggest", suggest, help, "project")
    help = "likeness, uncertain, useful or time"
    parser.add_argument("--order", default="likeness", help=help)
    help = "so many images at most; all without it"
    parser.add_argument("--limit", type=int, default=0, metavar="N", help=help)
    help = "Put images that wait into a class, and learn them."
    parser = command("label", label, help, "project")
    parser.add_argument("path", nargs="+", metavar="PATH", help="images as they were added")
    parser.add_argument("name", metavar="CLASS", help="made, if there is none of that name")
    help = "with all that was taken together with them"
    parser.add_argument("--burst", action="store_true", help=help)
    help = "Put all images of whose class the project is sure into it, and learn them."
    parser = command("accept", accept, help, "project")
    help = "the least probability, from 0 to 1"
    parser.add_argument("--above", type=float, required=True, metavar="PROBABILITY", help=help)
    help = "only say how many images these are, and how many mistakes to expect"
    parser.add_argument("--dry-run", action="store_true", help=help)
    help = "Set images aside that are none of the classes, or not usable."
    parser = command("aside", aside, help, "project")
    parser.add_argument("path", nargs="+", metavar="PATH", help="images as they were added")
    parser.add_argument("--back", action="store_true", help="take them back")
    command("hold-out", hold_out, "Keep a fifth of each class for testing, and learn.", "project")


def add(options: argparse.Namespace) -> int:
    ended = do(
        options,
        "add_unsorted",
        project=options.project,
        paths=options.path,
        copy=options.copy,
        gap=options.gap,
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


def suggest(options: argparse.Namespace) -> int:
    ended = do(
        options, "suggest", project=options.project, order=options.order, limit=options.limit
    )
    return finish(options, ended, ClassesSuggested, suggested_text)


def suggested_text(result: ClassesSuggested) -> str:
    """The first images, each with the two likeliest classes, or groups while there is no class."""
    if not result["order"]:
        return "No image waits for a class."
    if result["groups"]:
        alike = [("images", "the most typical")]
        alike += [(str(len(g)), PurePath(g[0]).name) for g in result["groups"][:SHOWN]]
        return columns(alike) + "\n\nName one: espalier label PROJECT PATH CLASS"
    rows = [("image", "class", "", "or", "")]
    rows += [line(path, result["suggestions"][path]) for path in result["order"][:SHOWN]]
    lines, stand = [columns(rows), ""], result["standing"]
    if len(result["order"]) > SHOWN:
        lines.append(f"and {len(result['order']) - SHOWN:,} more")
    if result["ask"]:
        lines.append(f"To judge by, name first, without a suggestion: {result['ask']}")
    lines.append(
        f"About {plural(stand['keys_left'])} to name until {whole(stand['wanted'])} are right "
        "when the rest is accepted."
    )
    return "\n".join(lines)


def line(path: str, shares: Mapping[str, float]) -> tuple[str, str, str, str, str]:
    best = sorted(shares.items(), key=lambda pair: -pair[1])[:2]
    (first, share), (second, other) = (*best, ("", None))[:2]
    return PurePath(path).name, first, per_cent(share), second, per_cent(other) if second else ""


def label(options: argparse.Namespace) -> int:
    """Puts images that wait into a class, and learns them."""
    ended = do(
        options,
        "label_images",
        project=options.project,
        paths=options.path,
        to=options.name,
        burst=options.burst,
        learn=True,
    )

    def text(result: ImagesNamed) -> str:
        new = ", a new class" if result["new_class"] else ""
        held = f" {plural(result['held_out'])} held out to judge by." if result["held_out"] else ""
        return f"{plural(result['images'])} put into {result['class']}{new}, and learnt.{held}"

    return finish(options, ended, ImagesNamed, text)


def accept(options: argparse.Namespace) -> int:
    """Takes all suggestions that are sure enough, or says what that would do."""
    ended = do(
        options,
        "accept_above",
        project=options.project,
        least=options.above,
        really=not options.dry_run,
        learn=True,
    )

    def text(result: Accepted) -> str:
        rows = [("class", "images"), *((n, str(c)) for n, c in result["classes"].items())]
        done = "put into their classes and learnt" if result["done"] else "would be accepted"
        expected = f"About {result['mistakes']:.1f} mistakes are to be expected."
        if not result["images"]:
            return "There is no image of which the project is so sure."
        return f"{columns(rows)}\n\n{plural(result['images'])} {done}. {expected}"

    return finish(options, ended, Accepted, text)


def aside(options: argparse.Namespace) -> int:
    ended = do(options, "set_aside", project=options.project, paths=options.path, back=options.back)
    what = "taken back" if options.back else "set aside"
    return finish(options, ended, SetAside, lambda r: f"{plural(r['images'])} {what}.")


def hold_out(options: argparse.Namespace) -> int:
    ended = do(options, "hold_out", project=options.project)
    return finish(options, ended, ImagesMoved, lambda r: f"{plural(r['moved'])} kept for testing.")

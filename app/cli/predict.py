"""The commands that answer: what images show, as a list, as a table, or sorted into folders."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from app.cli import cluster
from app.cli.terminal import EXIT, Screen, columns, do, finish, follow
from engine.events import CANCEL, Ended
from engine.results.learn import AnswersWritten, ImageAnswer, ImageAnswers, ImagesSorted, NoAnswer
from engine.system.words import per_cent

NAMES = ("predict", "sort")
STANDARD_OUTPUT = "-"
ALONE = "An exported file is asked on this computer alone. Name a project, or leave --cluster out."


def add_to(command: Any) -> None:
    """Adds the commands; `command(name, work, help, *places)` makes a parser for each."""
    help = "Say what images show, with a project or an exported file."
    add = asked(command("predict", predict, help)).add_argument
    help = "one row for each image, into FILE, or to standard output where none is named"
    add("--csv", nargs="?", const=STANDARD_OUTPUT, default=None, metavar="FILE", help=help)
    add("--overwrite", action="store_true", help="replace FILE if it is there")
    cluster.add_choice(add)
    help = "Sort images into one folder for each class, with a project or an exported file."
    add = asked(command("sort", sort, help)).add_argument
    help = "where the folders of the classes are made"
    add("--to", required=True, metavar="FOLDER", help=help)
    add("--move", action="store_true", help="move the images; they are copied otherwise")
    help = "leave out images that are none of the classes, or not sure by the promise"
    add("--known-only", action="store_true", help=help)
    help = "leave out images whose class is less probable, from 0 to 1"
    add("--least", type=float, default=0.0, metavar="PROBABILITY", help=help)


def asked(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Who is asked, and about what."""
    parser.add_argument("model", metavar="MODEL", help="a project or an exported file")
    parser.add_argument("image", nargs="+", metavar="IMAGE", help="images and folders of images")
    return parser


def ask(options: argparse.Namespace, file: str, job: str, screen: Screen, **settings: Any) -> Ended:
    """Does a job of engine/jobs/FILE with a project, or with an exported file.

    Then no project is opened and PyTorch is not imported: it takes seconds and half a gigabyte.
    Control-C leaves the job between two events, so that it can put its files in order.
    """
    from engine.export.endings import is_exported
    from engine.jobs import run
    from engine.system.log import start_log

    importlib.import_module(f"engine.jobs.{file}")  # it alone: all take seconds and memory
    with stopped_by_control_c() as stopped:
        if not is_exported(options.model):
            importlib.import_module("engine.jobs.project")
            return do(
                options, job, project=options.model, screen=screen, stopped=stopped, **settings
            )
        start_log("command", options.verbose)
        return follow(run(None, job, {**settings, "model": options.model}, stopped), screen)


@contextlib.contextmanager
def stopped_by_control_c() -> Iterator[Callable[[], str]]:
    """Gives a function that says whether Control-C was pressed; a second one ends at once."""
    pressed: list[int] = []

    def press(number: int, frame: FrameType | None) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    try:
        before = signal.signal(signal.SIGINT, press)
    except ValueError:  # not the main thread: nobody can press it here
        yield lambda: ""
        return
    try:
        yield lambda: CANCEL if pressed else ""
    finally:
        signal.signal(signal.SIGINT, before)


# predict


def predict(options: argparse.Namespace) -> int:
    """The classes of images, as a list, or with --csv as a table of any length."""
    from engine.export.endings import is_exported

    if options.cluster is not None and is_exported(options.model):
        told = Ended("refused", ALONE)
        return finish(options, told, ImageAnswers, predicted)
    if options.csv is not None:
        return predict_to_csv(options)
    from engine.images.walk import Walk, none_in

    paths = options.image
    if any(map(os.path.isdir, paths)):
        walk = Walk([Path(path) for path in paths])
        paths = [str(met.path) for met in walk]
        if not paths:
            return finish(options, Ended("refused", none_in(walk)), ImageAnswers, predicted)
    ended = ask(options, "predict", "predict_images", Screen(options.json), paths=paths)
    if ended.how != "done":
        return finish(options, ended, ImageAnswers, predicted)
    answers = ended.of(ImageAnswers)["pictures"]
    plain = {path: plainly(answer) for path, answer in answers.items()}
    finish(options, Ended("done", "", plain) if options.json else ended, ImageAnswers, predicted)
    useless = all("reason" in answer for answer in answers.values())
    return EXIT["refused" if useless else "done"]


def plainly(answer: ImageAnswer | NoAnswer) -> dict[str, Any]:
    """Probabilities by class, that of the group that is answered, or why there is no answer."""
    if "reason" in answer:
        return {**answer}
    if answer["known"] and answer["group"]:
        return {answer["group"]: answer["share"]}
    if not answer["known"] or answer["sure"]:
        return answer["classes"]
    most = f"at most {100 * answer['promise']:g} % of the answers are wrong"
    return {"reason": f"Not sure: by the promise that {most}, no answer is given."}


def predicted(result: ImageAnswers) -> str:
    """A line for each image with its three likeliest classes."""
    lines = []
    for path, answer in result["pictures"].items():
        if "reason" in answer:
            lines.append(f"{path}: {answer['reason']}")
            continue
        best = sorted(answer["classes"].items(), key=lambda pair: -pair[1])[:3]
        words = ", ".join(f"{name} {per_cent(p)}" for name, p in best)
        doubt = "" if answer["known"] else "none of these? "
        if answer["known"] and not answer["sure"]:
            doubt = "not sure: "
        elif answer["known"] and answer["group"]:
            doubt = f"{answer['group']} {per_cent(answer['share'])}: "
        lines.append(f"{path}: {doubt}{words}")
    return "\n".join(lines)


def predict_to_csv(options: argparse.Namespace) -> int:
    """Rows as they are found; what came of it goes where the rows don't."""
    to_output = options.csv == STANDARD_OUTPUT
    if to_output and options.json:
        print(
            "Name a file for the table, or leave --json out: both go to standard output.",
            file=sys.stderr,
        )
        return EXIT["refused"]
    # On one terminal, progress would be written into the rows.
    screen = Screen(options.json or (to_output and sys.stdout.isatty()))
    ended = ask(
        options,
        "predict",
        "predict_to_csv",
        screen,
        paths=options.image,
        to=options.csv,
        overwrite=options.overwrite,
    )
    if ended.how == "cancelled":
        kept = "" if to_output else f" in {options.csv}"
        ended = Ended("cancelled", f"Stopped{so_far(screen)}. Their rows are whole{kept}.")
    if ended.how != "done":
        return finish(options, ended, AnswersWritten, table_written)
    result = ended.of(AnswersWritten)
    if to_output:
        print(table_written(result), file=sys.stderr)
    else:
        finish(options, ended, AnswersWritten, table_written)
    return EXIT["done" if result["images"] else "refused"]


def table_written(result: AnswersWritten) -> str:
    """How many images were answered, and where the table lies, a line each."""
    lines = [
        f"images answered: {result['images']}",
        f"none of these:   {result['none_of_these']}",
        *([f"not sure:        {result['not_sure']}"] if result["not_sure"] else []),
        f"can't be used:   {result['unusable']}",
    ]
    if result["others"]:
        lines.append(f"no images by their names, left out: {result['others']}")
    if "cluster" in result:
        lines.append(cluster.receipt(result["cluster"]))
    if result["to"] != STANDARD_OUTPUT:
        lines.append(f"table: {result['to']}")
    return "\n".join(lines)


def so_far(screen: Screen) -> str:
    last = screen.last
    return f" after {last.done} of {last.total} images" if last and last.total else ""


# sort


def sort(options: argparse.Namespace) -> int:
    """Copies or moves images into folders of their classes."""
    screen = Screen(options.json)
    ended = ask(
        options,
        "sort",
        "sort_images",
        screen,
        paths=options.image,
        to=options.to,
        move=options.move,
        known_only=options.known_only,
        least=options.least,
    )
    if ended.how == "cancelled":
        what = "moved" if options.move else "copied"
        stays = (
            f"What was {what} stays in {options.to}"
            if os.path.isdir(options.to)
            else (f"Nothing was {what}")
        )
        text = f"Stopped{so_far(screen)}. {stays}."
        ended = Ended("cancelled", text)
    return finish(options, ended, ImagesSorted, sorted_table)


def sorted_table(result: ImagesSorted) -> str:
    """How many went into each folder, what was left out, and where all of it is listed."""
    what = "moved" if result["move"] else "copied"
    rows = [("folder", what), *((name, str(n)) for name, n in result["folders"].items())]
    lines = [columns(rows), ""]
    if result["there"]:
        lines.append(f"in their folder already: {result['there']}")
    for reason, count in result["left_out"].items():
        lines.append(f"left out: {count}. {reason}")
    return "\n".join([*lines, f"list: {result['list']}"])

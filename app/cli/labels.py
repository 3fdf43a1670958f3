"""The commands of `espalier labels`: classes of images come in from files, and go out to them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from app.cli.terminal import columns, do, finish
from engine.results.images import ImagesAdded
from engine.results.labels import LabelFormats, LabelsSaved
from engine.results.learn import FolderLearnt
from engine.system.words import per_cent, plural

NAMES = ("labels",)
FORMAT = "csv, coco, label-studio, cvat, imagefolder, camtrap-dp or xmp"


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Adds `labels` with its three commands."""
    help = "Exchange which image is of which class, as files of other programs."
    parts = commands.add_parser("labels", help=help, description=help)
    parts = parts.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, work: Callable[[argparse.Namespace], int], help: str) -> Any:
        parser = parts.add_parser(name, help=help, description=help, parents=[common])
        parser.set_defaults(command=work)
        return parser.add_argument

    add = command("import", bring, "Add the images that a file names, in its classes, and learn.")
    add("project")
    add("file", nargs="+", help="a file of classes, or a folder of XMP sidecars")
    add("--format", default="", help=f"{FORMAT}; told from the file unless given")
    add("--copy", action="store_true", help="copy the images into the project")
    add("--no-learn", action="store_true", help="add them without learning")
    add("--learner", default="", help="ncm, slda, roots, ridge, tilda, or auto")
    add = command("export", send, "Write which image is of which class to a file.")
    add("project")
    add("--to", required=True, metavar="FILE", help="of XMP: the folder of the images")
    add("--format", default="", help=f"{FORMAT}; told from the file's name unless given")
    add("--overwrite", action="store_true", help="replace the file if it is there")
    help = "columns beside these, of a CSV table: time, place or both (time,place)"
    add("--with", dest="more", default="", metavar="WHAT", help=help)
    command("formats", formats, "List the formats.")


def bring(options: argparse.Namespace) -> int:
    same = {"files": options.file, "format": options.format, "copy": options.copy}
    if options.no_learn:
        ended = do(options, "add_labels", project=options.project, **same)
        return finish(options, ended, ImagesAdded, added_table)
    ended = do(options, "learn_labels", project=options.project, learner=options.learner, **same)
    return finish(options, ended, FolderLearnt, learnt_table)


def added_table(result: ImagesAdded) -> str:
    """Each class with how many images it got, and what did not come."""
    rows = [("class", "added"), *((name, str(n)) for name, n in result["classes"].items())]
    return "\n".join([columns(rows), *rest(result["already_there"], len(result["skipped"]))])


def learnt_table(result: FolderLearnt) -> str:
    """The same, with each class's accuracy and that of all."""
    rows = [("class", "added", "accuracy")]
    per_class = result["per_class"]
    rows += [(n, str(c), per_cent(per_class.get(n))) for n, c in result["classes"].items()]
    accuracy = f"accuracy on held-out images: {per_cent(result['accuracy'])}"
    left = rest(result["already_there"], len(result["skipped"]))
    return "\n".join([columns(rows), "", accuracy, *left])


def rest(already: int, skipped: int) -> list[str]:
    lines = [f"there already: {plural(already)}"] if already else []
    return [*lines, f"left out: {plural(skipped, 'file')}"] if skipped else lines


def send(options: argparse.Namespace) -> int:
    ended = do(
        options,
        "save_labels",
        project=options.project,
        to=options.to,
        format=options.format,
        overwrite=options.overwrite,
        more=[name.strip() for name in options.more.split(",") if name.strip()],
    )
    return finish(options, ended, LabelsSaved, saved)


def saved(result: LabelsSaved) -> str:
    left = f"; {plural(len(result['left_out']))} left out" if result["left_out"] else ""
    return f"Wrote {plural(result['rows'], 'row')} to {result['to']} ({result['format']}){left}."


def formats(options: argparse.Namespace) -> int:
    def table(result: LabelFormats) -> str:
        rows = [("format", "title", "file")]
        rows += [(v.name, v.title, v.facts["proposed"] or "") for v in result["formats"]]
        return columns(rows)

    return finish(options, do(options, "label_formats"), LabelFormats, table)

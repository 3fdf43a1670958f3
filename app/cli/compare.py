"""The command that compares strategies on a project's own images."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.cli.terminal import columns, do, finish
from app.study_files import (
    by_rank,
    class_table,
    classes_said,
    earlier_said,
    estimated,
    page,
    reading,
    table,
    told_ms,
    told_size,
)
from engine.events import Ended
from engine.results.compare import (
    LearningCurve,
    LeftOut,
    MoreOfClass,
    RowUsed,
    SideBySide,
    Study,
    StudyEstimate,
)
from engine.system.files import replace_file
from engine.system.words import per_cent

NAMES = ("compare",)
ALL, BEST = "all", "best"
TWO = "“{}” are not two models. Write two names with a comma between, as in in_use,run_1."
NO_SHARES = "“{}” are no shares of images. Write them in per cent, as in 10,25,50,100."
THERE = "{} is there already. Name another file, or add --overwrite."
ONE = "{0} is the only row, so none is the best. Name more strategies, or use it: --use {1}."
NO_PLACE = "{} can't be written ({}). Name another file."
STRATEGIES = (
    "with commas: ncm, slda, roots, ridge, tilda, auto, head, head_augmented, last_N (the last N "
    "stages), all_stages, gradual, freezeout, adapters, lora, batch_norm, scratch, "
    "scratch_augmented, adapted, scratch_unlabelled; NAME@NETWORK for any of these on another "
    "network that is here, as in slda@mobilenet_v2; network_NAME (the project's learner on another "
    "network as it is); narrowed_75, narrowed_50, where the project's network can be made "
    "narrower; subnet_smallest, subnet_middle, subnet_largest, where it came from a once-for-all "
    "one, or of another one with @NETWORK, as in subnet_smallest@embedded; networks (all of the "
    "last three kinds that are to be had here); all, as without this option (all before the first "
    "@, with last_1 and last_3)"
)
"""A test holds it to what there is."""
NOTE = "p is corrected for the number of rows (Holm); an interval is that of its row alone."


def add_to(command: Any) -> None:
    """Adds the command; `command(name, work, help, *places)` makes its parser."""
    help = "Compare ways to learn on the project's images; nothing of the project changes."
    add = command("compare", compare, help, "project").add_argument
    add("--strategies", default=ALL, metavar="NAMES", help=STRATEGIES)
    help = "how often each image is seen; else by the number of images"
    add("--epochs", type=float, default=0, metavar="N", help=help)
    help = "for how long each strategy trains, instead of epochs"
    add("--seconds", type=float, default=0, metavar="N", help=help)
    add("--seed", type=int, default=0, metavar="N", help="the same seed gives the same answers")
    help = "of each class's images, in per cent, for the learning curves; 100: no curves"
    add("--shares", default="10,25,50,100", metavar="LIST", help=help)
    help = "learning curves of what trains, and of other networks, too; takes up to twice as long"
    add("--every-curve", action="store_true", help=help)
    help = (
        "leave out the rows of the last study, which else stay in the table where the images, the "
        "seed and the budget are the same"
    )
    add("--anew", action="store_true", help=help)
    add("--estimate", action="store_true", help="only say how long it would take")
    add("--csv", default="", metavar="FILE", help="write the rows and curves as a table")
    add("--html", default="", metavar="FILE", help="write all of it as a page for a browser")
    help = "go on with the way of this row, or of the best one, afterwards (undo is in the window)"
    add("--use", default="", metavar="NAME", help=help)
    help = (
        "two models on the same images: how often they agree, which is right; rows of the last "
        "study, in_use, run_N, step_N"
    )
    add("--beside", default="", metavar="NAME,NAME", help=help)
    help = "what more images of this class would bring to it"
    add("--more", default="", metavar="CLASS", help=help)
    help = "how many more; without, 100, or twice what there is to learn from if that is less"
    add("--images", type=int, metavar="N", help=help)
    add("--overwrite", action="store_true", help="replace FILE if it is there")


def compare(options: argparse.Namespace) -> int:
    """Does the study, writes what was asked for, and prints it; or asks about the last one."""
    if options.more:
        asked = {"name": options.more, "images": options.images}
        ended = do(options, "more_of_class", project=options.project, **asked)
        return finish(options, ended, MoreOfClass, lambda found: found["said"])
    if options.beside:
        return beside(options)
    if why := trouble(options):
        return finish(options, Ended("refused", why), Study, text)
    asked = {
        "project": options.project,
        "strategies": [name.strip() for name in options.strategies.split(",") if name.strip()],
        "epochs": options.epochs,
        "seconds": options.seconds,
        "seed": options.seed,
        "shares": shares_in(options.shares),
        "every_curve": options.every_curve,
        "anew": options.anew,
    }
    if options.estimate:
        return finish(options, do(options, "estimate_study", **asked), StudyEstimate, beforehand)
    ended = do(options, "compare", **asked)
    if ended.how == "done":
        ended = written(options, ended)
    if options.use and ended.how == "done":
        return use(options, ended.of(Study))
    return finish(options, ended, Study, text)


def use(options: argparse.Namespace, study: Study) -> int:
    """Goes on with a row of the study."""
    usable = [row for row in by_rank(study) if not row["useless"]]
    name = options.use
    if name == BEST:
        if len(study["rows"]) == 1 or not usable:
            row = study["rows"][0]
            why = row["useless"] or ONE.format(row["title"], row["name"])
            return finish(options, Ended("refused", why), RowUsed, lambda _: "")
        name = usable[0]["name"]
    ended = do(options, "use_row", project=options.project, name=name)

    def told(used: RowUsed) -> str:
        how = " already, and nothing changed" if used["already"] else ""
        return f"{study['said']}\n{used['title']} is in use{how}: {per_cent(used['accuracy'])}."

    return finish(options, ended, RowUsed, told)


def beside(options: argparse.Namespace) -> int:
    """Two models on the same images."""
    names = [name.strip() for name in options.beside.split(",")]
    if len(names) != 2:
        return finish(options, Ended("refused", TWO.format(options.beside)), SideBySide, agreement)
    asked = {"first": names[0], "second": names[1]}
    ended = do(options, "side_by_side", project=options.project, **asked)
    return finish(options, ended, SideBySide, agreement)


def agreement(found: SideBySide) -> str:
    """How often two models agree, and who is right."""
    first, second = found["titles"]
    rows = [
        ("images", f"{found['images']:,}"),
        ("answered alike", f"{found['alike']:,}"),
        ("both right", f"{found['both']:,}"),
        (f"only {first}", f"{found['first']:,}"),
        (f"only {second}", f"{found['second']:,}"),
        ("neither", f"{found['neither']:,}"),
    ]
    lines = [
        f"{shown['path']}: {shown['class']}; {first} says {one}, {second} says {other}"
        for shown, (one, other) in zip(found["shown"], found["answers"], strict=True)
    ]
    return "\n".join([columns(rows), "", *lines]) if lines else columns(rows)


def trouble(options: argparse.Namespace) -> str:
    """What can be known to be wrong before hours of work; nothing where all is well."""
    if shares_in(options.shares) is None:
        return NO_SHARES.format(options.shares)
    for name in filter(None, (options.csv, options.html)):
        if Path(name).exists() and not options.overwrite:
            return THERE.format(name)
        if not Path(name).absolute().parent.is_dir():
            return NO_PLACE.format(name, "there is no such folder")
    return ""


def shares_in(words: str) -> list[float] | None:
    """Per cents with commas; None where a word is none."""
    try:
        return [float(word.strip().removesuffix("%")) for word in words.split(",") if word.strip()]
    except ValueError:
        return None


def written(options: argparse.Namespace, ended: Ended) -> Ended:
    """The files that were asked for; how it ended, where one can't be written."""
    makers: tuple[tuple[str, Callable[[Study], str]], ...] = (
        (options.csv, table),
        (options.html, page),
    )
    for name, make in makers:
        if name:
            try:
                replace_file(Path(name), make(ended.of(Study)).encode())
            except OSError as error:
                why = (error.strerror or str(error)).lower()
                return Ended("refused", f"{NO_PLACE.format(name, why)} What was measured is kept.")
    return ended


# As text.


def beforehand(found: StudyEstimate) -> str:
    """How many rows are to be measured and how long that takes, and what is left out."""
    return "\n".join([estimated(found), *left_out(found["left_out"])])


def left_out(found: list[LeftOut]) -> list[str]:
    return [f"Left out: {out['title']}. {out['why']}" for out in found]


def text(study: Study) -> str:
    """The table, its rows class by class, the curves, and what was left out."""
    parts = [columns(rows_of(study)), NOTE, columns(class_table(study))]
    if said := classes_said(study):
        parts.append(said)
    if study["curves"]:
        parts.append(columns(points_of(study["curves"])))
        parts.append("\n".join(more_of(study["curves"])))
    if study["left_out"]:
        parts.append("\n".join(left_out(study["left_out"])))
    if said := earlier_said(study):
        parts.append(f"{said} --anew leaves them out.")
    return "\n\n".join([*parts, study["said"]])


def rows_of(study: Study) -> list[tuple[str, ...]]:
    """The best first."""
    heads = ("strategy", "accuracy", "95 % interval", "behind by", "95 % interval", "p", "")
    costs = ("seconds", "weights trained", "MACs", "MB", "p50 ms", "export MB")
    rows: list[tuple[str, ...]] = [(*heads, *costs)]
    for row in by_rank(study):
        low, high = row["interval"]
        behind = row["difference"]
        rows.append(
            (
                row["title"],
                per_cent(row["accuracy"]),
                f"{100 * low:.1f} to {100 * high:.1f}",
                f"{100 * behind[0]:.1f}" if behind else "",
                f"{100 * behind[1]:.1f} to {100 * behind[2]:.1f}" if behind else "",
                "" if row["p"] is None else f"{row['p']:.3f}",
                reading(row),
                f"{row['seconds']:.1f}",
                f"{row['trained']:,}",
                f"{row['macs'] / 1e6:.0f} M",
                f"{row['bytes'] / 1e6:.1f}",
                told_ms(row),
                told_size(row),
            )
        )
    return rows


def more_of(curves: list[LearningCurve]) -> list[str]:
    """What more images would bring by each curve; said once where it is the same of all."""
    said = {curve["said"] for curve in curves}
    return list(said) if len(said) == 1 else [f"{c['title']}. {c['said']}" for c in curves]


def points_of(curves: list[LearningCurve]) -> list[tuple[str, ...]]:
    """Accuracies by the share of the images that was learnt from."""
    images = {p["share"]: p["images"] for curve in curves for p in curve["points"]}
    shares = sorted(images)
    rows: list[tuple[str, ...]] = [
        ("of the images", *(f"{share:g} % ({images[share]:,})" for share in shares))
    ]
    for curve in curves:
        known = {p["share"]: p["accuracy"] for p in curve["points"]}
        rows.append((curve["title"], *(per_cent(known.get(share)) for share in shares)))
    return rows

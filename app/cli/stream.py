"""The command that asks images one after the other, and learns each after it was asked."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from app.cli.terminal import columns, do, finish
from engine.results.learn import FolderLearnt
from engine.results.stream import Drifts, OwnStream, StreamJudged, StreamOrder, StreamTimes
from engine.system.words import per_cent, plural

NAMES = ("stream",)
ORDERS = {"came": "as they came", "shuffled": "shuffled", "class": "class by class"}


def add_to(command: Any) -> None:
    """Adds the command; `command(name, work, help, *places)` makes a parser for it."""
    help = (
        "Ask images in the order of their time, and learn each after it was asked, on a copy of "
        "what the project knows."
    )
    parser = command("stream", stream, help, "project")
    help = "folders with a folder of images for each class; none: how suggestions went in sorting"
    parser.add_argument("folder", nargs="*", help=help)
    help = "came, shuffled or class; all three beside each other without it"
    parser.add_argument("--order", default="", help=help)
    help = "by what an answer counts less with each that follows, up to 1; 0.99 unless set"
    parser.add_argument("--fading", type=float, default=0.99, metavar="FACTOR", help=help)
    help = "so many images are asked, and then learnt, at a time; 1 unless set"
    parser.add_argument("--batch", type=int, default=1, metavar="N", help=help)
    help = "with what probability a stream without drift may raise an alarm; 0.05 unless set"
    parser.add_argument("--alarms", type=float, default=0.05, metavar="RATE", help=help)
    which = parser.add_mutually_exclusive_group()
    help = "unlearn on the way what is not among the last N of its class"
    which.add_argument("--images", type=int, default=0, metavar="N", help=help)
    help = "unlearn on the way what is older than DAYS before the newest image"
    which.add_argument("--days", type=float, default=0.0, metavar="DAYS", help=help)
    help = "learn the images afterwards, as “learn” does"
    parser.add_argument("--learn", action="store_true", help=help)


def stream(options: argparse.Namespace) -> int:
    """Judges by the stream, and learns it where that was asked for."""
    if not options.folder:
        ended = do(options, "own_stream", project=options.project, fading=options.fading)
        if ended.how == "done" and ended.of(OwnStream)["one_by_one"]:
            looked = do(options, "own_drift", project=options.project, alarms=options.alarms)
            if looked.how != "done":
                return finish(options, looked, Drifts, drift)
            ended = replace(ended, result={**ended.result, "drift": looked.result})
        return finish(options, ended, OwnStream, own)
    ended = do(
        options,
        "judge_stream",
        project=options.project,
        paths=options.folder,
        order=options.order,
        fading=options.fading,
        batch=options.batch,
        alarms=options.alarms,
        images=options.images,
        days=options.days,
    )
    if ended.how == "done" and options.learn:
        learnt = do(options, "learn_folder", project=options.project, paths=options.folder)
        if learnt.how != "done":
            return finish(options, learnt, FolderLearnt, lambda r: "")
        ended = replace(ended, result={**ended.result, "learnt": learnt.result})
    return finish(options, ended, StreamJudged, text)


def text(result: StreamJudged) -> str:
    """The orders beside each other, and what stands behind the figures."""
    rows = [("order", "right", f"last (fading {result['fading']:g})", "lowest", "at")]
    rows += [
        (
            ORDERS[one["order"]],
            per_cent(one["accuracy"]),
            per_cent(one["last"]),
            per_cent(one["lowest"]),
            PurePath(one["lowest_at"]).name,
        )
        for one in result["orders"]
    ]
    parts = [opening(result), columns(rows), by_class(result["orders"]), result["definition"]]
    parts += [result["recent"]] if result["recent"] else []
    parts.append(drift(result["drift"]))
    if "learnt" in result:
        parts.append(f"Learnt: {per_cent(result['learnt']['accuracy'])} of held-out images right.")
    return "\n\n".join(parts)


def own(result: OwnStream) -> str:
    """How often suggestions were right that a person answered, and what looks different."""
    told = [drift(result["drift"])] if "drift" in result else []
    if result["last"] is None:
        none = "No image was named after a suggestion yet. Sort some, or name a folder."
        return "\n\n".join([none, *told])
    right = (
        f"{result['right']:,} of {plural(result['images'])} that you named were suggested rightly"
    )
    last = f"{right}; last (fading {result['fading']:g}) {per_cent(result['last'])}."
    return "\n\n".join([last, result["definition"], *told])


def opening(result: StreamJudged) -> str:
    """What came, in which order, and what was left out."""
    before = plural(result["learnt_before"])
    knew = f"the project had learnt {before}" if result["learnt_before"] else "nothing was learnt"
    lines = [f"{plural(result['images'])}; before, {knew}.", ordered(result["times"])]
    if result["new_classes"]:
        lines.append(f"New classes: {', '.join(result['new_classes'])}.")
    left_out = {
        "lie in the project already, and were left out": result["already_there"],
        "are there twice, and count once": result["twice"],
        "can't be used": len(result["skipped"]),
    }
    lines += [f"{number:,} {what}." for what, number in left_out.items() if number]
    return "\n".join(lines)


def ordered(times: StreamTimes) -> str:
    """By what the images are in the order of their time."""
    parts = {
        "by the camera's time": times["camera"],
        "by their file's time": times["file"],
        "by their name, for their files have the same time": times["name"],
    }
    said = ", ".join(f"{number:,} {what}" for what, number in parts.items() if number)
    return f"In the order of their time: {said}; {times['first']} to {times['last']}."


def drift(result: Drifts) -> str:
    """What looks different, with its images, and how sure it is that nothing else does."""
    lines = []
    for alarm in result["alarms"]:
        names = ", ".join(PurePath(path).name for path in alarm["images"])
        lines.append(f"{alarm['sentence']} Noticed after {plural(alarm['after'])}: {names}")
    lines += [result["says"]] if result["says"] else []
    return "\n".join([*lines, result["definition"]])


def by_class(orders: Sequence[StreamOrder]) -> str:
    """The share of right answers of each class, in each order."""
    rows = [("class", *(ORDERS[one["order"]] for one in orders))]
    rows += [
        (name, *(per_cent(one["per_class"][name]) for one in orders))
        for name in orders[0]["per_class"]
    ]
    return columns(rows)

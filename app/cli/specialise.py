"""The commands on subnets: search for one, use it, list what was measured."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from app.cli.terminal import columns, do, finish
from engine.results.specialise import FoldNews, SubnetFound, SubnetRow, Subnets, SubnetUsed, Timing
from engine.system.words import harmless, per_cent

NAMES = ("specialise", "subnets")


def add_to(command: Any) -> None:
    """Adds the commands; `command(name, work, help, *places)` makes a parser for each."""
    help = "Search for the network that meets a latency on this computer."
    add_specialise(command("specialise", specialise, help, "project"))
    command("subnets", subnets, "List the subnets that were measured, and the front.", "project")


def add_specialise(parser: argparse.ArgumentParser) -> None:
    """The target, the other limits, and how to search; 0 sets no limit."""
    add = parser.add_argument
    add("--latency-ms", type=float, default=0, metavar="T", help="the most that one image takes")
    add("--budget", type=int, default=60, metavar="N", help="how many subnets to measure")
    add("--resolution", type=int, nargs="+", default=[], metavar="R", help="sides in pixels to try")
    add("--searcher", default="linas", help="linas, evolution or random")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="a searcher's setting")
    add("--macs", type=float, default=0, metavar="M", help="at most so many million operations")
    add("--parameters", type=float, default=0, metavar="M", help="at most so many million")
    add("--memory", type=float, default=0, metavar="MIB", help="at most so many MiB of activations")
    add("--file-mb", type=float, default=0, metavar="MB", help="a file of at most so many MB")
    add("--table", default="", metavar="NAME", help="another device's latency table")
    add("--train", action="store_true", help="then train the winner a little, without classes")
    help = "narrow the network in use anew, on all images that are there now, and search nothing"
    add("--fold-anew", action="store_true", help=help)
    add("--use", action="store_true", help="make the winner the project's network")


def specialise(options: argparse.Namespace) -> int:
    """Searches, and prints the front and the winner."""
    if options.fold_anew:
        ended = do(options, "fold_anew", project=options.project)
        return finish(options, ended, SubnetUsed, folded_table)
    settings = dict(text.partition("=")[::2] for text in options.set)
    ended = do(
        options,
        "specialise",
        project=options.project,
        latency_ms=options.latency_ms,
        budget=options.budget,
        resolutions=options.resolution,
        searcher=options.searcher,
        settings=settings,
        macs=options.macs,
        parameters=options.parameters,
        memory=options.memory,
        file_mb=options.file_mb,
        table=options.table,
        train=options.train,
        use=options.use,
    )
    return finish(options, ended, SubnetFound, winner_table)


def folded_table(result: SubnetUsed) -> str:
    return f"folded anew: {result['architecture']}\n{accuracy_line(result['accuracy'])}"


def accuracy_line(accuracy: float | None) -> str:
    return f"accuracy on held-out images: {per_cent(accuracy)}"


def winner_table(result: SubnetFound) -> str:
    """The front, then the winner with what it costs."""
    ms = result["measured_ms"]
    return "\n".join(
        [
            front_table(result["front"]),
            "",
            f"winner: {result['architecture']}",
            accuracy_line(result["accuracy"]),
            *timing_lines(ms),
            f"predicted {result['predicted_ms']:.3g}{error_of(result)} ms",
            f"{result['macs'] / 1e6:.1f} million operations, {result['params'] / 1e6:.2f} million "
            "parameters",
            f"{result['measured_candidates']} subnets measured in {result['seconds']:.1f} s",
        ]
    )


def error_of(result: SubnetFound) -> str:
    """How far predictions were off, where a latency table told them."""
    return f" ±{result['error_ms']:.1g}" if result["error_ms"] else ""


def timing_lines(ms: Timing | None) -> list[str]:
    """Nothing where the latency table is another device's: nothing was timed then."""
    return [f"one image takes {ms['p50']:.2f} ms (95 % under {ms['p95']:.2f} ms)"] if ms else []


def front_table(rows: Sequence[SubnetRow]) -> str:
    cells = [("ms", "accuracy", "million operations", "subnet")]
    for row in rows:
        ms = row["measured_ms"] if row["measured_ms"] is not None else row["predicted_ms"]
        sign = "" if row["measured_ms"] is not None else "~"
        operations = f"{row['macs'] / 1e6:.1f}"
        cells.append(
            (f"{sign}{ms:.2f}", per_cent(row["accuracy"]), operations, row["architecture"])
        )
    return columns(cells)


def subnets(options: argparse.Namespace) -> int:
    ended = do(options, "candidates", project=options.project)
    code = finish(options, ended, Subnets, subnets_table)
    if code == 0 and not options.json and ended.of(Subnets)["elastic"]:
        news = do(options, "look_at_fold", project=options.project)
        told = news.of(FoldNews)["text"] if news.how == "done" else ""
        if told:
            print(harmless(f"\n{told} Fold it anew: espalier specialise PROJECT --fold-anew"))
    return code


def subnets_table(result: Subnets) -> str:
    """The front of what was measured, or the sentence that says why there is none."""
    front = [row for row in result["rows"] if row["front"]]
    if not front:
        hint = "Nothing was measured yet. Search with: espalier specialise PROJECT --latency-ms T"
        return result["why"] or hint
    lines = [front_table(front), "", f"{len(result['rows'])} subnets measured; ~ is predicted"]
    if result["in_use"]:
        lines.append(f"in use: {result['in_use']}")
    return "\n".join(lines)

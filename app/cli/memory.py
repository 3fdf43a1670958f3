"""The command that says what a project keeps on disk, and caps it."""

from __future__ import annotations

import argparse
from typing import Any

from app.cli.terminal import columns, do, finish
from engine.results.memory import Memory
from engine.system.words import plural, size

NAMES = ("memory",)
MB = 1_000_000


def add_to(command: Any) -> None:
    """Adds the command; `command(name, work, help, *places)` makes a parser for it."""
    help = "Say what a project keeps on disk, and keep what can be made again below a cap."
    parser = command("memory", memory, help, "project")
    help = "keep so many MB of features and thumbnails at most; 0 for all"
    parser.add_argument("--cap", type=float, default=None, metavar="MB", help=help)


def memory(options: argparse.Namespace) -> int:
    if options.cap is None:
        ended = do(options, "memory", project=options.project)
    else:
        most = round(options.cap * MB)
        ended = do(options, "cap_features", project=options.project, most=most)
    return finish(options, ended, Memory, text)


def text(result: Memory) -> str:
    """Each part, the cap, and what gives way to it first."""
    rows = [(part["part"], size(part["bytes"])) for part in result["parts"] if part["bytes"]]
    parts = [columns([*rows, ("all", size(result["bytes"]))])]
    if not result["cap"]:
        parts.append("Features and thumbnails have no cap. Set one with --cap MB.")
        return "\n\n".join(parts)
    lines = [f"Features and thumbnails are kept up to {size(result['cap'])}. First to go:"]
    lines += [f"  {number}. {what}" for number, what in enumerate(result["goes_first"], 1)]
    there = f"Features of {plural(result['kept'])} are kept, and {result['dropped']:,} gave way."
    lines.append(f"{there} {result['stays']}")
    parts.append("\n".join(lines))
    return "\n\n".join(parts)

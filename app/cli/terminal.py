"""What the commands of the command line have in common: progress, tables, results."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from engine.events import Ended, Event, Notice, Progress
from engine.results.scores import PARTS, Compared
from engine.system.words import harmless, per_cent

ADOPT = ("better", "clearly", "always", "never")
NO_ADDRESS = "“” is no address. Name one like tls://192.168.1.20:8786, or leave --cluster out."
R = TypeVar("R")
EXIT = {"done": 0, "refused": 2, "failed": 1, "lost": 1, "cancelled": 130}


class Screen:
    """Shows a job's progress on standard error, in one line where that is a terminal."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.line = sys.stderr.isatty()
        self.last: Progress | None = None
        """How far the job is, as it said last."""

    def show(self, event: Event) -> None:
        if isinstance(event, Notice):
            self.clear()
            print(harmless(event.text), file=sys.stderr)
            for detail in event.details[:10]:
                print(f"  {harmless(detail)}", file=sys.stderr)
        elif isinstance(event, Progress):
            self.last = event
            self.show_progress(event)

    def show_progress(self, event: Progress) -> None:
        if self.line and not self.quiet:
            left = f", {event.seconds_left:.0f} s left" if event.seconds_left else ""
            of = f" of {event.total}" if event.total else ""
            print(f"\r\033[K{event.doing}: {event.done}{of}{left}", end="", file=sys.stderr)

    def clear(self) -> None:
        if self.line and not self.quiet:
            print("\r\033[K", end="", file=sys.stderr)


def follow(events: Generator[Event, None, None], screen: Screen) -> Ended:
    """Shows a job's events until its end. A job that is left earlier is closed while its project
    is still open, so that it can keep what it has."""
    ended = Ended("failed", "The job ended without a word.")
    with closing(events):
        for event in events:
            screen.show(event)
            if isinstance(event, Ended):
                ended = event
    screen.clear()
    return ended


def do(
    options: argparse.Namespace,
    name: str,
    /,
    *,
    project: str = "",
    screen: Screen | None = None,
    stopped: Callable[[], str] = lambda: "",
    **settings: Any,
) -> Ended:
    """Opens the project if one is named, and does the job `name` in this process.

    `stopped` says whether and how the job is to be left after an event.
    """
    from engine.jobs import run
    from engine.session import Session
    from engine.system import device
    from engine.system.log import start_log

    start_log("command", options.verbose)
    device.set_threads(window_open=False)
    screen = screen or Screen(options.json)
    with closing(Session()) as session:
        session.device = options.device
        if project:
            opened = follow(run(session, "open_project", {"path": with_suffix(project)}), screen)
            if opened.how != "done":
                return opened
        if getattr(options, "cluster", None) is None:
            return follow(run(session, name, settings, stopped), screen)
        if not options.cluster.strip():  # which the job would take for leaving the computers
            return Ended("refused", NO_ADDRESS)
        asked = {"address": options.cluster, "keys": options.keys}
        try:
            joined = follow(run(session, "use_computers", asked, stopped), screen)
            if joined.how != "done":
                return joined
            return follow(run(session, name, settings, stopped), screen)
        finally:
            session.use_computers(None)


def with_suffix(project: str) -> str:
    """The project's folder; its ending may be left out."""
    path = Path(project)
    longer = path.with_name(path.name + ".espalier")
    return str(longer if not path.exists() and longer.exists() else path)


def finish(
    options: argparse.Namespace, ended: Ended, kind: type[R], table: Callable[[R], str]
) -> int:
    """Prints the result as JSON or, by its type, as a table, and returns the exit code."""
    if ended.how != "done":
        print(harmless(ended.text), file=sys.stderr)
        if options.json:
            print(json.dumps({"refused" if ended.how == "refused" else "error": ended.text}))
    elif options.json:
        print(json.dumps(ended.result, ensure_ascii=False, default=plain))
    else:
        print(harmless(table(ended.of(kind))))
    return EXIT[ended.how]


def plain(value: Any) -> Any:
    """What JSON has no word for: views are objects, and what else can be gone through a list."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else list(value)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text with their columns aligned."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def scores_table(result: Compared, before: str = "without", after: str = "with it") -> str:
    """Accuracies on the same held-out images, old and new classes apart."""
    rows = [("images of", before, after, "difference", "95 % interval")]
    for part, name in PARTS:
        found = result["difference"][part]
        if found is not None:
            mean, low, high = (100 * value for value in found)
            rows.append(
                (
                    f"{part} classes",
                    per_cent(result["before"][name]),
                    per_cent(result["after"][name]),
                    f"{mean:+.1f}",
                    f"{low:+.1f} to {high:+.1f}",
                )
            )
    return columns(rows)

"""From a key on the Sort page to new suggestions on the screen.

    python -m tests.bench.sort_window [--sizes 3000:20,20000:100] [--keys 150] [--order likeness]

A heap whose images are features alone (tests/bench/heap.py), in the real window. Digits give
classes, each as soon as the answer to the one before is painted. Milliseconds are those on the
clock from the event of the key to the end of the paint of the grid with the new suggestions, and
those of the engine's processor for a key, which others on the computer lengthen less.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import window
from tests.bench.forked import in_child
from tests.bench.given import parser_of, photos_of
from tests.bench.window import Bench, share

REST = 0.02
"""Seconds between an answer and the next key: what the window still has to do is done by then."""
PAUSE = 25
"""After so many keys a person pauses, and what was sorted is learnt."""


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--sizes", default="3000:20,20000:100", help="images:classes")
    parser.add_argument("--keys", type=int, default=150)
    parser.add_argument("--order", default="likeness")
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    window.FRAME = 0.001
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder = Path(name)
        os.environ["ESPALIER_HOME"] = str(folder / "home")
        for size in options.sizes.split(","):
            count, classes = map(int, size.split(":"))
            path = in_child(heap_of, options, folder, count, classes)
            measured(options, path, f"{count:,} wait, {classes} classes")


def heap_of(options: argparse.Namespace, folder: Path, count: int, classes: int) -> str:
    """A closed project with so many images on its heap; made in a process of its own, for the
    window's has no PyTorch."""
    from engine.system import device
    from tests.bench.common import do
    from tests.bench.heap import chosen, drawn_heap, filled, opened

    device.set_threads(window_open=True)
    options.size = 64
    project = filled(folder, chosen(photos_of(options, folder, 4), 2, 4), options)
    session = opened(project, folder, "width")
    width = session.backbone().width
    session.close()
    session = drawn_heap(project, folder, count, classes, width)
    do(session, "learn_sorted")
    path = session.require().path
    session.close()
    return str(path)


class Keys(Bench):
    """A person at the Sort page: a digit, and they wait until it is painted what now is likely."""

    def __init__(self, path: str, order: str) -> None:
        super().__init__()
        self.do("open_project", path=path)
        self.window.go("Sort")
        self.page = self.window.pages["Sort"]
        self.answered, self.painted = False, 0.0
        self.watch()
        self.page.sorting.reorder(order)
        self.rest()

    def watch(self) -> None:
        """Notes when the grid was painted for the first time after an answer was taken."""
        sorting, grid = self.page.sorting, self.page.gallery
        take, paint = sorting.take, type(grid).paintEvent

        def taken(*given: Any) -> None:
            take(*given)
            self.answered = True

        def painted(view: Any, event: Any) -> None:
            paint(view, event)
            if self.answered and not self.painted:
                self.painted = time.perf_counter()

        sorting.take, type(grid).paintEvent = taken, painted

    def rest(self) -> None:
        """Until what was sorted is learnt and nothing is under way."""
        sorting = self.page.sorting
        self.until(lambda: not (sorting.asking or sorting.pause.isActive()))
        self.until(lambda: not (sorting.asking or sorting.pause.isActive()))

    def press(self, digit: int) -> float:
        """Seconds from a key to the paint of what it brought."""
        from PySide6.QtTest import QTest

        self.answered, self.painted = False, 0.0
        begun = time.perf_counter()
        QTest.keyClick(self.page.gallery, str(digit))
        self.until(lambda: self.painted, patience=60)
        return self.painted - begun

    def digit(self) -> int:
        """That of the class of the current image, or 1."""
        row = self.page.chosen()[0]
        names = [name for name, _ in row.get("likeliest", ())] or row.get("choices", [])
        true = Path(row["path"]).parent.name
        return names.index(true) + 1 if true in names else 1

    def engine(self) -> float:
        """Seconds of processor that the engine has used."""
        import psutil

        found = [sum(c.cpu_times()[:2]) for c in psutil.Process().children()]
        return max(found)


def measured(options: argparse.Namespace, path: str, title: str) -> None:
    bench = Keys(path, options.order)
    bench.gaps.clear()
    seconds, used = [], 0.0
    for number in range(options.keys):
        if number % PAUSE == PAUSE - 1:
            bench.rest()
        before = bench.engine()
        seconds.append(bench.press(bench.digit()))
        used += bench.engine() - before
        end = time.perf_counter() + REST
        bench.until(lambda end=end: time.perf_counter() > end)
    keys, turns = (
        "  ".join(f"{1000 * share(found, part):.0f}" for part in (0.5, 0.99, 1))
        for found in (seconds, bench.gaps)
    )
    load = f"load {os.getloadavg()[0]:.1f}"
    print(f"{title}, {load}: from key to paint (ms): median, p99, worst  {keys}")
    print(f"  turns of the event loop meanwhile (ms): median, p99, worst  {turns}")
    print(f"  processor of the engine for a key (ms)  {1000 * used / len(seconds):.0f}", flush=True)
    bench.housekeeping.stop()
    bench.window.close()


if __name__ == "__main__":
    main()

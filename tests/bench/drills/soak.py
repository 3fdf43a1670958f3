"""A seeded person at the real window for hours: does anything grow, stay behind or stall?

    xvfb-run -a python -m tests.bench.drills.soak [--hours 6] [--seed 0] [--to FOLDER]

Adds, sorts, names, forgets, takes back, learns, tunes, tries, exports, looks at every page, closes
and opens the project, in a drawn order. Once a minute it writes a line into FOLDER/soak.csv: memory
(MB of its own), handles and threads of the window and of its engine, processes, bytes on disk, and
the event loop's turns. At the end FOLDER/soak.png shows the curves, and one table says what grew
after the first sixth of the time.
"""

from __future__ import annotations

import argparse
import csv
import logging
import os
import random
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

MINUTE = 60.0
NAMES = ("apple", "banana", "cherry", "fig", "lemon", "melon", "olive", "plum")
EACH, BUNDLES = 10, 4
"""Images of a class that come at once, and how many such bundles there are of each class."""
TAKEN = ("window_mb", "window_handles", "window_threads")
TAKEN_BY_ENGINE = ("engine_mb", "engine_handles", "engine_threads")
REST = ("processes", "disk_mb", "turn_p99_ms", "turn_worst_ms")
FIELDS = ("seconds", "acts", *TAKEN, *TAKEN_BY_ENGINE, *REST)
FLAT = (*TAKEN, *TAKEN_BY_ENGINE, "disk_mb")
PATIENCE = 600.0

log = logging.getLogger(__name__)


class Turns:
    """Stands where tests have pytest-qt's bot: waits, and notes how long each turn takes."""

    def __init__(self, app: Any) -> None:
        self.app, self.gaps = app, list[float]()
        self.doing, self.worst = "", dict[str, float]()

    def waitUntil(self, done: Callable[[], object], timeout: int = 0) -> None:
        from PySide6.QtCore import QEvent

        end = time.monotonic() + PATIENCE
        while not done():
            begun = time.perf_counter()
            self.app.processEvents()
            # What is to be deleted later waits for a loop like that of `exec`, which does not run.
            self.app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            self.gaps.append(time.perf_counter() - begun)
            self.worst[self.doing] = max(self.worst.get(self.doing, 0.0), self.gaps[-1])
            time.sleep(0.004)
            if time.monotonic() > end:
                raise SystemExit("nothing came of it in ten minutes")


class Soak:
    """The person, their images, and what is measured of them."""

    def __init__(self, folder: Path, seed: int) -> None:
        from engine.worker import Engine

        engine = Engine()  # first, as in app/cli
        from app import theme
        from app.pages import PAGES
        from app.shell.garbage import Housekeeping
        from app.shell.preferences import Preferences
        from app.shell.window import Window, make_application
        from tests.helpers.image_files import class_folders
        from tests.helpers.window import Person

        self.folder, self.rng = folder, random.Random(seed)
        self.turns = Turns(make_application())
        theme.use("light")
        self.window = Window(engine, Preferences())
        self.housekeeping = Housekeeping(self.window.bridge, self.window)
        self.window.show()
        self.person = Person(self.window, self.turns)
        self.person.sees(lambda: len(self.window.pages) == len(PAGES))
        self.counts, self.ends = Counter[str](), Counter[str]()
        self.window.bridge.ended.connect(lambda ticket, end: self.ends.update([end.how]))
        for bundle in range(BUNDLES):
            class_folders(folder / f"bundle {bundle}", dict.fromkeys(NAMES, EACH), bundle)
        self.path = folder / "soak.espalier"
        submit = self.window.bridge.submit
        self.person.waits_for(lambda: submit("new_project", path=str(self.path), size=64))

    # What the person does.

    def rest(self) -> None:
        """Until nothing runs, waits or is about to be asked; a page that is hidden asks later."""
        page, bridge = self.window.pages["Sort"], self.window.bridge
        asking = page.sorting
        self.person.sees(
            lambda: (
                not bridge.jobs and not asking.asking and not (asking.stale and page.isVisible())
            )
        )

    def bundle(self) -> Path:
        place = self.folder / f"bundle {self.rng.randrange(BUNDLES)}"
        return place / self.rng.choice(NAMES)

    def drops_a_class(self) -> None:
        from tests.helpers.window import drop, urls

        drop(self.person.page("Images"), urls([self.bundle()]))

    def drops_a_heap(self) -> None:
        from tests.helpers.window import drop, urls

        drop(self.person.page("Sort"), urls(sorted(self.bundle().iterdir())))

    def sorts(self) -> None:
        """Some keys, of which some are taken back."""
        page = self.person.page("Sort")
        self.rest()
        for _ in range(8):
            if page.rows.rowCount():
                page.gallery.go_to(self.rng.randrange(page.rows.rowCount()))
                page.gallery.setFocus()
                self.person.presses(self.rng.choice(["Return", "1", "2", "Backspace", "X"]))
                self.rest()

    def names(self) -> None:
        """A class for an image of the heap, by typing."""
        from tests.helpers.sort_page import rows, types

        page = self.person.page("Sort")
        self.rest()
        waiting = [place for place, row in enumerate(rows(self.person)) if "done" not in row]
        if waiting:
            page.gallery.go_to(self.rng.choice(waiting))
            types(self.person, self.rng.choice(NAMES))

    def forgets(self) -> None:
        page = self.person.page("Images")
        if self.person.classes():
            page.classes.choose(self.rng.choice(sorted(self.person.classes())))
            self.person.presses("Ctrl+Del")

    def takes_back(self) -> None:
        for _ in range(self.rng.randrange(1, 4)):
            self.person.presses(self.rng.choice(["Ctrl+Z", "Ctrl+Z", "Ctrl+Shift+Z"]))
            self.rest()

    def learns(self) -> None:
        page = self.person.page("Learn")
        self.rest()
        if page.learn_button.isEnabled():
            page.learn_button.click()

    def tunes(self) -> None:
        """The quick way; the run is stopped sometimes, and removed at the end."""
        page = self.person.page("Tune")
        self.rest()
        if not page.form.start_button.isEnabled():
            return
        page.form.start_button.click()
        if self.rng.random() < 0.3 and self.window.bridge.jobs:
            self.person.sees(lambda: page.live.running or not self.window.bridge.jobs)
            for ticket in list(self.window.bridge.jobs):
                self.window.bridge.cancel(ticket)
        self.rest()
        for run in [row["id"] for row in page.table.runs.rows]:
            self.window.bridge.submit("remove_run", run=run)

    def tries(self) -> None:
        from tests.helpers.window import drop, urls

        if self.person.project.current_step:
            some = self.rng.sample(sorted(self.bundle().iterdir()), 3)
            drop(self.person.page("Try"), urls(some))

    def exports(self) -> None:
        page = self.person.page("Export")
        target = self.folder / "exported" / "model.onnx"
        shutil.rmtree(target.parent, ignore_errors=True)
        target.parent.mkdir()
        page.target.setText(str(target))
        if page.export_button.isEnabled():
            page.export_button.click()

    def looks_around(self) -> None:
        for name in self.window.pages:
            self.person.page(name)
            self.rest()
        self.person.presses("Ctrl+T")

    def opens_it_again(self) -> None:
        self.person.presses("Ctrl+W")
        self.person.sees(lambda: self.person.project is None)
        self.window.open_project(str(self.path))
        self.person.sees(lambda: self.person.project is not None)

    def act(self) -> None:
        """One of all that is above, the short ones more often."""
        often = [self.drops_a_class, self.drops_a_heap, self.sorts, self.names, self.takes_back]
        seldom = [self.learns, self.tries, self.looks_around, self.forgets, self.opens_it_again]
        rarely = [self.tunes, self.exports]
        work = self.rng.choice(often * 4 + seldom * 2 + rarely)
        log.info("%s", work.__name__)
        self.turns.doing = work.__name__
        work()
        self.counts[work.__name__] += 1
        self.rest()
        for card in self.window.notices.cards:
            card.dismiss()
        # The person would keep each answer of the engine for ever, lists of images and all.
        self.person.ended.clear()
        self.person.submitted.clear()

    # What is measured.

    def line(self, begun: float) -> dict[str, float]:
        import psutil

        me, gaps = psutil.Process(), sorted(self.turns.gaps)
        self.turns.gaps.clear()
        number = self.window.bridge.engine.process_id
        engine = psutil.Process(number) if number else me
        found = {"seconds": time.monotonic() - begun, "acts": float(self.counts.total())}
        for name, process in (("window", me), ("engine", engine)):
            found[f"{name}_mb"] = process.memory_full_info().uss / 1e6
            found[f"{name}_handles"] = float(process.num_fds())
            found[f"{name}_threads"] = float(process.num_threads())
        found["processes"] = float(len(me.children(recursive=True)))
        files = [file for root in (self.path, self.folder / "home") for file in root.rglob("*")]
        found["disk_mb"] = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
        found["turn_p99_ms"] = 1e3 * gaps[int(0.99 * len(gaps))] if gaps else 0.0
        found["turn_worst_ms"] = 1e3 * gaps[-1] if gaps else 0.0
        return {name: round(found[name], 2) for name in FIELDS}

    def close(self) -> int:
        """Closes the window; how many processes are left."""
        import psutil

        known = psutil.Process().children(recursive=True)
        self.housekeeping.stop()
        self.window.close()
        _, alive = psutil.wait_procs(known, timeout=30)
        return sum("resource_tracker" not in " ".join(p.cmdline()) for p in alive)


def run(soak: Soak, seconds: float, file: Path) -> list[dict[str, float]]:
    """Acts until the time is over; a line a minute goes to the file at once."""
    begun, lines = time.monotonic(), list[dict[str, float]]()
    with file.open("w", newline="") as out:
        table = csv.DictWriter(out, FIELDS)
        table.writeheader()
        while time.monotonic() - begun < seconds:
            until = time.monotonic() + MINUTE
            while time.monotonic() < until:
                soak.act()
            lines.append(soak.line(begun))
            table.writerow(lines[-1])
            out.flush()
    return lines


def draw(lines: list[dict[str, float]], path: Path) -> None:
    """Each curve as a share of its middle after the first sixth."""
    from app import theme
    from app.widgets.line_plot import LinePlot, Series

    tokens = ("accent", "accent", "accent", "warning", "warning", "warning", "danger")
    settled = lines[len(lines) // 6 :]
    curves = []
    for name, token in zip(FLAT, tokens, strict=True):
        middle = statistics.median(line[name] for line in settled) or 1.0
        points = tuple((line["seconds"] / MINUTE, 100 * line[name] / middle) for line in lines)
        curves.append(Series(name.replace("_", " "), points, token, dense=len(points) > 60))
    plot = LinePlot("What the window and its engine take", "", "minute", "%")
    theme.dress(plot)
    plot.resize(960, 440)
    plot.show_series(curves)
    plot.show()
    plot.save(str(path))
    plot.close()


def told(lines: list[dict[str, float]]) -> None:
    """For each quantity the middle of the first and of the last third after it had settled."""
    settled = lines[len(lines) // 6 :]
    third = max(1, len(settled) // 3)
    print(f"{'':20} {'first':>9} {'last':>9} {'change':>8}")
    for name in FLAT:
        first = statistics.median(line[name] for line in settled[:third])
        last = statistics.median(line[name] for line in settled[-third:])
        print(
            f"{name:20} {first:9.1f} {last:9.1f} {100 * (last / first - 1) if first else 0:+7.1f}%"
        )
    p99 = statistics.median(line["turn_p99_ms"] for line in lines)
    worst = max(line["turn_worst_ms"] for line in lines)
    print(f"turns of the event loop: p99 {p99:.0f} ms in the middle minute; {worst:.0f} at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=float, default=6.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--to", type=Path, default=Path("soak"))
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="espalier-soak-") as name:
        folder = Path(name)
        os.environ["HOME"] = os.environ["ESPALIER_HOME"] = str(folder / "home")
        soak = Soak(folder, options.seed)
        lines = run(soak, 3600 * options.hours, options.to / "soak.csv")
        left = soak.close()
        told(lines)
        for counts in (soak.counts, soak.ends):
            print(", ".join(f"{what.replace('_', ' ')} {n}" for what, n in counts.most_common()))
        worst = sorted(soak.turns.worst.items(), key=lambda pair: -pair[1])
        print("longest turn of each:", ", ".join(f"{n} {1e3 * s:.0f} ms" for n, s in worst))
        print(f"{left} processes left")
        draw(lines, options.to / "soak.png")


if __name__ == "__main__":
    main()

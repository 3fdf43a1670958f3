"""A project of very many images: opening, the gallery, learning and forgetting.

    python -m tests.bench.rows [--rows 10000|100000|1000000] [--classes 1000] [--at FOLDER]

Rows are written in bulk and features are drawn, 64 wide (tests/helpers/many_rows.py); no image file
is read. Each part is done in a process of its own, whose peak memory is told. With `--at` the
project is kept in a folder, and used again.
"""

from __future__ import annotations

import argparse
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import window
from tests.bench.forked import in_child
from tests.bench.window import Bench, scroll, share

PARTS = ("open", "command", "pages", "learn", "forget", "window")
NEEDLE = "IMG_0004"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--pack", type=int, default=64, help="images whose features came together")
    parser.add_argument("--at", type=Path, help="a folder in which the project is kept")
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder = Path(name)
        os.environ["ESPALIER_HOME"] = str((options.at or folder) / "home")
        path = (options.at or folder) / f"rows {options.rows}.espalier"
        print(
            f"{options.rows:,} images, {options.classes:,} classes, load {os.getloadavg()[0]:.1f}"
        )
        if not path.exists():
            told("made", *in_child(peaked, made, path, options))
        print(f"  {'tables (MB)':<52} {size(path / 'project.db'):.0f}", flush=True)
        for part in options.parts.split(","):
            if part == "command":
                command(path)
            else:
                told(part, *in_child(peaked, globals()[f"{part}_part"], path))


def told(part: str, rows: list[tuple[str, str]], peak: float) -> None:
    for title, figures in [*rows, (f"{part}: peak memory (MB)", f"{peak:.0f}")]:
        print(f"  {title:<52} {figures}", flush=True)


def peaked(work: Callable[..., list[tuple[str, str]]], *given: Any) -> tuple[Any, float]:
    """What `work` returns, and this process's peak memory in MB."""
    found = work(*given)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found, used / (1e6 if sys.platform == "darwin" else 1e3)


def size(file: Path) -> float:
    return file.stat().st_size / 1e6


class Clock:
    """Collects rows: what was done, in how many seconds on the clock, and of the processor's, which
    others on the computer lengthen less."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []

    def __call__(self, title: str, work: Callable[..., Any], *given: Any, **named: Any) -> Any:
        begun, used = time.perf_counter(), time.process_time()
        found = work(*given, **named)
        seconds, used = time.perf_counter() - begun, time.process_time() - used
        self.rows.append((f"{title} (s; of processor)", f"{seconds:.3f}  {used:.3f}"))
        return found


def made(path: Path, options: argparse.Namespace) -> list[tuple[str, str]]:
    from engine.learning.material import features_by
    from tests.bench.common import new
    from tests.helpers.many_rows import fill

    path.parent.mkdir(parents=True, exist_ok=True)
    session = new(path.parent, path.stem, size=160, features="pooled")
    key = features_by(session.require(), session.extractor(), 1).key
    clock = Clock()
    clock("made", fill, session.require(), options.rows, options.classes, key, options.pack)
    session.close()
    return clock.rows


def opened(path: Path) -> Any:
    from engine.session import Session

    session = Session()
    session.open(path)
    return session


def open_part(path: Path) -> list[tuple[str, str]]:
    """What the engine does when a project is opened, and how large what it says is."""
    from engine.models.backbones import title_of
    from engine.session import Session

    clock, session = Clock(), Session()
    title_of("tuned")  # and all that it imports
    clock("opened", session.open, path)
    view = clock("snapshot", session.view)
    clock("snapshot again", session.view)
    clock.rows.append(("snapshot on the pipe (KB)", f"{len(pickle.dumps(view)) / 1e3:.0f}"))
    session.close()
    return clock.rows


def command(path: Path) -> None:
    """The command line, from its start to its end."""
    begun = time.perf_counter()
    run = [sys.executable, "-m", "app", "classes", str(path)]
    subprocess.run(run, stdout=subprocess.DEVNULL, check=True)
    print(f"  {'espalier classes (s)':<52} {time.perf_counter() - begun:.2f}", flush=True)


def pages_part(path: Path) -> list[tuple[str, str]]:
    """Pages of the gallery as the window asks for them, each order from its start and far on."""
    from tests.bench.common import do

    clock, session = Clock(), opened(path)
    project = session.require()
    rows = project.db.execute("SELECT COUNT(*) FROM image").fetchone()[0]
    (name,) = project.db.execute("SELECT name FROM class ORDER BY id DESC LIMIT 1").fetchone()
    asked: dict[str, dict[str, str]] = {
        "all": {},
        "newest": {"sort": "date"},
        "by name": {"sort": "name"},
        "to test": {"split": "validation"},
        "a class": {"class_name": name},
        f"search “{NEEDLE}”": {"search": NEEDLE},
        "search a class": {"search": name},
        "search nothing": {"search": "nowhere at all"},
    }
    for title, query in asked.items():
        page = clock(f"{title}: first page", do, session, "images", limit=256, **query)
        far = max(0, page["total"] - 300)
        clock(f"{title}: far page", do, session, "images", limit=256, offset=far, **query)
        half = page["total"] // 2
        clock(f"{title}: middle page", do, session, "images", limit=256, offset=half, **query)
    assert do(session, "images", limit=1)["total"] == rows
    session.close()
    return clock.rows


def learn_part(path: Path) -> list[tuple[str, str]]:
    """Learns all classes from features that are there, in a copy of the project's tables."""
    from tests.bench.common import do

    clock, session = Clock(), opened(path)
    session.extractor()
    found = clock("learnt", do, session, "learn")
    clock.rows.append(("accuracy", f"{found['accuracy']:.4f}"))
    clock("learnt again", do, session, "learn")
    session.close()
    return clock.rows


def forget_part(path: Path) -> list[tuple[str, str]]:
    """Forgets a class, and takes that back; removes one, and takes that back."""
    from tests.bench.common import do

    clock, session = Clock(), opened(path)
    (name,) = session.require().db.execute("SELECT name FROM class ORDER BY id LIMIT 1").fetchone()
    clock("a class forgotten", do, session, "forget", name=name)
    clock("undone", do, session, "undo")
    clock("a class removed", do, session, "remove_class", name=name)
    clock("undone", do, session, "undo")
    clock("done again", do, session, "redo")
    clock("undone", do, session, "undo")
    session.close()
    return clock.rows


def window_part(path: Path) -> list[tuple[str, str]]:
    """Opens the project in the real window, and scrolls all its images as a person drags."""
    import psutil

    bench = Bench()
    bench.window.go("Images")
    page, begun = bench.window.pages["Images"], time.perf_counter()
    bench.gaps.clear()
    bench.do("open_project", path=str(path))
    engine_done = time.perf_counter() - begun
    bench.until(lambda: page.rows.total and page.rows.row(0))
    page.gallery.viewport().repaint()
    painted = time.perf_counter() - begun
    found = [("window: project opened (s)", f"{engine_done:.2f}")]
    found.append(("window: first page painted (s)", f"{painted:.2f}"))
    found.append(("turns meanwhile (ms): median, p95, worst", figures(bench.gaps)))
    found.append(("all: frames while scrolling (ms)", figures(scroll(bench, page.gallery))))
    name = bench.window.bridge.project.classes[len(bench.window.bridge.project.classes) // 2].name
    page.classes.choose(name)
    bench.until(lambda: page.rows.row(0) and page.rows.row(0)["class"] == name)
    found.append(("a class: frames while scrolling (ms)", figures(scroll(bench, page.gallery))))
    page.classes.choose("")
    bench.until(lambda: page.rows.total > 1 and page.rows.row(0))
    begun = time.perf_counter()
    page.gallery.selectAll()
    bench.app.processEvents()
    found.append(("all chosen (ms)", f"{1000 * (time.perf_counter() - begun):.0f}"))
    page.gallery.clearSelection()
    own = psutil.Process()
    found.append(("memory of the window (MB)", f"{own.memory_info().rss / 1e6:.0f}"))
    others = max(c.memory_info().rss for c in own.children(recursive=True))
    found.append(("memory of the engine (MB)", f"{others / 1e6:.0f}"))
    bench.housekeeping.stop()
    bench.window.close()
    return found


def figures(seconds: list[float]) -> str:
    return "  ".join(f"{1000 * share(seconds, part):.0f}" for part in (0.5, 0.95, 1))


window.FRAME = 0.002

if __name__ == "__main__":
    main()

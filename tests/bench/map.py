"""The map of many images: `python -m tests.bench.map [--images 100000] [--width 64] [--refine]`.

A project is filled with drawn features of `--width` numbers, of 40 classes that overlap, a fifth
of the images on the heap; thumbnails repeat. Then: seconds to the first picture (drawn in the
engine, read, shown in the window); frames while the plot is panned and zoomed, from afar to single
images; and how far old points move when 1,000 images are added. With --refine also how long drawing
together takes, and where 1,000 more come then. Under Xvfb or without a display. Prints one table;
behind a bar stands the time of the processor.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.common import do, new
from tests.bench.window import FRAME, Bench, share

CLASSES, NEW, PACK = 40, 1000, 4096
WAITS = 0.2
"""The share of images without a class."""


def drawn(count: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of overlapping classes, and the class of each."""
    middles = 2.0 * np.random.default_rng(1).standard_normal((CLASSES, width))
    rng = np.random.default_rng(seed)
    of = rng.integers(0, CLASSES, count)
    x = middles[of] + rng.standard_normal((count, width))
    return x.astype(np.float32), of


def names(count: int, seed: int) -> list[str]:
    return [hashlib.sha256(f"{seed} {n}".encode()).hexdigest() for n in range(count)]


def fill(session: Any, count: int, width: int, seed: int, heap: float) -> None:
    """Puts images and their features into the tables, as if they had been looked at."""
    from engine.map.drawing import features_of

    project, features = session.require(), features_of(session)
    x, of = drawn(count, width, seed)
    hashes = names(count, seed)
    for start in range(0, count, PACK):
        features.put(hashes[start : start + PACK], x[start : start + PACK, None])
    db = project.db
    thumb = db.execute("SELECT pack, thumb_at, thumb_length FROM image LIMIT 1").fetchone()
    waits = np.random.default_rng(seed).random(count) < heap
    facts = (0, 640, 480, 1000, "", "", *thumb)

    def rows(those: np.ndarray) -> Iterator[tuple[Any, ...]]:
        for n in np.flatnonzero(those).tolist():
            yield hashes[n], f"/somewhere/{seed}/{n:06}.jpg", int(of[n]), n

    common = "copied, width, height, bytes, phash, note, pack, thumb_at, thumb_length"
    with project.transaction():
        for number in range(CLASSES):
            made = f"INSERT OR IGNORE INTO class (name, made) VALUES ('class {number:02}', '')"
            db.execute(made)
        ids = [
            row[0]
            for row in db.execute("SELECT id FROM class WHERE name LIKE 'class %' ORDER BY name")
        ]
        db.conn.executemany(
            f"INSERT INTO image (sha256, path, class_id, split, {common}) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (sha256, path, ids[at], "validation" if n % 5 == 0 else "train", *facts)
                for sha256, path, at, n in rows(~waits)
            ),
        )
        db.conn.executemany(
            f"INSERT INTO unsorted (sha256, path, {common}) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((sha256, path, *facts) for sha256, path, _, _ in rows(waits)),
        )


Frame = tuple[float, float]
"""Seconds by the clock, and of the processor, which are the same however busy the computer is."""


def frames(bench: Bench, plot: Any) -> dict[str, list[Frame]]:
    """Each frame while a hand zooms in and out and pulls what is seen."""
    found: dict[str, list[Frame]] = {}
    moves = [("zoom", 1.1)] * 60 + [("pan", 12.0)] * 40
    moves += [("zoom", 1 / 1.1)] * 60 + [("pan", -12.0)] * 40
    for closer in (1.0, 3.0, 20.0, 60.0):
        plot.zoom(0)
        plot.zoom(closer)
        for kind, by in moves:
            begun = time.perf_counter(), time.thread_time()
            plot.zoom(by) if kind == "zoom" else plot.pan(by, by / 2)
            bench.app.processEvents()
            spent = time.perf_counter() - begun[0], time.thread_time() - begun[1]
            found.setdefault("all", []).append(spent)
            found.setdefault(plot.points.shown, []).append(spent)
            time.sleep(FRAME)
    return found


def told(title: str, seconds: list[Frame]) -> tuple[str, str]:
    clocks = [
        "  ".join(f"{1000 * share(some, part):.0f}" for part in (0.5, 0.95, 1))
        for some in zip(*seconds, strict=True)
    ]
    return f"{title}, {len(seconds)} frames (ms): median, p95, worst", " | ".join(clocks)


def spots(session: Any) -> dict[str, bytes]:
    """Where each image lies, to the last bit, by path."""
    found = do(session, "map_points")
    each = found["spots"]
    return {path: each[8 * n : 8 * n + 8] for n, path in enumerate(found["paths"].split("\0"))}


def moved(before: dict[str, bytes], after: dict[str, bytes]) -> str:
    count = sum(after[path] != spot for path, spot in before.items())
    return f"{count} of {len(before):,}"


def in_the_engine(options: argparse.Namespace, path: Path) -> list[tuple[str, str]]:
    """The same job in this process; and what moves when images come."""
    from engine.session import Session

    session = Session()
    do(session, "open_project", path=str(path))
    begun = time.perf_counter(), time.process_time()
    do(session, "draw_map", anew=True)
    do(session, "map_points")
    spent = time.perf_counter() - begun[0], time.process_time() - begun[1]
    rows = [("drawn and read in the engine (s)", f"{spent[0]:.1f} | {spent[1]:.1f}")]
    before = spots(session)
    fill(session, NEW, options.width, 2, 0.5)
    begun = time.perf_counter()
    do(session, "draw_map")
    rows.append((f"{NEW:,} more placed (s)", f"{time.perf_counter() - begun:.1f}"))
    rows.append(("old points that moved", moved(before, spots(session))))
    if options.refine:
        begun = time.perf_counter()
        do(session, "draw_map", refine=True)
        rows.append(("drawn together, on all cores (s)", f"{time.perf_counter() - begun:.0f}"))
        before = spots(session)
        fill(session, NEW, options.width, 3, 0.5)
        begun = time.perf_counter()
        do(session, "draw_map")
        rows.append((f"{NEW:,} more placed on that (s)", f"{time.perf_counter() - begun:.1f}"))
        rows.append(("old points that moved", moved(before, spots(session))))
    session.close()
    return rows


def in_the_window(options: argparse.Namespace, path: Path) -> list[tuple[str, str]]:
    """From the click on the rail to the first picture, and frames after it."""
    bench = Bench()
    page = bench.window.pages["Map"]
    bench.do("open_project", path=str(path))
    page.mapping.stopped.add(str(path))  # frames are measured while nothing else is done
    bench.gaps.clear()
    begun = time.perf_counter()
    bench.window.go("Map")
    bench.until(lambda: page.plot.cloud is not None and len(page.plot.cloud) >= options.images)
    page.plot.redraw()
    page.plot.chart.viewport().repaint()
    first = time.perf_counter() - begun
    stalls = "  ".join(f"{1000 * share(bench.gaps, part):.0f}" for part in (0.5, 0.99, 1))
    found = frames(bench, page.plot)
    rows = [
        (f"first picture of {options.images:,} points (s)", f"{first:.1f}"),
        ("turns of the event loop meanwhile (ms): median, p99, worst", stalls),
        told("panned and zoomed", found.pop("all")),
        *(told(f"  as {kind}", some) for kind, some in found.items()),
    ]
    bench.housekeeping.stop()
    bench.window.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=64, help="numbers of a feature")
    parser.add_argument("--refine", action="store_true", help="draw together, too: minutes")
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder = Path(name)
        os.environ["ESPALIER_HOME"] = str(folder / "home")
        path = filled(options, folder)
        rows = [*in_the_window(options, path), *in_the_engine(options, path)]
    print(f"{options.images:,} images, features of {options.width} numbers")
    for title, figures in rows:
        print(f"{title:<62} {figures}")


def filled(options: argparse.Namespace, folder: Path) -> Path:
    """A closed project with so many images, none of which has to be looked at."""
    from tests.helpers.image_files import plain_folders

    session = new(folder, "map", backbone="embedded")
    few = plain_folders(folder / "few", ["one"], 2)
    do(session, "add_images", paths=[str(few)])
    fill(session, options.images, options.width, 1, WAITS)
    do(session, "remove_class", name="one")
    path = session.require().path
    session.close()
    with sqlite3.connect(path / "project.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return path


if __name__ == "__main__":
    main()

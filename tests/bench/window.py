"""How the window feels, in figures: `python -m tests.bench.window [FOLDER]`.

First paint after the start of the process; a first start to the learnt sample; stalls of the event
loop while photos are learnt and a model is exported, and while a network is tuned; opening and
scrolling a gallery of 100,000 rows. Prints one table.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bench.given import parser_of, photos_of

ROWS = 100_000
FRAME = 0.004
FIRST_PAINT = """
import sys, time
from PySide6.QtCore import QTimer
from app.shell import window as w
real = w.Window.paintEvent
def paint(self, event):
    real(self, event)
    print(time.time(), flush=True)
    QTimer.singleShot(0, self.close)
w.Window.paintEvent = paint
if __name__ == "__main__":
    w.main(w.Engine())
"""


FIRST_SAMPLE = """
import sys, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QPushButton
from app.shell import window as w
real, painted = w.Window.paintEvent, []
def paint(self, event):
    real(self, event)
    if not painted:
        painted.append(True)
        QTimer.singleShot(0, lambda: click(self))
def click(window):
    (sample,) = [b for b in window.findChildren(QPushButton) if b.text() == "Open the sample"]
    sample.click()
    wait(window)
def wait(window):
    project = window.bridge.project
    if project is None or project.current_step is None:
        QTimer.singleShot(20, lambda: wait(window))
        return
    print(time.time(), flush=True)
    window.close()
w.Window.paintEvent = paint
if __name__ == "__main__":
    w.main(w.Engine())
"""


def share(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def first_sample(folder: Path) -> list[tuple[str, str]]:
    """Seconds from a first start, in a new home, over one click to the learnt sample."""
    script = folder / "sample.py"
    script.write_text(FIRST_SAMPLE)
    home = folder / "new home"
    home.mkdir()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    begun = time.time()
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.getcwd(), "ESPALIER_HOME": str(home), "HOME": str(home)},
    ) as process:
        seconds = float(process.stdout.readline()) - begun
    return [("first start to the learnt sample (s)", f"{seconds:.1f}")]


def first_paint(folder: Path) -> list[tuple[str, str]]:
    """Seconds from the start of the process to the first paint: the median of five starts."""
    script = folder / "start.py"
    script.write_text(FIRST_PAINT)
    seconds = []
    for _ in range(5):
        begun = time.time()
        with subprocess.Popen(
            [sys.executable, script],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.getcwd()},
        ) as process:
            seconds.append(float(process.stdout.readline()) - begun)
    return [
        ("first paint (s), median and worst of 5", f"{share(seconds, 0.5):.2f}  {max(seconds):.2f}")
    ]


class Bench:
    """A window that is driven from outside, one turn of its event loop at a time."""

    def __init__(self) -> None:
        from app import theme
        from app.pages import PAGES
        from app.shell.garbage import Housekeeping
        from app.shell.preferences import Preferences
        from app.shell.window import Window, make_application
        from engine.worker import Engine

        self.app = make_application()
        theme.use("light")
        self.window = Window(Engine(), Preferences())
        self.housekeeping = Housekeeping(self.window.bridge, self.window)
        self.window.show()
        self.endings: list[Any] = []
        self.window.bridge.ended.connect(lambda ticket, ended: self.endings.append(ended))
        self.gaps: list[float] = []
        self.until(lambda: len(self.window.pages) == len(PAGES))

    def until(self, done: Callable[[], object], patience: float = 1200) -> None:
        """Turns the event loop as Qt would, noting how long each turn took beyond its wait."""
        end = time.monotonic() + patience
        while not done():
            begun = time.perf_counter()
            self.app.processEvents()
            self.gaps.append(time.perf_counter() - begun)
            time.sleep(FRAME)
            if time.monotonic() > end:
                raise SystemExit("the bench waited too long")

    def do(self, job: str, **settings: Any) -> Any:
        before = len(self.endings)
        self.window.bridge.submit(job, **settings)
        self.until(lambda: len(self.endings) > before)
        if self.endings[-1].how != "done":
            raise SystemExit(f"{job}: {self.endings[-1].text}")
        return self.endings[-1].result


def stalls(bench: Bench, folder: Path, photos: Path, weights: str) -> list[tuple[str, str]]:
    """Learns the photos and exports the model, with the pages being looked at meanwhile."""
    from PySide6.QtCore import QTimer

    network = {"weights": weights} if weights else {}
    bench.do("new_project", path=str(folder / "learn.espalier"), **network, size=96)
    pages = list(bench.window.pages)
    turn = QTimer(interval=700)
    turn.timeout.connect(lambda: (pages.append(pages.pop(0)), bench.window.go(pages[0])))
    turn.start()
    bench.gaps.clear()
    begun = time.monotonic()
    result = bench.do("learn_folder", paths=[str(photos)])
    bench.do("export", path=str(folder / "model.onnx"))
    turn.stop()
    count = sum(result["classes"].values())
    figures = "  ".join(f"{1000 * share(bench.gaps, part):.0f}" for part in (0.5, 0.99, 1))
    return [
        (f"learning {count:,} photos and exporting (s)", f"{time.monotonic() - begun:.0f}"),
        ("turns of the event loop meanwhile (ms): median, p99, worst", figures),
    ]


def tuning(bench: Bench) -> list[tuple[str, str]]:
    """Tunes the network of the project that is open, while the Tune page shows its plots."""
    bench.window.go("Tune")
    bench.gaps.clear()
    begun = time.monotonic()
    settings = {"epochs": 2, "t0": 0.5}
    bench.do("tune", schedule="freezeout", settings=settings, adopt="never")
    figures = "  ".join(f"{1000 * share(bench.gaps, part):.0f}" for part in (0.5, 0.99, 1))
    return [
        ("tuning, two epochs (s)", f"{time.monotonic() - begun:.0f}"),
        ("turns of the event loop meanwhile (ms): median, p99, worst", figures),
    ]


def fill(path: Path) -> None:
    """Copies the rows of a project until there are 100,000: hashes differ, thumbnails repeat."""
    columns = (
        "class_id, path, copied, width, height, bytes, split, phash, note, pack, "
        "thumb_at, thumb_length"
    )
    with sqlite3.connect(path / "project.db") as db:
        known = db.execute("SELECT COUNT(*) FROM image").fetchone()[0]
        copies = ROWS // known
        db.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {copies}) "
            f"INSERT INTO image (sha256, {columns}) "
            f"SELECT printf('%064d', i * 1000000 + image.id), {columns} FROM image, n"
        )
    db.close()


def gallery(bench: Bench, folder: Path, photos: Path, weights: str) -> list[tuple[str, str]]:
    """Opens a project of 100,000 rows, and scrolls it as fast as a person drags the bar."""
    small = folder / "few"
    for place in sorted(photos.iterdir())[:4]:
        for file in sorted(place.iterdir())[:64]:
            target = small / place.name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    path = folder / "rows.espalier"
    network = {"weights": weights} if weights else {}
    bench.do("new_project", path=str(path), **network, size=64)
    bench.do("add_images", paths=[str(small)])
    bench.do("close_project")
    fill(path)
    bench.window.go("Images")
    page = bench.window.pages["Images"]
    bench.do("open_project", path=str(path))
    bench.until(lambda: page.rows.rowCount() >= ROWS)
    bench.window.go("Images")
    answers: list[int] = []
    page.rows.counted.connect(answers.append)
    begun = time.perf_counter()
    page.show_class("")
    bench.until(lambda: answers)
    page.gallery.viewport().repaint()
    opening = time.perf_counter() - begun
    frames = scroll(bench, page.gallery)
    figures = "  ".join(f"{1000 * share(frames, part):.0f}" for part in (0.5, 0.95, 1))
    return [
        (f"gallery of {page.rows.rowCount():,} rows opens (s)", f"{opening:.2f}"),
        ("its frames while scrolling (ms): median, p95, worst", figures),
    ]


def scroll(bench: Bench, view: Any) -> list[float]:
    """Seconds for each of 600 frames: slow, fast and jumping."""
    bar = view.verticalScrollBar()
    places = [i * 24 for i in range(300)]
    places += [i * bar.maximum() // 300 for i in range(300)]
    frames = []
    for place in places:
        begun = time.perf_counter()
        bar.setValue(place)
        view.viewport().repaint()
        bench.app.processEvents()
        frames.append(time.perf_counter() - begun)
        time.sleep(FRAME)
    return frames


def main() -> None:
    options = parser_of(__doc__).parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder = Path(name)
        os.environ["ESPALIER_HOME"] = str(folder / "home")
        photos = photos_of(options, folder, 500)
        rows = [*first_paint(folder), *first_sample(folder)]
        bench = Bench()
        rows += stalls(bench, folder, photos, options.weights)
        rows += tuning(bench)
        rows += gallery(bench, folder, photos, options.weights)
        bench.housekeeping.stop()
        bench.window.close()
    for title, figures in rows:
        print(f"{title:<60} {figures}")


if __name__ == "__main__":
    main()

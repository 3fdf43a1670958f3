"""Teaching by a camera: what a hold of the button gives, and how soon.

    python -m tests.bench.hold [--seconds 10] [--things moth,mug,key] [--home FOLDER]

Films of drawn things, moved as in a hand, stand for the camera. A window is started in a process of
its own, with a new project; on its Learn page each film is looked through and the button held so
many seconds. It says when the first answer was seen after the start of that process and after the
button was pressed, how many images a hold gave, and how many frames of each thing from later times,
which no hold saw, are answered rightly, as the Live page smooths them: “likeliest” counts those
whose likeliest class is right, “right” also asks that the answer is not “none of these”. With a
--home that an earlier start has filled, the network is ready as in a program that was used before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

RATE, LATER, ASKED = 15, 20.0, 150
"""Frames a second of the films; from when on frames are asked about, and how many of each thing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--things", default="moth,mug,key")
    parser.add_argument("--home", type=Path, help="the program's folder, to start it another time")
    parser.add_argument("--inside", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.things.split(",")
    if options.inside:
        inside(Path(options.inside), names, options.seconds)
        return
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder = Path(name)
        draw(folder, names, options.seconds)
        home = options.home or folder / "home"
        environment = os.environ | {"ESPALIER_HOME": str(home), "HOME": str(folder)}
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        words = [sys.executable, "-m", "tests.bench.hold", "--inside", str(folder)]
        words += ["--things", options.things, "--seconds", str(options.seconds)]
        begun = time.time()
        subprocess.run(words, check=True, env=environment)
        tell(json.loads((folder / "said.json").read_text()), begun)


def draw(folder: Path, names: Sequence[str], seconds: float) -> None:
    """A film of each thing that is as long as its hold and more, and one of later times."""
    from tests.helpers.drawn_things import Stage
    from tests.helpers.live import film_of

    stage = Stage()
    for name in names:
        frames = stage.film(name, 0.0, seconds + 30.0, RATE)
        film_of(folder / f"{name}.avi", frames, stage.side, RATE)
        later = stage.film(name, LATER + seconds, LATER + seconds + ASKED / RATE, RATE)
        film_of(folder / f"{name} later.avi", later, stage.side, RATE)


def tell(said: dict[str, Any], begun: float) -> None:
    """The figures as a table."""
    print(
        f"window there after {said['window'] - begun:.1f} s, its first frame of a camera after ",
        end="",
    )
    print(f"{said['seen'] - begun:.1f} s, its first answer after {said['answer'] - begun:.1f} s")
    print(f"until then {said['work']:.1f} s of a processor were spent by all processes")
    titles = ("images", "a second", "answer (s)", "stored (s)", "frames", "likeliest", "right")
    print(f"{'thing':10}{''.join(f'{title:>12}' for title in titles)}")
    for row in said["rows"]:
        print(
            f"{row['name']:10}{row['images']:12}{row['images'] / row['held']:12.1f}"
            f"{row['answer']:12.1f}{row['stored']:12.1f}{row['asked']:12}"
            f"{row['likeliest'] / row['asked']:12.1%}{row['right'] / row['asked']:12.1%}"
        )


# In the process of the window.


def worked() -> float:
    """Seconds of a processor that this process and those below it took."""
    import psutil

    own = psutil.Process()
    spent = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return float(sum(times.user + times.system for times in spent))


class Hand:
    """A person at the window, one turn of its event loop at a time."""

    def __init__(self, folder: Path) -> None:
        from engine.worker import Engine

        engine = Engine()  # first, as in app/cli
        from app import theme
        from app.pages import PAGES
        from app.shell.preferences import Preferences
        from app.shell.window import Window, make_application

        self.app, self.folder, self.work = make_application(), folder, 0.0
        theme.use("light")
        self.window = Window(engine, Preferences())
        self.window.show()
        self.until(lambda: len(self.window.pages) == len(PAGES))

    def until(self, done: Callable[[], object], patience: float = 600) -> None:
        end = time.monotonic() + patience
        while not done():
            self.app.processEvents()
            time.sleep(0.004)
            if time.monotonic() > end:
                raise SystemExit("the bench waited too long")

    def ended(self, submit: Callable[..., object], job: str, **settings: Any) -> Any:
        found: list[Any] = []
        submit(job, found.append, **settings)
        self.until(lambda: found)
        if found[0].how != "done":
            raise SystemExit(f"{job}: {found[0].text}")
        return found[0].result

    def hold(self, dialog: Any, name: str, seconds: float) -> dict[str, Any]:
        """One class: its film is shown, and the button held before it."""
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        dialog.source.setText(str(self.folder / f"{name}.avi"))
        dialog.show_button.click()
        dialog.image.show_image(type(dialog.image.image)())
        self.until(lambda: not dialog.image.image.isNull())
        dialog.name.setCurrentText(name)
        dialog.hold.setFocus()
        QTest.keyPress(dialog.hold, Qt.Key.Key_Space)
        begun, answered = time.time(), list[float]()

        def over() -> bool:
            if not answered and dialog.bars.accessibleDescription().startswith(f"{name} "):
                answered.append(time.time())
                self.work = self.work or worked()
            return time.time() - begun >= seconds

        self.until(over)
        images, let_go = len(dialog.holds.now.frames), time.time()
        QTest.keyRelease(dialog.hold, Qt.Key.Key_Space)
        self.until(lambda: not dialog.holds.storing)
        return {
            "name": name,
            "images": images,
            "held": let_go - begun,
            "answered": answered[0] if answered else 0.0,
            "answer": answered[0] - begun if answered else float("nan"),
            "stored": time.time() - let_go,
        }

    def asked(self, name: str) -> dict[str, int]:
        """How many frames of a thing's later film are answered rightly on the Live page."""
        events: list[Any] = []
        self.window.bridge.watched.connect(lambda _, event: events.append(event))
        film = str(self.folder / f"{name} later.avi")
        self.ended(self.window.bridge.ask, "watch", source=film, every=True)
        best = [max(event.classes, key=event.classes.get) for event in events]
        right = sum(event.answer == name for event in events)
        return {"asked": len(events), "likeliest": best.count(name), "right": right}


def inside(folder: Path, names: Sequence[str], seconds: float) -> None:
    """The window's part: a new project, a hold for each thing, and the later frames asked."""
    from app.pages.images.camera import CameraDialog

    hand = Hand(folder)
    said: dict[str, Any] = {"window": time.time()}
    window = hand.window
    hand.ended(window.bridge.submit, "new_project", path=str(folder / "held.espalier"))
    window.go("Learn")
    window.pages["Learn"].first_camera.click()
    hand.until(lambda: window.findChild(CameraDialog))
    dialog = window.findChild(CameraDialog)
    window.bridge.watched.connect(lambda *_: said.setdefault("seen", time.time()))
    said["rows"] = [hand.hold(dialog, name, seconds) for name in names]
    first = [row["answered"] for row in said["rows"] if row["answered"]]
    said["answer"], said["work"] = min(first, default=float("nan")), hand.work
    dialog.reject()
    for row in said["rows"]:
        row.update(hand.asked(row["name"]))
    (folder / "said.json").write_text(json.dumps(said))
    window.close()


if __name__ == "__main__":
    main()

"""A film taken apart and learnt: how many frames are kept, and how long it takes.

    python -m tests.bench.film [--minutes 5] [--size 1280x720]

Things are drawn as in a hand, one after the other for 20 s each, and written by OpenCV as MPEG-4
with 25 frames a second: five times a second the thing is drawn anew, and what lies between trembles
by pixels. The film is taken apart in this process (and the one that reads it), then it is learnt by
`espalier learn --into` in a new project, with the network that comes along. Seconds of a processor
are those of all processes; where others work beside it, they say more than those of the clock.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engine.live.film import taken_apart
from tests.bench.common import finished
from tests.helpers.drawn_things import Stage

RATE, DRAWN, EACH = 25, 5, 20
"""Frames a second, those of them that are drawn anew, and seconds of each thing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--size", default="1280x720")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as made:
        folder = Path(made)
        film = drawn(folder / "film.mp4", options.minutes, width, height)
        (folder / "frames").mkdir()
        *spent, found = measured(lambda: finished(taken_apart([str(film)], folder / "frames")))
        print(f"{len(found.paths)} of {60 * options.minutes * RATE:.0f} frames kept", end=", ")
        print(f"{options.minutes:g} minutes of {options.size}, {film.stat().st_size / 1e6:.0f} MB")
        print(f"{'':12}{'seconds':>9}{'of a processor':>16}", end="")
        print(f"{'an hour of film':>17}{'of a processor':>16}")
        tell("taken apart", spent, options.minutes)
        espalier(folder, "new", folder / "p.espalier")
        *spent, _ = measured(
            lambda: espalier(folder, "learn", folder / "p.espalier", film, "--into", "things")
        )
        tell("learnt", spent, options.minutes)


def drawn(path: Path, minutes: float, width: int, height: int) -> Path:
    """A film of things, one after the other, in the middle of their ground."""
    stage, code = Stage(), cv2.VideoWriter_fourcc(*"mp4v")
    names = list(stage.studio.recipe["classes"])
    writer = cv2.VideoWriter(str(path), code, RATE, (width, height))
    assert writer.isOpened()
    for number in range(round(60 * minutes * DRAWN)):
        seconds = number / DRAWN
        frame = stage.frame(names[int(seconds / EACH) % len(names)], seconds, int(seconds / EACH))
        grown = cv2.resize(frame, (max(width, height),) * 2)
        top, left = (len(grown) - height) // 2, (len(grown) - width) // 2
        whole = np.ascontiguousarray(grown[top : top + height, left : left + width, ::-1])
        for shift in range(RATE // DRAWN):
            writer.write(np.roll(whole, shift, axis=1))
    writer.release()
    return path


def measured(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds, seconds of a processor of this process and those that it waited for, the result."""
    clock, before = time.perf_counter(), processor()
    result = work()
    return time.perf_counter() - clock, processor() - before, result


def processor() -> float:
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(who) for who in whose]
    return sum(one.ru_utime + one.ru_stime for one in used)


def espalier(home: Path, *words: object) -> None:
    environment = {**os.environ, "ESPALIER_HOME": str(home / "home")}
    command = [sys.executable, "-m", "app", *map(str, words)]
    subprocess.run(command, check=True, env=environment, capture_output=True)


def tell(what: str, spent: list[Any], minutes: float) -> None:
    clock, work = spent
    an_hour = 60 / minutes
    print(f"{what:12}{clock:9.1f}{work:16.1f}{clock * an_hour:17.0f}{work * an_hour:16.0f}")


if __name__ == "__main__":
    main()

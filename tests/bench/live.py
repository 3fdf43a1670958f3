"""What is watched: frames a second and what limits them, memory over many frames, a camera pulled.

    python -m tests.bench.live [MODEL] [FILM] [--frames 100000] [--pulls 100]

MODEL is an exported file, FILM what it is asked about, frame by frame at whatever speed; without
them these parts are left out. Then a model that costs nothing answers so many drawn frames, and the
memory of both processes is looked at on the way; then a camera in this process is pulled and given
back so many times.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil

from engine.events import Ended, Watched
from engine.jobs import run
from engine.live.events import Back, Frame, Lost
from engine.live.places import place_named
from engine.live.sources import open_source
from engine.results.live import SourceWatched
from tests.helpers.live import Camera, colour_model, film, served

SOME = 30
"""Frames after which OpenCV knows what a camera sends."""
LOOKS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="")
    parser.add_argument("film", nargs="?", default="")
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--pulls", type=int, default=100)
    options = parser.parse_args()
    if options.film:
        speed(options.model, options.film)
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as folder:
        memory(Path(folder), options.frames)
    pulled(options.pulls)


def watched(model: str, source: str) -> SourceWatched:
    ended = [*run(None, "watch", {"source": source, "model": model, "every": True})][-1]
    assert isinstance(ended, Ended)
    return ended.of(SourceWatched)


def speed(model: str, source: str) -> None:
    clock, work = time.perf_counter(), time.process_time()
    result = watched(model, source)
    passed, work = time.perf_counter() - clock, time.process_time() - work
    parts = ", ".join(f"{name} {ms:.1f}" for name, ms in result["milliseconds"].items())
    print(
        f"{result['frames']} frames, {result['frames'] / passed:.1f} a second; "
        f"{1000 * work / result['frames']:.1f} ms of a processor each; median ms: {parts}"
    )


def memory(folder: Path, frames: int) -> None:
    """Of this process and the one that reads, each tenth of the way."""
    model = colour_model(folder / "colours.onnx")
    colours = ["red", "green", "blue", "white"]
    shown = film(folder / "film.avi", itertools.islice(itertools.cycle(colours), frames))
    settings = {"source": str(shown), "model": str(model), "every": True}
    seen = 0
    for event in run(None, "watch", settings):
        if isinstance(event, Watched):
            seen += 1
            if seen % (frames // LOOKS) == 0:
                own = psutil.Process()
                both = [own, *own.children()]
                megabytes = [process.memory_info().rss / 1e6 for process in both]
                print(f"{seen:,} frames: {', '.join(f'{m:.1f}' for m in megabytes)} MB")


def pulled(times: int) -> None:
    camera, back = Camera(), 0
    with served(camera) as address:
        camera.shows("red", SOME)
        with closing(open_source(place_named(address))) as source:
            for _ in range(times):
                while not isinstance(source.next(10), Frame):
                    pass
                camera.pull()
                while not isinstance(source.next(10), Lost):
                    pass
                camera.give_back()
                camera.shows("blue", SOME)
                while not isinstance(source.next(10), Back):
                    pass
                back += 1
    print(f"pulled and given back {times} times: it went on {back} times")


if __name__ == "__main__":
    main()

"""Opens every hostile file through the command line: how it ends, how long it takes, how much.

python -m tests.bench.hostile [KIND ...] [--only WORD] [--folder FOLDER]

Each must end in one sentence within 20 seconds of work and 2 GB, of all its processes together.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.helpers import image_files
from tests.hostile import Kinds
from tests.hostile.exported import ONNX, model, saved
from tests.hostile.images import IMAGES
from tests.hostile.projects import projects_of
from tests.hostile.weights import WEIGHTS

MOST_SECONDS, MOST_BYTES = 20, 2 << 30
GIVEN_UP, LONGEST, MOMENT = 60, 240, 0.15
ALLOWED = 5


@dataclass
class Outcome:
    """How one command ended."""

    code: int | None
    said: str
    seconds: float
    """Of processors' work, of all its processes together: the clock's, where nothing else runs."""
    clock: float
    memory: int

    @property
    def wrong(self) -> str:
        """What is wrong with it; empty where nothing is."""
        lines = self.said.strip().splitlines()
        if self.code is None:
            return "no end"
        if "Traceback" in self.said or "defect" in self.said:
            return "defect"
        if self.code not in (0, 1, 2):
            return f"exit {self.code}"
        if self.code and (len(lines) != 1 or not lines[0].endswith((".", ")"))):
            return "no sentence"
        if self.seconds > MOST_SECONDS:
            return "time"
        return "memory" if self.memory > MOST_BYTES else ""

    def line(self, name: str) -> str:
        return (
            f"{self.wrong or 'fine':12} {name:28} {self.seconds:5.1f} s work {self.clock:5.1f} s "
            f"{self.memory / 2**20:6.0f} MB  {self.code}: {self.said.strip()[:200]}"
        )


UNDO = """
import argparse, sys
from app.cli.terminal import do, finish
from engine.results.project import TakenBack
if __name__ == "__main__":
    options = argparse.Namespace(device="auto", verbose=False, json=False)
    sys.exit(finish(options, do(options, "undo", project=sys.argv[1]), TakenBack, str))
"""
"""Undo as the window asks for it: the command line has no word for it."""


def command(home: Path, *words: object) -> Outcome:
    return run(home, ["-m", "app", *map(str, words)])


def run(home: Path, words: list[str]) -> Outcome:
    """Runs Python; its memory is that of all its processes together, looked at all the time."""
    environment = {**os.environ, "ESPALIER_HOME": str(home)}
    began, most = time.monotonic(), 0
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, *words], env=environment, stdout=said, stderr=said
        )
        work: dict[int, float] = {}
        while process.poll() is None and sum(work.values()) < GIVEN_UP:
            most = max(most, look(process.pid, work))
            if time.monotonic() > began + LONGEST:
                break
            time.sleep(MOMENT)
        clock, code = time.monotonic() - began, process.poll()
        end(process)
        said.seek(0)
        return Outcome(code, said.read(), sum(work.values()), clock, most)


def look(number: int, work: dict[int, float]) -> int:
    """The memory of a process and its children; notes what each has worked so far."""
    memory = 0
    with contextlib.suppress(psutil.Error):
        one = psutil.Process(number)
        for each in (one, *one.children(recursive=True)):
            memory += each.memory_info().rss
            work[each.pid] = sum(each.cpu_times()[:2])
    return memory


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and those that it started."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
    process.kill()
    process.wait()


# The doors.


class Doors:
    """A home with a project and a good file, and how each kind of file comes in."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.photo = image_files.image(folder / "photo.jpg")
        self.white = folder / "white.png"
        image_files.drawn().point(lambda _: 255).save(self.white)
        self.project = folder / "learnt.espalier"
        images = image_files.class_folders(folder / "pictures", {"moth": 12, "beetle": 12})
        weights = image_files.weights(folder / "w.safetensors")
        begin = ("new", self.project, "--weights", weights, "--size", 32)
        for words in (begin, ("learn", self.project, images)):
            assert command(self.home, *words).code == 0
        saved(folder / "good.onnx", model)

    def image(self, path: Path) -> list[Outcome]:
        """Learnt as a class of its own, and asked of an exported file."""
        return [
            command(self.home, "predict", self.project, path),
            command(self.home, "predict", self.folder / "good.onnx", path),
        ]

    def weights(self, path: Path) -> list[Outcome]:
        to = path.with_name("new.espalier")
        return [command(self.home, "new", to, "--weights", path)]

    def exported(self, path: Path) -> list[Outcome]:
        """Asked of a black image that it was tried with, so to speak, and of a white one."""
        return [command(self.home, "predict", path, self.white)]

    def opened(self, path: Path) -> list[Outcome]:
        """All that a person might do with a project that was sent to them."""
        ended = [command(self.home, "classes", path)]
        if ended[0].code == 0:  # otherwise it is not opened, whatever is asked
            ended.append(run(self.home, ["-c", UNDO, str(path)]))
            verbs = (
                ["predict", path, self.photo],
                ["forget", path, "moth"],
                ["learn", path],
                ["export", path, "--to", path.with_name("m.onnx")],
            )
            ended += [command(self.home, *words) for words in verbs]
        return ended


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", help="images, weights, exported, projects (all)")
    parser.add_argument("--only", default="", help="those with this word in their names")
    parser.add_argument("--begin", type=int, default=0, help="with the file of this number")
    parser.add_argument("--verbose", action="store_true", help="a line for each file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        doors = Doors(Path(name))
        kinds: dict[str, tuple[Kinds, Callable[[Path], list[Outcome]]]] = {
            "images": (IMAGES, doors.image),
            "weights": (WEIGHTS, doors.weights),
            "exported": (ONNX, doors.exported),
            "projects": (projects_of(doors.project), doors.opened),
        }
        table = [
            tried(kind, *kinds[kind], doors.folder / kind, options)
            for kind in options.kinds or kinds
        ]
    print("\nkind      files  in a sentence  >20 s  >2 GB  defects  other  slowest  largest")
    print("\n".join(table))


def tried(
    kind: str,
    makers: Kinds,
    door: Callable[[Path], list[Outcome]],
    folder: Path,
    options: argparse.Namespace,
) -> str:
    """Opens all files of a kind; prints those that end badly, and returns a line of the table."""
    wrong: list[str] = []
    slowest, largest, count = 0.0, 0, 0
    for number, (name, make) in enumerate(makers.items()):
        if options.only not in name or number < options.begin:
            continue
        count += 1
        path = folder / str(number) / name
        path.parent.mkdir(parents=True)
        make(path)
        ended = door(path)
        slowest = max(slowest, *(one.seconds for one in ended))
        largest = max(largest, *(one.memory for one in ended))
        found = next((one for one in ended if one.wrong), None)
        if found:
            wrong.append(found.wrong)
        for one in ended:
            if one.wrong or options.verbose:
                print(f"{number:3} {one.line(name)}", flush=True)
    places = [wrong.count(word) for word in ("time", "memory", "defect")]
    ends = wrong.count("no end")
    return (
        f"{kind:9} {count:5}  {count - len(wrong):13}  {places[0] + ends:5}  {places[1]:5}  "
        f"{places[2]:7}  {len(wrong) - sum(places) - ends:5}  {slowest:5.1f} s  "
        f"{largest / 2**20:4.0f} MB"
    )


if __name__ == "__main__":
    main()

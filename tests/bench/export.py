"""Every export format beside eager PyTorch: size, accuracy, time for an image, peak memory.

    taskset -c 0 python -m tests.bench.export [PHOTOS] [--weights FILE] [--size 224]

PHOTOS holds train/ and test/. A project learns train/ and is exported in every format that can be
written here; test/ is answered by each file, and by the project's network in eager PyTorch, each in
a process of its own, on all cores that there are (`taskset` says which). All processes are timed in
turn, a few images each, whole images one at a time, resizing included, decoding not: a slow
minute falls on all alike.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE
from typing import Any

import numpy as np

from engine.events import Ended
from engine.export.formats import EXPORTERS
from engine.jobs import run
from engine.models.timing import processor_name
from engine.session import Session
from engine.system.cpu import available_cores
from tests.bench.common import do, new
from tests.bench.given import parser_of, parts_of

EAGER = "eager PyTorch"
ROUNDS, BURST = 24, 8


@dataclass
class Measured:
    """What is known of one way to answer."""

    size: float = 0.0
    answers: list[int] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    memory: float = 0.0

    @property
    def low(self) -> float:
        """Milliseconds when little else runs here: what else runs only makes it slower."""
        return float(np.percentile(self.took, 5))


def main() -> None:
    parser = parser_of(__doc__ or "", parts=True)
    parser.add_argument("--size", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder = Path(name)
        parts = parts_of(options, folder)
        session = new(folder, "p", weights=options.weights, size=options.size)
        do(session, "learn_folder", paths=[str(parts / "train")])
        names = session.model().class_names
        files = exported(session, folder)
        session.close()
        images = sorted((parts / "test").glob("*/*"))
        truth = [names.index(image.parent.name) for image in images]
        found = measured(files, images)
    print(f"{processor_name()}, {available_cores()} cores, {instructions()}")
    report(found, np.array(truth))


def exported(session: Session, folder: Path) -> dict[str, Path]:
    """The files by format; why one is not there is printed."""
    files = {EAGER: session.require().path}
    for name, exporter in list(EXPORTERS.items()):
        path = folder / name / f"model{exporter.suffix}"
        path.parent.mkdir()
        *_, last = run(session, "export", {"path": str(path), "format": name})
        if isinstance(last, Ended) and last.how == "done":
            files[name] = path
        else:
            print(f"{name}: {last.text}")
    return files


class Process:
    """A process that answers with a file."""

    def __init__(self, model: Path, threads: int) -> None:
        words = [sys.executable, "-m", "tests.bench.answering", str(model), str(threads)]
        self.process = subprocess.Popen(words, stdin=PIPE, stdout=PIPE, text=True)

    def ask(self, value: Any) -> Any:
        print(json.dumps(value), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


def measured(files: Mapping[str, Path], images: list[Path]) -> dict[str, Measured]:
    found = {name: Measured(size_of(path)) for name, path in files.items()}
    with ExitStack() as stack:
        asked = {}
        for name, path in files.items():  # one after the other, on as few cores
            asked[name] = stack.enter_context(Process(path, available_cores()))
            found[name].answers = asked[name].ask([str(image) for image in images])
        for _ in range(ROUNDS):
            for name, process in asked.items():
                found[name].took += process.ask(BURST)
        for name, process in asked.items():
            found[name].memory = process.ask(0)
    return found


def size_of(path: Path) -> float:
    """MB of a file with those that belong to it; 0 for a project."""
    if path.is_dir():
        return 0.0
    companions = next(e.companions for e in EXPORTERS.values() if e.suffix == path.suffix)
    files = (path, *map(path.with_suffix, companions))
    return sum(file.stat().st_size for file in files) / 1e6


def instructions() -> str:
    """Whether the processor multiplies 8 bits in one instruction, where it says so."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return "instructions for 8 bits unknown"
    known = sorted({flag for flag in flags if "vnni" in flag})
    return f"instructions for 8 bits: {', '.join(known) or 'none'}"


def report(found: Mapping[str, Measured], truth: np.ndarray) -> None:
    print("| format | MB | accuracy | p5, p50, p95 ms | times as fast (p5) | peak MB |")
    print("|---|---|---|---|---|---|")
    slow = found[EAGER].low
    right = {n: 100 * float((np.array(m.answers) == truth).mean()) for n, m in found.items()}
    for name, m in found.items():
        size = f"{m.size:.1f}" if m.size else "–"
        took = ", ".join(f"{ms:.1f}" for ms in np.percentile(m.took, [5, 50, 95]))
        print(
            f"| {name} | {size} | {right[name]:.1f} % | {took} | {slow / m.low:.1f} | "
            f"{m.memory:.0f} |"
        )
    onnx, small = found["onnx"], found.get("onnx-int8")
    print(f"ONNX is {slow / onnx.low:.2f} times as fast as eager PyTorch (bar: 2.5)")
    if small:
        print(
            f"8 bits: {small.size / onnx.size:.1%} of the size (bar: 30 %), "
            f"{onnx.low / small.low:.2f} times as fast as ONNX with 32 bits (bar: 1), "
            f"{right['onnx'] - right['onnx-int8']:.1f} points lost (bar: 1)"
        )


if __name__ == "__main__":
    main()

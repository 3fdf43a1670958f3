"""The process that checks an export: it opens the file as anybody would, without the project.

It imports no PyTorch, unless the format can be run by nothing else.
"""

from __future__ import annotations

import contextlib
import platform
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import psutil

from engine.errors import EspalierError, Refused, UnusableImage
from engine.events import Progress
from engine.export.readers import open_exported, upright
from engine.export.readers.trial import remember
from engine.system.guarded import Limits, Send, Sentences, guarded

WARM = 3
"""Runs before the clock counts: the first ones reserve memory."""


@dataclass(frozen=True)
class Checked:
    """What the other process found. `used` are the places of the images that it could open."""

    used: list[int]
    probabilities: np.ndarray
    distances: np.ndarray
    milliseconds: list[float]
    memory: int
    """Bytes that the file and its answers took at most, beyond the empty process."""
    versions: dict[str, str]
    torch: bool
    """Whether the process had to import PyTorch."""


STOPPED = (
    "The check of the exported file stopped before its end, perhaps for lack of memory, so no file "
    "was kept. Close other programs and try again."
)


def check_elsewhere(
    path: Path, images: Sequence[Path], threads: int
) -> Generator[Progress, None, Checked]:
    """Asks an exported file about images in a new process, and returns what it found.

    Raises Refused where the process died. Closing the generator ends the process.
    """
    said = Sentences(Refused, STOPPED, STOPPED, STOPPED)
    yield Progress(0, len(images), "Checking the exported file")
    # Without limits: the file is our own, and large networks on many images take their time.
    asked = guarded(answers, path, list(images), threads, limits=Limits(), said=said)
    with closing(asked):
        while True:
            try:
                done = next(asked)
            except StopIteration as end:
                remember(path)
                return end.value
            yield Progress(done, len(images), "Checking the exported file")


def answers(send: Send, path: Path, images: list[Path], threads: int) -> Checked:
    """Runs in the new process: the file's answers to all images that can be opened, each timed
    once warm. Sends how many images are done."""
    before = resident()
    try:
        exported = open_exported(path, threads)
    except EspalierError as error:
        raise Refused(str(error)) from error
    used: list[int] = []
    found: list[np.ndarray] = []
    far: list[float] = []
    took: list[float] = []
    most = 0
    for place, image in enumerate(images):
        try:
            pixels = exported.given(upright(image))
        except UnusableImage:
            continue  # it was deleted or changed since; the receipt says how many were compared
        for _ in range(1 if used else 1 + WARM):
            began = time.perf_counter()
            probabilities, distance = exported.answer(pixels)
            last = (time.perf_counter() - began) * 1e3
        used.append(place)
        found.append(probabilities)
        far.append(distance)
        took.append(last)
        most = max(most, resident())
        send(place + 1)
    return Checked(
        used,
        np.array(found),
        np.array(far),
        took,
        most - before,
        versions(),
        "torch" in sys.modules,
    )


def resident() -> int:
    """Bytes of memory that this process holds now; runtimes keep what their largest run needed."""
    return psutil.Process().memory_info().rss


def versions() -> dict[str, str]:
    """Versions of what answered; libraries that were not imported had no part in it."""
    names = {
        "onnxruntime": "onnxruntime",
        "numpy": "numpy",
        "PIL": "pillow",
        "torch": "torch",
        "openvino": "openvino",
        "ai_edge_litert": "ai-edge-litert",
    }
    found = {"python": platform.python_version()}
    for module, package in names.items():
        if module in sys.modules:
            with contextlib.suppress(PackageNotFoundError):
                found[package] = version(package)
    return found

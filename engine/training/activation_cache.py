"""What frozen stages give, computed once: the prefix of a network in tuning.

FreezeOut (Brock et al. 2017) saves the backward pass of a frozen stage. Where the stages from the
stem up stand still to the end, their forward pass can be saved as well: each image is shown in a
fixed number of views, what the prefix makes of each is computed by ONNX Runtime when it is first
asked for, kept in a memory-mapped file as float16, and read from there from then on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime as ort
import psutil
import torch
from torch import nn

from engine.models import flops as models_flops
from engine.models.backbone import digest_of
from engine.models.onnx_export import write_onnx
from engine.models.ort import open_session
from engine.system import device as devices
from engine.training.augment import Views

SHARE_OF_DISK = 0.5
SHARE_OF_MEMORY = 0.5
"""Of what is free now, what kept activations may take: read from memory they are quick."""
LARGEST = float(np.finfo(np.float16).max)
RUN = 16
"""Images in one run of ONNX Runtime."""


def room(folder: Path) -> int:
    """How many bytes may be kept."""
    disk = shutil.disk_usage(folder).free * SHARE_OF_DISK
    return int(min(disk, psutil.virtual_memory().available * SHARE_OF_MEMORY))


@dataclass
class CachedActivations:
    """What one prefix gave: a file of float16 (entries, ...), and which entries are there."""

    array: np.memmap
    there: np.memmap

    @classmethod
    def made(cls, path: Path, entries: int, shape: Sequence[int]) -> CachedActivations:
        """Opens the files, or makes them at their full size, so that a full disk says so now.

        Raises OSError.
        """
        array = opened(path.with_suffix(".f16"), np.float16, (entries, *shape))
        return cls(array, opened(path.with_suffix(".there"), np.uint8, (entries,)))

    def put(self, entries: np.ndarray, values: np.ndarray) -> None:
        """The mark comes last: an entry that was cut short by a crash is computed again.

        Numbers that float16 can't hold become its largest.
        """
        self.array[entries] = np.clip(values, -LARGEST, LARGEST)
        self.there[entries] = 1


def opened(path: Path, kind: type, shape: tuple[int, ...]) -> np.memmap:
    """A file of numbers of a kind, made unless it is there at its full size. Raises OSError."""
    wanted = int(np.prod(shape)) * np.dtype(kind).itemsize
    if not path.exists() or path.stat().st_size != wanted:
        try:
            with path.open("wb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, wanted)
                else:
                    file.truncate(wanted)
        except OSError:
            path.unlink(missing_ok=True)  # on a full disk even a part of it is in the way
            raise
    return np.memmap(path, kind, "r+", shape=shape)


@dataclass
class ActivationCache:
    """The outputs of a network's frozen stages for `count` views of each image.

    `stages` are the modules from the stem up. `levels` are the prefixes (numbers of stages) whose
    outputs may be kept; another one is computed each time. What is kept is named by the weights and
    the images that it came from: it serves a run that goes on, and none that changed.
    """

    stages: Sequence[nn.Module]
    views: Views
    count: int
    folder: Path
    levels: frozenset[int]
    sessions: dict[tuple[int, int], ort.InferenceSession] = field(default_factory=dict)
    shelves: dict[int, CachedActivations] = field(default_factory=dict)
    costs: dict[tuple[int, int], float] = field(default_factory=dict)
    computed: int = 0
    read: int = 0
    flops: float = 0.0
    """What was computed so far, in floating point operations."""

    def __call__(self, rows: np.ndarray, numbers: np.ndarray, level: int) -> torch.Tensor:
        """What the first `level` stages give for view `numbers[i]` of image `rows[i]`."""
        entries = rows * self.count + numbers
        if level not in self.levels:
            self.computed += len(rows)
            return as_batch(self.through(rows, numbers, level))
        shelf = self.shelf(level)
        missing = np.flatnonzero(shelf.there[entries] == 0)
        if len(missing):
            shelf.put(entries[missing], self.through(rows[missing], numbers[missing], level))
        self.computed += len(missing)
        self.read += len(rows) - len(missing)
        return as_batch(shelf.array[entries])

    def through(self, rows: np.ndarray, numbers: np.ndarray, level: int) -> np.ndarray:
        """Computes outputs, of each view from the longest shorter prefix that holds it."""
        entries, begins = rows * self.count + numbers, np.zeros(len(rows), np.int64)
        for lower in sorted(n for n in self.shelves if n < level):
            begins[self.shelves[lower].there[entries] == 1] = lower
        found: dict[int, np.ndarray] = {}
        for begin in np.unique(begins).tolist():
            at = begins == begin
            if begin:
                given = self.shelves[begin].array[entries[at]].astype(np.float32)
            else:
                given = self.views(rows[at], numbers[at]).numpy()
            found[begin] = self.run(given, begin, level)
        values = np.empty((len(rows), *next(iter(found.values())).shape[1:]), np.float32)
        for begin, part in found.items():
            values[begins == begin] = part
        return values

    def run(self, values: np.ndarray, begin: int, end: int) -> np.ndarray:
        session = self.session(begin, end, values[:1])
        self.flops += self.costs[begin, end] * len(values)
        parts = [
            session.run(None, {"given": np.ascontiguousarray(values[at : at + RUN])})[0]
            for at in range(0, len(values), RUN)
        ]
        return np.concatenate(parts)

    def session(self, begin: int, end: int, sample: np.ndarray) -> ort.InferenceSession:
        """Stages `begin` to `end` as they stand, in ONNX Runtime."""
        if (begin, end) not in self.sessions:
            part = nn.Sequential(*self.stages[begin:end]).eval()
            two, path = np.repeat(sample, 2, 0), self.folder / f"stages-{begin}-{end}.onnx"
            write_onnx(part, torch.from_numpy(two), path, ("given", ["activations"]))
            with torch.no_grad(), models_flops.counter() as counted:
                part(torch.from_numpy(sample))
            self.costs[begin, end] = counted.get_total_flops()
            self.sessions[begin, end] = open_session(path, devices.threads())
        return self.sessions[begin, end]

    def shelf(self, level: int) -> CachedActivations:
        if level not in self.shelves:
            # A run that goes on takes from a shorter shelf what it would have taken from it before.
            for lower in sorted(n for n in self.levels if n < level and n not in self.shelves):
                if self.path(lower).with_suffix(".f16").exists():
                    self.open(lower)
            self.open(level)
            self.drop(below=level)
        return self.shelves[level]

    def open(self, level: int) -> None:
        """Opens the shelf of a level; removes those that other weights or images made."""
        path = self.path(level)
        for other in self.folder.glob(f"prefix-{level}-*"):
            if other.stem != path.stem:
                other.unlink()
        shape = shape_after(self.stages[:level], self.views.size)
        self.shelves[level] = CachedActivations.made(
            path, len(self.views.corpus) * self.count, shape
        )

    def path(self, level: int) -> Path:
        """Where the outputs of the first `level` stages lie, as they stand now."""
        state = {
            f"{n}|{name}": tensor
            for n, stage in enumerate(self.stages[:level])
            for name, tensor in stage.state_dict().items()
        }
        shown = f"{digest_of(state)}|{self.views.key}|{self.count}"
        return self.folder / f"prefix-{level}-{hashlib.sha256(shown.encode()).hexdigest()[:16]}"

    def drop(self, below: int) -> None:
        """Removes all but the longest shelf below a level: it is the one that serves the next."""
        for old in sorted(n for n in self.shelves if n < below)[:-1]:
            del self.shelves[old]
            for path in self.folder.glob(f"prefix-{old}-*"):
                path.unlink()


def as_batch(values: np.ndarray) -> torch.Tensor:
    batch = torch.from_numpy(values.astype(np.float32))
    return batch.contiguous(memory_format=torch.channels_last) if batch.ndim == 4 else batch


def shape_after(stages: Sequence[nn.Module], size: int) -> tuple[int, ...]:
    """The shape of what stages give for one image of a size."""
    x = torch.zeros(1, 3, size, size)
    with torch.inference_mode():
        for stage in stages:
            was = stage.training
            x = stage.eval()(x)
            stage.train(was)
    return tuple(x.shape[1:])


def plan_of(
    stages: Sequence[nn.Module],
    size: int,
    levels: Sequence[int],
    images: int,
    count: int,
    most: int,
) -> tuple[int, frozenset[int]]:
    """How many views to keep, and which prefixes, in at most so many bytes.

    `levels` are the prefixes that will be frozen one after the other; two at most are there at a
    time. A prefix that is too large even with one view is not kept; where none is, there are as
    many views as were asked for.
    """
    each = {n: 2 * int(np.prod(shape_after(stages[:n], size))) * images for n in levels}
    fitting = {n: most // (2 * bytes_) for n, bytes_ in each.items() if bytes_}
    possible = [n for n in fitting.values() if n >= 1]
    views = max(1, min(count, max(possible, default=count)))
    return views, frozenset(n for n, many in fitting.items() if many >= views)

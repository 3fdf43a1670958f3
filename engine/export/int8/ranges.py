"""What values run through a network: histograms of its activations, and the ranges to keep.

ONNX Runtime offers the same two ways to choose a range; written for arrays they take a tenth of its
time, and no activation is held longer than a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime as ort

from engine.models.ort import PROCESSOR

BINS = 4096
FEW, LEVELS = 512, 128
"""Bins that entropy is looked for with, and how many levels they are merged into."""
METHODS = ("percentile", "entropy")
PERCENTILE = 99.99

Range = tuple[np.float32, np.float32]


@dataclass
class Histogram:
    """Counts of one tensor's values, in `BINS` bins from -peak to peak."""

    peak: float = 0.0
    low: float = 0.0
    high: float = 0.0
    counts: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def add(self, values: np.ndarray) -> None:
        """More values. The range doubles where they lie beyond it, and two bins become one."""
        values = values.ravel()
        self.low, self.high = (
            min(self.low, float(values.min())),
            max(self.high, float(values.max())),
        )
        peak = max(-self.low, self.high, 1e-12)
        self.peak = self.peak or peak
        while self.peak < peak:
            self.peak *= 2
            quarter = np.zeros(BINS // 4, np.int64)
            self.counts = np.concatenate([quarter, self.counts.reshape(-1, 2).sum(1), quarter])
        places = ((values + self.peak) * np.float32(BINS / (2 * self.peak))).astype(np.int32)
        self.counts += np.bincount(places.clip(0, BINS - 1), minlength=BINS)

    def range_by(self, method: str) -> Range:
        """The lowest and the highest value that 8 bits shall hold."""
        low, high = WAYS[method](self.counts) if self.counts.any() else (0.0, 0.0)
        return (
            np.float32(max(self.low, low * self.peak)),
            np.float32(min(self.high, high * self.peak)),
        )


def by_percentile(counts: np.ndarray) -> tuple[float, float]:
    """Without the smallest and the largest values, PERCENTILE of all; as shares of the peak."""
    below = np.cumsum(counts) / counts.sum()
    cut = (100 - PERCENTILE) / 200
    edges = np.linspace(-1, 1, len(counts) + 1)
    return float(edges[np.searchsorted(below, cut)]), float(edges[np.searchsorted(below, 1 - cut)])


def by_entropy(counts: np.ndarray) -> tuple[float, float]:
    """The range about 0 whose values, brought to LEVELS levels, are most like what they were.

    That is, with the least relative entropy (Migacz, 8-bit inference with TensorRT, 2017); as
    shares of the peak.
    """
    counts = counts.reshape(FEW, -1).sum(1).astype(np.float64)
    middle, below = FEW // 2, np.concatenate([[0], np.cumsum(counts)])
    losses = {}
    for reach in range(LEVELS // 2, middle + 1):
        start, end = middle - reach, min(middle + reach + 1, FEW)
        p = counts[start:end].copy()
        there = p > 0
        heads = np.arange(len(p)) * LEVELS // len(p)
        sums, filled = np.bincount(heads, p), np.bincount(heads, there)
        q = np.where(there, (sums / np.maximum(filled, 1))[heads], 0)
        p[0] += below[start]
        p[-1] += below[-1] - below[end]
        losses[reach] = divergence(p, q)
    best = min(losses, key=losses.__getitem__)
    return -best / middle, min((best + 1) / middle, 1.0)


def divergence(p: np.ndarray, q: np.ndarray, least: float = 1e-4) -> float:
    """The relative entropy of two histograms, empty bins taken as nearly so."""
    p, q = (np.maximum(x, least) for x in (p, q))
    return float((p / p.sum() * np.log((p / p.sum()) / (q / q.sum()))).sum())


WAYS = {"percentile": by_percentile, "entropy": by_entropy}


def histograms(
    graph: onnx.ModelProto, names: list[str], pixels: np.ndarray, looks: int, threads: int
) -> Iterator[tuple[int, dict[str, Histogram]]]:
    """Runs pixels, uint8 (n, size, size, 3), through a graph; yields how many are done. It looks
    `looks` times at each.

    `graph` says the types of the tensors `names` (its value_info).
    """
    known = {info.name: info for info in (*graph.graph.value_info, *graph.graph.output)}
    watched = onnx.ModelProto()
    watched.CopyFrom(graph)
    del watched.graph.output[:]
    watched.graph.output.extend(known[name] for name in names)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    # Fused layers would hide what runs between them.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(watched.SerializeToString(), options, providers=[PROCESSOR])
    found = {name: Histogram() for name in names}
    at_once = max(1, 4 // looks)  # all activations are held at once
    for start in range(0, len(pixels), at_once):
        values = session.run(names, {"pixels": pixels[start : start + at_once]})
        for name, value in zip(names, values, strict=True):
            found[name].add(value)
        yield min(start + at_once, len(pixels)), found

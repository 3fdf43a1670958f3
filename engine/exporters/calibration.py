"""What values run through a network: histograms of its activations, and the ranges to keep.

The two ways to choose a range are ONNX Runtime's own; only the counting is ours, which takes a
tenth of the time and holds no activation longer than a run.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization.calibrate import HistogramCollector

from engine.running import PROCESSOR

BINS = 4096
FEW = 256
"""Bins that entropy is looked for with: its time grows with their cube."""
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
        self.low, self.high = (min(self.low, float(values.min())),
                               max(self.high, float(values.max())))  # fmt: skip
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
        bins = FEW if method == "entropy" else BINS
        counts = self.counts.reshape(bins, -1).sum(1)
        edges = np.linspace(-self.peak, self.peak, bins + 1, dtype=np.float32)
        low, high, peak = map(np.float32, (self.low, self.high, self.peak))
        collector = HistogramCollector(method, False, bins, FEW // 2, PERCENTILE, "same")
        collector.histogram_dict["x"] = (counts, edges, low, high, peak)
        with contextlib.redirect_stdout(io.StringIO()):
            found = collector.compute_collection_result()["x"]
        return np.float32(found[0]), np.float32(found[1])


def histograms(
    graph: onnx.ModelProto, names: list[str], pixels: np.ndarray, views: int, threads: int
) -> Iterator[tuple[int, dict[str, Histogram]]]:
    """Runs pixels, uint8 (n, size, size, 3), through a graph; yields how many are done.

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
    at_once = max(1, 4 // views)  # all activations are held at once
    for start in range(0, len(pixels), at_once):
        values = session.run(names, {"pixels": pixels[start : start + at_once]})
        for name, value in zip(names, values, strict=True):
            found[name].add(value)
        yield min(start + at_once, len(pixels)), found

"""How well a latency table predicts whole networks, and how long it takes to build.

    python -m tests.bench.latency [--width 0.5] [--resolution 64 96 128] [--networks 30]

Builds a table for each resolution by itself and for all together. Then times random subnets that
had no part in it, in turn, and prints the mean absolute error of three predictions: the plain sum
of blocks as each was timed (with its own call of the runtime), the sum without those calls, and the
fitted prediction; against the time when nothing else runs, and against the median of all runs.
Other work on the computer moves the median more than the low percentile.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Generator
from typing import Any

import numpy as np

from engine.events import Progress
from engine.models.supernet.architecture import Architecture
from engine.models.timing import Setting, Timed, interleaved, opened
from engine.search.latency.measuring import build_table, model_of, samples
from engine.search.latency.table import LatencyTable

SEED = 20_000
"""Other networks than those of the fit, whose seeds are the resolutions."""


def ended(work: Generator[Progress, None, Any]) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=float, default=0.5)
    parser.add_argument("--resolution", type=int, nargs="+", default=[64, 96, 128])
    parser.add_argument("--networks", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    setting = Setting(threads=options.threads)
    tables = []
    for sizes in ([options.resolution[len(options.resolution) // 2]], options.resolution):
        begin = time.perf_counter()
        tables.append(ended(build_table(options.width, sizes, setting)))
        passed, count = time.perf_counter() - begin, len(tables[-1].entries)
        print(f"table of {count} blocks at {sizes} pixels: {passed:.1f} s")
    each = max(1, options.networks // len(options.resolution))
    chosen = [a for r in options.resolution for a in samples(r, each + 2, seed=SEED + r)[2:]]
    for table, sizes in zip(tables, (tables[0].resolutions, options.resolution), strict=True):
        check(table, [a for a in chosen if a.resolution in sizes])


def check(table: LatencyTable, networks: list[Architecture]) -> None:
    """Times networks after the table was built, and prints how far it is off."""
    wholes = [opened(model_of(a, table), a.resolution, table.setting) for a in networks]
    ended(interleaved(wholes, 20.0 * len(table.resolutions), "Timing"))
    calls = np.array([5 + sum(a.depths) for a in networks]) * table.call_ms
    blocks = np.array([table.raw(a) for a in networks])
    print(
        f"\n{len(networks)} networks at {table.resolutions} pixels, the table's own estimate of "
        f"its error {100 * table.error_share:.1f} %"
    )
    real = np.array([timed.low() for timed in wholes])
    print(
        f"latencies {real.min():.2f} to {real.max():.2f} ms, medians {usual(wholes):.2f} times that"
    )
    for name, guessed in (
        ("sum of blocks as timed", blocks + calls),
        ("without their calls", blocks),
        ("fitted", table.predict(networks)),
    ):
        print(
            f"{name:24} off by {off(guessed, real)} when nothing else runs, "
            f"{off(guessed, medians(wholes))} of the medians"
        )


def medians(wholes: list[Timed]) -> np.ndarray:
    return np.array([1e3 * np.median(timed.seconds) for timed in wholes])


def usual(wholes: list[Timed]) -> float:
    return float(np.median(medians(wholes) / [timed.low() for timed in wholes]))


def off(guessed: np.ndarray, real: np.ndarray) -> str:
    """The mean absolute error, and the mean with its sign."""
    error = guessed / real - 1
    return f"{100 * np.abs(error).mean():.1f} % ({100 * error.mean():+.1f} %)"


if __name__ == "__main__":
    main()

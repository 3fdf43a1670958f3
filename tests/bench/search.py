"""Search against chance, on real photos: `python -m tests.bench.search [FOLDER] [--weights FILE]`.

For five targets spread over the range of latencies: the accuracy found with 60 measurements beside
the best of 240 random subnets under the same target, the winner's measured latency, and the time
that was not measuring. Then the original evolution on the published figures' guess.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from engine.models.supernet import architecture as supernet_architecture
from engine.models.supernet.space import Space
from engine.search import search as search_search
from engine.search.latency.costs import costs_of_genes
from engine.search.results import Costs
from engine.search.searchers import SEARCHERS, Problem
from engine.search.searchers.evolution import Evolution
from engine.search.searchers.prior import imagenet_guess
from tests.bench.common import do, finished, new
from tests.bench.given import parser_of, photos_of

TARGETS = (0.1, 0.25, 0.4, 0.6, 0.9)
"""Shares of the way from the smallest to the largest latency."""


class Measuring:
    """A bench that measures each subnet once for all searches, and counts the seconds."""

    def __init__(self, bench: Any) -> None:
        self.bench, self.known, self.seconds = bench, {}, 0.0

    def __call__(self, architectures: list[Any]) -> np.ndarray:
        begun = time.perf_counter()
        for architecture in architectures:
            if architecture not in self.known:
                finished(self.bench.prepare(architecture.resolution))
                self.known[architecture] = self.bench.measure(architecture).accuracy
        self.seconds += time.perf_counter() - begun
        return np.array([self.known[architecture] for architecture in architectures])


def best_of(hunt: Any, measure: Measuring, name: str, budget: int) -> dict[str, Any]:
    """What a searcher finds: the most accurate subnet that keeps the target when it is timed."""
    plugin = SEARCHERS.make(name)
    seconds, begun = measure.seconds, time.perf_counter()
    search = plugin.search(search_search.problem_of(hunt, budget, plugin.seed))
    wanted, found = next(search, None), {}
    while wanted is not None:
        architectures = hunt.space.decode(wanted)
        accuracies = measure(architectures)
        pairs = zip(architectures, accuracies, strict=True)
        found |= {str(architecture): {"accuracy": float(v)} for architecture, v in pairs}
        try:
            wanted = search.send(accuracies)
        except StopIteration:
            wanted = None
    thinking = time.perf_counter() - begun - (measure.seconds - seconds)
    rows = sorted(hunt.costs.rows(found), key=lambda row: -row["accuracy"])
    for tried, row in enumerate(rows, 1):
        timed = search_search.fair_timing(
            hunt, supernet_architecture.Architecture.parse(row["architecture"])
        )
        if timed["p50"] <= hunt.limits["ms"]:
            return {**row, "p50": timed["p50"], "tried": tried, "thinking": thinking}
    raise SystemExit("nothing kept the target")


def searches(folder: Path, photos: Path, weights: str, resolutions: list[int], random: int) -> None:
    session = new(folder, "search", "" if weights else "embedded", weights, size=max(resolutions))
    do(session, "add_images", paths=[str(photos)])
    open_hunt = finished(search_search.prepared(session, resolutions, {}))
    measure = Measuring(open_hunt.bench)
    space, table = open_hunt.space, open_hunt.costs.table
    low, high = (float(v) for v in table.predict([space.smallest(), space.largest()]))
    print(
        f"{'target':>8} {'60 guessed':>12} {'p50':>7} {f'{random} random':>12} {'p50':>7}"
        f" {'not measuring':>14}"
    )
    for share in TARGETS:
        target = low + share * (high - low)
        hunt = search_search.SearchSetup(open_hunt.bench, space, Costs(table), {"ms": target})
        ours = best_of(hunt, measure, "linas", 60)
        theirs = best_of(hunt, measure, "random", random)
        print(
            f"{target:5.2f} ms {100 * ours['accuracy']:10.1f} % {ours['p50']:7.2f}"
            f" {100 * theirs['accuracy']:10.1f} % {theirs['p50']:7.2f}"
            f" {ours['thinking']:12.2f} s",
            flush=True,
        )
    print(f"{len(measure.known)} subnets measured in {measure.seconds:.0f} s")


def original_evolution() -> None:
    """Population 100 and 500 generations on the guess from the published figures, under a limit."""
    space = Space((224,))

    def costs(genes: np.ndarray) -> dict[str, np.ndarray]:
        macs = costs_of_genes(space, genes, 1.0)["macs"]
        return {"macs": macs, "ms": macs / 1e7}

    given = Problem(space, costs, {"macs": 250e6}, 1, np.random.default_rng(0))
    begun, guess = time.perf_counter(), imagenet_guess(space)
    best = Evolution().evolve(given, guess)[:1]
    print(
        f"evolution, population 100, 500 generations: {time.perf_counter() - begun:.2f} s, "
        f"{100 * guess(best)[0]:.2f} % guessed at {costs(best)['macs'][0] / 1e6:.0f} M MACs"
    )


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--resolutions", type=int, nargs="+", default=[32, 48, 64])
    parser.add_argument("--random", type=int, default=240, help="random subnets to compare with")
    options = parser.parse_args()
    original_evolution()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        photos = photos_of(options, Path(name))
        searches(Path(name), photos, options.weights, options.resolutions, options.random)


if __name__ == "__main__":
    main()

"""One search: what is asked for, what is measured next, the winner timed."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import BadSetting, Refused
from engine.events import Event, Notice, Progress, Saved, Work
from engine.models import timing as models_timing
from engine.models.supernet.architecture import Architecture
from engine.models.supernet.as_onnx import network_onnx
from engine.models.supernet.space import Space
from engine.results.specialise import SearchSummary, SubnetRow
from engine.search import results as kept
from engine.search.evaluation import SubnetEvaluator
from engine.search.latency import costs as latency_costs
from engine.search.latency import files, measuring
from engine.search.latency.table import LatencyTable
from engine.search.results import Costs
from engine.search.searchers import SEARCHERS, Problem, Searcher
from engine.search.searchers.prior import prior_for
from engine.session import Session
from engine.storage import subnet_results
from engine.system.progress import Eta

SECONDS_OF_TIMING = 1.0
"""How long a network is timed, and how long some are to see whether the table still fits."""


@dataclass(frozen=True)
class SearchSetup:
    """One search: what measures, what it may choose from, and what things cost here."""

    bench: SubnetEvaluator
    space: Space
    costs: Costs
    limits: Mapping[str, float]


def made_searcher(name: str, settings: Mapping[str, Any] | None) -> Searcher:
    return SEARCHERS.make(name, settings)


def limits_of(
    latency_ms: float, macs: float, parameters: float, memory: float, file_mb: float
) -> dict[str, float]:
    """The limits that are set, in the units of the costs. Raises BadSetting for less than none."""
    given = {
        "ms": latency_ms,
        "macs": macs * 1e6,
        "parameters": parameters * 1e6,
        "memory": memory * 2**20,
        "file_bytes": file_mb * 1e6,
    }
    if any(not value >= 0 for value in given.values()):
        raise BadSetting("A limit is a number above 0; leave it at 0 for none.")
    return {name: float(value) for name, value in given.items() if value}


def prepared(
    session: Session, resolutions: Sequence[int], limits: Mapping[str, float], table: str = ""
) -> Generator[Event, None, SearchSetup]:
    """What a search needs: the images, the latency table, and that the limits can be kept."""
    chosen = checked_resolutions(resolutions)
    supernet, origin = session.supernet()
    bench = SubnetEvaluator(session.require(), supernet, origin)
    space = Space(chosen or usual_resolutions(origin.size))
    found = yield from table_for(supernet.multiplier, space.resolutions, table)
    hunt = SearchSetup(bench, space, Costs(found), limits)
    if not problem_of(hunt, 1, 0).smallest_fits():
        raise Refused(too_tight(hunt))
    return hunt


def table_for(
    multiplier: float, resolutions: Sequence[int], name: str = ""
) -> Generator[Event, None, LatencyTable]:
    """The latency table of this computer, measured now where it is not there; or one by name.

    One that was there is tried on a few networks, and a Notice says where it no longer fits.
    """
    found = files.find_table(multiplier, resolutions, name=name)
    if found is None:
        yield Notice("This computer is measured once, which takes half a minute.")
        known = files.find_table(multiplier, ())
        missing = set(resolutions) - set(known.resolutions if known else ())
        made = yield from measuring.build_table(multiplier, sorted(missing))
        found, _ = files.store(made)
    elif files.is_own(found):
        found = yield from measuring.checked(found, seconds=SECONDS_OF_TIMING)
    return found


def checked_resolutions(resolutions: Sequence[int]) -> tuple[int, ...]:
    """Sorted, each once. Raises BadSetting where a network can't take one."""
    for size in resolutions:
        if not 32 <= size <= 512 or size % 4:
            raise BadSetting(f"A resolution is 32 to 512 pixels, a multiple of 4, not {size}.")
    return tuple(sorted({int(size) for size in resolutions}))


def usual_resolutions(size: int) -> tuple[int, ...]:
    """The supernet's own input size, three quarters and half of it."""
    return tuple(sorted({max(32, 4 * round(size * share / 4)) for share in (0.5, 0.75, 1)}))


def too_tight(hunt: SearchSetup) -> str:
    """The sentence for limits that nothing can keep: it names what the smallest network takes."""
    smallest = hunt.space.smallest()
    ms = float(hunt.costs.table.predict([smallest])[0])
    facts: dict[str, float] = {"ms": ms, **kept.sizes(smallest, hunt.costs.table.multiplier)}
    words = {
        "ms": f"{ms:.2f} ms",
        "macs": f"{facts['macs'] / 1e6:.1f} million operations",
        "parameters": f"{facts['params'] / 1e6:.2f} million parameters",
        "memory": f"{facts['memory'] / 2**20:.2f} MiB of memory",
        "file_bytes": f"{facts['file_bytes'] / 1e6:.2f} MB as a file",
    }
    over = [n for n, most in hunt.limits.items() if facts[kept.SHORT.get(n, n)] > most]
    missed = [words[name] for name in over]
    return (
        f"No subnet meets this target: the smallest one takes {' and '.join(missed)} here. Ask for "
        "more, or allow a smaller resolution."
    )


def problem_of(hunt: SearchSetup, budget: int, seed: int) -> Problem:
    table, space = hunt.costs.table, hunt.space
    milliseconds = table.predictor(space)

    def costs(genes: np.ndarray) -> dict[str, np.ndarray]:
        found = latency_costs.costs_of_genes(space, genes, table.multiplier)
        return {**found, "ms": milliseconds(genes)}

    prior = prior_for(hunt.bench.origin.backbone, space)
    limits = with_margin(hunt)
    return Problem(space, costs, limits, budget, np.random.default_rng(seed), prior)


def with_margin(hunt: SearchSetup) -> Mapping[str, float]:
    """The limits, the latency's a little lower, or the best networks would be those that miss it.

    A search ends with networks that take just what they may, by prediction.
    """
    if "ms" not in hunt.limits:
        return hunt.limits
    least = float(hunt.costs.table.predict([hunt.space.smallest()])[0])
    limit = hunt.limits["ms"]
    return {**hunt.limits, "ms": max(min(least, limit), limit / hunt.costs.table.margin)}


def spend(hunt: SearchSetup, plugin: Any, budget: int) -> Generator[Event, None, int]:
    """Lets a searcher measure until its budget is spent; returns how many that were.

    What was measured before is taken from the project, so a search that was stopped runs through
    the same candidates again, and goes on where it was.
    """
    bench = hunt.bench
    search = plugin.search(problem_of(hunt, budget, plugin.seed))
    known = subnet_results.stored(bench.project, bench.key)
    rows: dict[str, SubnetRow] = {}
    pace, count = Eta(budget, "Measuring subnets"), 0
    wanted = next(search, None)
    while wanted is not None:
        accuracies = []
        for architecture in hunt.space.decode(wanted):
            text = str(architecture)
            if text not in known:
                yield from bench.prepare(architecture.resolution)
                known[text] = bench.measure(architecture).plain()
                subnet_results.keep(bench.project, bench.key, text, known[text])
                yield Saved("candidate")
            count += 1
            accuracies.append(known[text]["accuracy"])
            rows[text] = rows.get(text) or hunt.costs.rows({text: known[text]})[0]
            kept.mark_front(list(rows.values()))
            yield kept.candidate_event(rows[text])
            yield pace.at(count)
        try:
            wanted = search.send(np.array(accuracies))
        except StopIteration:
            wanted = None
    return count


def rows_of(hunt: SearchSetup) -> list[SubnetRow]:
    """All that was ever measured of what this search may choose from.

    Other resolutions were not asked for, and the latency table need not hold them.
    """
    known = subnet_results.stored(hunt.bench.project, hunt.bench.key)
    asked = {text: facts for text, facts in known.items() if Architecture.parse(text) in hunt.space}
    return hunt.costs.rows(asked)


def timed_winner(
    hunt: SearchSetup, rows: Sequence[SubnetRow]
) -> Work[tuple[SubnetRow, dict[str, float] | None]]:
    """The most accurate subnet that keeps the target when it is timed for real, and its timing.

    Where one misses it, the next is taken, and a Notice says so. For another device's table there
    is nothing to be timed here, and no timing.
    """
    if not files.is_own(hunt.costs.table):
        yield Notice("Nothing was timed: the latency table is another device's.")
        return kept.within(rows, hunt.limits)[0], None
    for missed, row in enumerate(kept.within(rows, hunt.limits)):
        yield Progress(missed, None, "Timing the winner")
        timed = fair_timing(hunt, Architecture.parse(row["architecture"]))
        keep_time(hunt, row["architecture"], timed)
        if timed["p50"] <= hunt.limits.get("ms", np.inf):
            if missed:
                yield Notice(took_the_next(missed))
            return row, timed
    raise Refused(
        "Nothing that was measured meets the target when it is timed. Ask for a little more time, "
        "or raise the budget."
    )


def keep_time(hunt: SearchSetup, architecture: str, timed: dict[str, float]) -> None:
    """Keeps a timing beside those of other devices."""
    project, key = hunt.bench.project, hunt.bench.key
    known = subnet_results.stored(project, key)[architecture].get("timed", {})
    subnet_results.keep(project, key, architecture, {"timed": {**known, hunt.costs.device: timed}})


def took_the_next(missed: int) -> str:
    many = f"{missed} subnets that were" if missed > 1 else "One subnet that was"
    return (
        f"{many} predicted to meet the target took longer when timed, so the next one is taken. "
        "If much else runs on this computer, stop it and search again."
    )


def fair_timing(hunt: SearchSetup, architecture: Architecture) -> dict[str, float]:
    """A timing; where only other work on the computer made it miss the target, a second one."""
    limit = hunt.limits.get("ms", np.inf)
    timed = timing(hunt, architecture)
    if timed["low"] <= limit < timed["p50"]:
        again = timing(hunt, architecture)
        timed = min(timed, again, key=lambda found: found["p50"])
    return timed


def timing(hunt: SearchSetup, architecture: Architecture) -> dict[str, float]:
    """Milliseconds for one image through a subnet as it would be exported, p50 and p95."""
    network = hunt.bench.supernet.subnet(architecture)
    model = network_onnx(network, architecture.resolution)
    return models_timing.time_network(
        model, architecture.resolution, hunt.costs.table.setting, SECONDS_OF_TIMING
    )


def summary(
    hunt: SearchSetup, winner: SubnetRow, timed: Mapping[str, float] | None
) -> SearchSummary:
    """The result of a search, in plain values."""
    return {
        "architecture": winner["architecture"],
        "title": winner["title"],
        "predicted_ms": winner["predicted_ms"],
        "error_ms": hunt.costs.table.error_ms,
        "measured_ms": {"p50": timed["p50"], "p95": timed["p95"]} if timed else None,
        "accuracy": winner["accuracy"],
        "macs": winner["macs"],
        "params": winner["params"],
        "memory": winner["memory"],
        "file_bytes": winner["file_bytes"],
        "front": [row for row in rows_of(hunt) if row["front"]],
    }

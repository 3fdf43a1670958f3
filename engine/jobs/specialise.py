"""Jobs of the Specialise page: search for the subnet that meets a target, look at it, use it."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import candidates as kept
from engine import catalogue, landmarks, latency, subnets
from engine.backbones import SUBNET
from engine.backbones.elastic.architecture import Architecture
from engine.backbones.elastic.as_onnx import network_onnx
from engine.backbones.elastic.space import Space
from engine.candidates import Costs
from engine.errors import BadSetting, Refused
from engine.events import Candidate, Event, Notice, Progress, Saved
from engine.jobs import Work, job
from engine.jobs.subnets import use_subnet as take
from engine.latency import LatencyTable
from engine.pace import Pace
from engine.searchers import SEARCHERS, Problem, Searcher, load_searchers
from engine.searchers.prior import prior_for
from engine.session import Session

SECONDS_OF_TIMING = 1.0
"""How long a network is timed, and how long some are to see whether the table still fits."""


@dataclass(frozen=True)
class Hunt:
    """One search: what measures, what it may choose from, and what things cost here."""

    bench: subnets.Bench
    space: Space
    costs: Costs
    limits: Mapping[str, float]


@job("Search for a subnet")
def specialise(
    session: Session,
    *,
    latency_ms: float = 0,
    budget: int = 60,
    resolutions: Sequence[int] = (),
    searcher: str = "linas",
    settings: Mapping[str, Any] | None = None,
    macs: float = 0,
    parameters: float = 0,
    memory: float = 0,
    file_mb: float = 0,
    table: str = "",
    use: bool = False,
) -> Work:
    """Searches the project's supernet for the most accurate subnet that keeps the limits.

    `latency_ms` is for one picture on this computer; `macs` and `parameters` are in millions,
    `memory` in MiB of activations, `file_mb` in millions of bytes; 0 sets no limit. `budget` is how
    many subnets are measured; those measured before count for nothing. Returns the winner, timed
    for real, and the front. Raises Refused at once where no subnet can keep the limits.
    """
    limits = limits_of(latency_ms, macs, parameters, memory, file_mb)
    if budget < 2:
        raise BadSetting("A search needs a budget of at least 2 measurements.")
    session.require().check_writable()  # what is measured is kept
    plugin = made_searcher(searcher, settings)
    clock = time.perf_counter()
    hunt = yield from prepared(session, resolutions, limits, table)
    measured = yield from spend(session, hunt, plugin, budget)
    winner = yield from timed_winner(session, hunt, rows_of(session, hunt))
    result = {
        **summary(session, hunt, winner),
        "target_ms": latency_ms or None,
        "measured_candidates": measured,
        "seconds": time.perf_counter() - clock,
    }
    if use:
        yield from take(session, architecture=winner["architecture"])
    return result


def made_searcher(name: str, settings: Mapping[str, Any] | None) -> Searcher:
    load_searchers()
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
) -> Generator[Event, None, Hunt]:
    """What a search needs: the images, the latency table, and that the limits can be kept."""
    chosen = checked_resolutions(resolutions)
    supernet, origin = session.supernet()
    bench = subnets.Bench(session, supernet, origin)
    space = Space(chosen or usual_resolutions(origin.size))
    found = yield from table_for(supernet.multiplier, space.resolutions, table)
    hunt = Hunt(bench, space, Costs(found), limits)
    if not problem_of(hunt, 1, 0).smallest_fits():
        raise Refused(too_tight(hunt))
    return hunt


def table_for(
    multiplier: float, resolutions: Sequence[int], name: str = ""
) -> Generator[Event, None, LatencyTable]:
    """The latency table of this computer, measured now where it is not there; or one by name.

    One that was there is tried on a few networks, and a Notice says where it no longer fits.
    """
    found = latency.find_table(multiplier, resolutions, name=name)
    if found is None:
        yield Notice("This computer is measured once, which takes half a minute.")
        known = latency.find_table(multiplier, ())
        missing = set(resolutions) - set(known.resolutions if known else ())
        made = yield from latency.build_table(multiplier, sorted(missing))
        found, _ = latency.store(made)
    elif latency.is_own(found):
        found = yield from latency.checked(found, seconds=SECONDS_OF_TIMING)
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


def too_tight(hunt: Hunt) -> str:
    """The sentence for limits that nothing can keep: it names what the smallest network takes."""
    smallest = hunt.space.smallest()
    ms = float(hunt.costs.table.predict([smallest])[0])
    facts = {"ms": ms, **kept.sizes(smallest, hunt.costs.table.multiplier)}
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


def problem_of(hunt: Hunt, budget: int, seed: int) -> Problem:
    table, space = hunt.costs.table, hunt.space
    milliseconds = table.predictor(space)

    def costs(genes: np.ndarray) -> dict[str, np.ndarray]:
        found = latency.costs_of_genes(space, genes, table.multiplier)
        return {**found, "ms": milliseconds(genes)}

    prior = prior_for(hunt.bench.origin.backbone, space)
    limits = with_margin(hunt)
    return Problem(space, costs, limits, budget, np.random.default_rng(seed), prior)


def with_margin(hunt: Hunt) -> Mapping[str, float]:
    """The limits, the latency's a little lower, or the best networks would be those that miss it.

    A search ends with networks that take just what they may, by prediction.
    """
    if "ms" not in hunt.limits:
        return hunt.limits
    least = float(hunt.costs.table.predict([hunt.space.smallest()])[0])
    limit = hunt.limits["ms"]
    return {**hunt.limits, "ms": max(min(least, limit), limit / hunt.costs.table.margin)}


def spend(session: Session, hunt: Hunt, plugin: Any, budget: int) -> Generator[Event, None, int]:
    """Lets a searcher measure until its budget is spent; returns how many that were.

    What was measured before is taken from the project, so a search that was stopped runs through
    the same candidates again, and goes on where it was.
    """
    project, bench = session.require(), hunt.bench
    search = plugin.search(problem_of(hunt, budget, plugin.seed))
    known, rows = kept.stored(project, bench.key), {}
    pace, count = Pace(budget, "Measuring subnets"), 0
    wanted = next(search, None)
    while wanted is not None:
        accuracies = []
        for architecture in hunt.space.decode(wanted):
            text = str(architecture)
            if text not in known:
                yield from bench.prepare(architecture.resolution)
                known[text] = bench.measure(architecture).plain()
                kept.keep(project, bench.key, text, known[text])
                yield Saved("candidate")
            count += 1
            accuracies.append(known[text]["accuracy"])
            rows[text] = rows.get(text) or hunt.costs.rows({text: known[text]})[0]
            kept.mark_front(list(rows.values()))
            yield candidate_event(rows[text])
            yield pace.at(count)
        try:
            wanted = search.send(np.array(accuracies))
        except StopIteration:
            wanted = None
    return count


def candidate_event(row: Mapping[str, Any]) -> Candidate:
    """A row of the list as an event."""
    return Candidate(
        architecture=row["architecture"],
        predicted_ms=row["predicted_ms"],
        error_ms=row["error_ms"],
        measured_ms=row["measured_ms"],
        accuracy=row["accuracy"],
        macs=row["macs"],
        parameters=row["params"],
        memory=row["memory"],
        file_bytes=row["file_bytes"],
        front=row["front"],
    )


def rows_of(session: Session, hunt: Hunt) -> list[dict[str, Any]]:
    """All that was ever measured of what this search may choose from.

    Other resolutions were not asked for, and the latency table need not hold them.
    """
    known = kept.stored(session.require(), hunt.bench.key)
    asked = {text: facts for text, facts in known.items() if Architecture.parse(text) in hunt.space}
    return hunt.costs.rows(asked)


def timed_winner(
    session: Session, hunt: Hunt, rows: Sequence[Mapping[str, Any]]
) -> Generator[Event, None, dict[str, Any]]:
    """The most accurate subnet that keeps the target when it is timed for real.

    Where one misses it, the next is taken, and a Notice says so. For another device's table there
    is nothing to be timed here.
    """
    if not latency.is_own(hunt.costs.table):
        yield Notice("Nothing was timed: the latency table is another device's.")
        return {**kept.within(rows, hunt.limits)[0], "timed": None}
    for missed, row in enumerate(kept.within(rows, hunt.limits)):
        yield Progress(missed, None, "Timing the winner")
        timed = fair_timing(hunt, Architecture.parse(row["architecture"]))
        keep_time(session, hunt, row["architecture"], timed)
        if timed["p50"] <= hunt.limits.get("ms", np.inf):
            if missed:
                yield Notice(took_the_next(missed))
            return {**row, "measured_ms": timed["p50"], "timed": timed}
    raise Refused(
        "Nothing that was measured meets the target when it is timed. Ask for a little more time, "
        "or raise the budget."
    )


def keep_time(session: Session, hunt: Hunt, architecture: str, timed: dict[str, float]) -> None:
    """Keeps a timing beside those of other devices."""
    project, key = session.require(), hunt.bench.key
    known = kept.stored(project, key)[architecture].get("timed", {})
    kept.keep(project, key, architecture, {"timed": {**known, hunt.costs.device: timed}})


def took_the_next(missed: int) -> str:
    many = f"{missed} subnets that were" if missed > 1 else "One subnet that was"
    return (
        f"{many} predicted to meet the target took longer when timed, so the next one is taken. "
        "If much else runs on this computer, stop it and search again."
    )


def fair_timing(hunt: Hunt, architecture: Architecture) -> dict[str, float]:
    """A timing; where only other work on the computer made it miss the target, a second one."""
    limit = hunt.limits.get("ms", np.inf)
    timed = timing(hunt, architecture)
    if timed["low"] <= limit < timed["p50"]:
        again = timing(hunt, architecture)
        timed = min(timed, again, key=lambda found: found["p50"])
    return timed


def timing(hunt: Hunt, architecture: Architecture) -> dict[str, float]:
    """Milliseconds for one picture through a subnet as it would be exported, p50 and p95."""
    network = hunt.bench.supernet.subnet(architecture)
    model = network_onnx(network, architecture.resolution)
    return latency.time_network(
        model, architecture.resolution, hunt.costs.table.setting, SECONDS_OF_TIMING
    )


def summary(session: Session, hunt: Hunt, winner: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a search, in plain values."""
    rows = rows_of(session, hunt)
    timed = winner["timed"]
    return {
        **{n: winner[n] for n in ("architecture", "predicted_ms", "accuracy", "macs")},
        "params": winner["params"],
        "error_ms": hunt.costs.table.error_ms,
        "measured_ms": {"p50": timed["p50"], "p95": timed["p95"]} if timed else None,
        "memory": winner["memory"],
        "file_bytes": winner["file_bytes"],
        "front": [row for row in rows if row["front"]],
    }


# What the page asks for.


@job("Read the subnets", reads=True)
def candidates(session: Session) -> Work:
    """What was measured of the project's supernet, and what it is compared with."""
    yield Progress(0, None, "Reading")
    nothing = {"supernet": None, "rows": [], "landmarks": [], "range_ms": None, "error_ms": None,
               "table": None, "in_use": in_use(session)}  # fmt: skip
    try:
        supernet, origin = session.supernet()
        bench = subnets.Bench(session, supernet, origin)
    except Refused as reason:
        return {**nothing, "why": str(reason)}
    sizes = usual_resolutions(origin.size)
    found = {**nothing, "supernet": {"title": origin.backbone, "width": supernet.multiplier},
             "why": "", "resolutions": list(sizes)}  # fmt: skip
    measured = kept.stored(session.require(), bench.key)
    used = {Architecture.parse(t).resolution for t in measured}
    table = latency.find_table(supernet.multiplier, used)
    if table is None:
        return found
    # A search of some resolutions only has measured no others.
    space = Space(tuple(s for s in sizes if s in table.resolutions) or tuple(table.resolutions))
    ends = table.predict([space.smallest(), space.largest()])
    costs = Costs(table)
    return {
        **found,
        "rows": costs.rows(measured),
        "landmarks": landmarks.stored(session, bench.key, costs.device),
        "range_ms": [float(ms) for ms in ends],
        "error_ms": table.error_ms,
        "table": latency.in_short(table),
    }


def in_use(session: Session) -> str:
    """The architecture of the subnet that the project uses, or nothing."""
    if session.require().facts["backbone"] != SUBNET:
        return ""
    return str(session.backbone().facts["architecture"])


@job("Look at a subnet", reads=True)
def candidate(session: Session, *, architecture: str) -> Work:
    """One measured subnet: its blocks, its costs, and its accuracy for each class."""
    yield Progress(0, None, "Reading")
    wanted = Architecture.parse(architecture)
    supernet, origin = session.supernet()
    bench = subnets.Bench(session, supernet, origin)
    facts = kept.stored(session.require(), bench.key).get(architecture)
    if facts is None:
        raise Refused("This subnet was not measured with the present images. Search again.")
    table = latency.find_table(supernet.multiplier, (wanted.resolution,))
    if table is None:
        raise Refused("The latency table of this computer is gone. Search again to measure it.")
    names = catalogue.class_names(session.require())
    per_class = {names[int(n)]: v for n, v in facts["per_class"].items() if int(n) in names}
    blocks = [
        [{"kernel": k, "expand": e} for k, e in zip(kernels, expands, strict=True)]
        for kernels, expands in zip(wanted.kernels, wanted.expands, strict=True)
    ]
    row = Costs(table).rows({architecture: facts})[0]
    return {**row, "stages": blocks, "resolution": wanted.resolution, "per_class": per_class}

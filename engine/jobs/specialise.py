"""Jobs of the Specialise page: search for the subnet that meets a target, look at it, use it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import BadSetting, Refused
from engine.events import Progress, Saved, Work
from engine.export.material import exporter_of, written
from engine.export.write import check_target
from engine.jobs import elastic, job
from engine.learning import material, step, subnet
from engine.models import timing
from engine.models.backbones import SUBNET, subnet_backbone, title_of
from engine.models.elastic.architecture import ElasticArchitecture, is_elastic
from engine.models.supernet.architecture import Architecture
from engine.models.supernet.files import subnet_bytes
from engine.models.supernet.space import Space
from engine.results.export import Receipt
from engine.results.specialise import (
    Block,
    Landmarks,
    SubnetDetails,
    SubnetFound,
    Subnets,
    SubnetUsed,
)
from engine.search import reference_networks
from engine.search.evaluation import SubnetEvaluator
from engine.search.latency import files
from engine.search.results import Costs
from engine.search.search import (
    limits_of,
    made_searcher,
    prepared,
    rows_of,
    spend,
    summary,
    timed_winner,
    usual_resolutions,
)
from engine.search.searchers import Searcher
from engine.search.take import model_with
from engine.session import Session
from engine.storage import catalogue, subnet_results

ALL_AT_ONCE = (
    "A network that holds many sizes trains all of them at once: use “Train these networks”, or "
    "leave this out."
)


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
    train: bool = False,
    use: bool = False,
) -> Work[SubnetFound]:
    """Searches for the most accurate network that keeps the limits: a subnet of the project's
    supernet, or its network narrowed, or another one that is here.

    `latency_ms` is for one image on this computer; `macs` and `parameters` are in millions,
    `memory` in MiB of activations, `file_mb` in millions of bytes; 0 sets no limit. `budget` is how
    many are measured; those measured before count for nothing. The winner is timed for real, and
    with `train` the better one of it and of itself trained a little (jobs/train_form.py). Raises
    Refused at once where none can keep the limits.
    """
    limits = limits_of(latency_ms, macs, parameters, memory, file_mb)
    if budget < 2:
        raise BadSetting("A search needs a budget of at least 2 measurements.")
    session.require().check_writable()  # what is measured is kept
    if not session.has_subnets():
        elastic.check_options(searcher, "linas", settings, table)
        asked = budget, resolutions, train, use
        return (yield from elastic.specialise_elastic(session, limits, *asked))
    if train:
        raise BadSetting(ALL_AT_ONCE)
    plugin = made_searcher(searcher, settings)
    result = yield from search_supernet(session, plugin, budget, resolutions, limits, table)
    if use:
        yield from use_subnet(session, architecture=result["architecture"])
    return result


def search_supernet(
    session: Session,
    plugin: Searcher,
    budget: int,
    resolutions: Sequence[int],
    limits: Mapping[str, float],
    table: str,
) -> Work[SubnetFound]:
    """Measures subnets, and times the one that keeps the limits."""
    clock = time.perf_counter()
    hunt = yield from prepared(session, resolutions, limits, table)
    measured = yield from spend(hunt, plugin, budget)
    winner, timed = yield from timed_winner(hunt, rows_of(hunt))
    return {
        **summary(hunt, winner, timed),
        "target_ms": limits.get("ms"),
        "measured_candidates": measured,
        "seconds": time.perf_counter() - clock,
    }


# What the page asks for.


NOTHING: Subnets = {
    "supernet": None,
    "elastic": False,
    "ready": False,
    "fixed": False,
    "rows": [],
    "landmarks": [],
    "range_ms": None,
    "error_ms": None,
    "table": None,
    "in_use": "",
    "why": "",
}
"""What there is to see of a project without a supernet."""


@job("Read the subnets", reads=True)
def candidates(session: Session) -> Work[Subnets]:
    """What was measured of the project's supernet, and what it is compared with."""
    yield Progress(0, None, "Reading")
    nothing: Subnets = {**NOTHING, "in_use": in_use(session)}
    if not session.has_subnets():
        return elastic.elastic_candidates(session, nothing)
    try:
        supernet, origin = session.supernet()
        bench = SubnetEvaluator(session.require(), supernet, origin)
    except Refused as reason:
        return {**nothing, "why": str(reason)}
    sizes = usual_resolutions(origin.size)
    found: Subnets = {
        **nothing,
        "supernet": {"title": title_of(origin.backbone), "width": supernet.multiplier},
        "resolutions": list(sizes),
    }
    measured = subnet_results.stored(session.require(), bench.key)
    used = {Architecture.parse(t).resolution for t in measured}
    table = files.find_table(supernet.multiplier, used)
    if table is None:
        return found
    # A search of some resolutions only has measured no others.
    space = Space(tuple(s for s in sizes if s in table.resolutions) or tuple(table.resolutions))
    ends = table.predict([space.smallest(), space.largest()])
    costs = Costs(table)
    return {
        **found,
        "rows": costs.rows(measured),
        "landmarks": reference_networks.stored(bench.project, bench.key, costs.device),
        "range_ms": [float(ms) for ms in ends],
        "error_ms": table.error_ms,
        "table": files.in_short(table),
    }


def in_use(session: Session) -> str:
    """The architecture of the subnet that the project uses, or nothing."""
    if session.require().facts["backbone"] != SUBNET:
        return ""
    return str(session.backbone().facts["architecture"])


@job("Look at a subnet", reads=True)
def candidate(session: Session, *, architecture: str) -> Work[SubnetDetails]:
    """One measured subnet: its blocks, its costs, and its accuracy for each class."""
    if is_elastic(architecture):
        form = ElasticArchitecture.parse(architecture)
        return (yield from elastic.elastic_candidate(session, form))
    yield Progress(0, None, "Reading")
    wanted = Architecture.parse(architecture)
    supernet, origin = session.supernet()
    bench = SubnetEvaluator(session.require(), supernet, origin)
    facts = subnet_results.stored(session.require(), bench.key).get(architecture)
    if facts is None:
        raise Refused("This subnet was not measured with the present images. Search again.")
    table = files.find_table(supernet.multiplier, (wanted.resolution,))
    if table is None:
        raise Refused("The latency table of this computer is gone. Search again to measure it.")
    names = catalogue.class_names(session.require())
    per_class = {names[int(n)]: v for n, v in facts["per_class"].items() if int(n) in names}
    blocks: list[list[Block]] = [
        [{"kernel": k, "expand": e} for k, e in zip(kernels, expands, strict=True)]
        for kernels, expands in zip(wanted.kernels, wanted.expands, strict=True)
    ]
    row = Costs(table).rows({architecture: facts})[0]
    return {**row, "stages": blocks, "resolution": wanted.resolution, "per_class": per_class}


@job("Use a subnet")
def use_subnet(session: Session, *, architecture: str) -> Work[SubnetUsed]:
    """Makes a subnet the project's backbone, and learns all classes again from their images."""
    if is_elastic(architecture):
        return (yield from elastic.use_elastic(session, ElasticArchitecture.parse(architecture)))
    wanted, project = Architecture.parse(architecture), session.require()
    title = f"Use a subnet at {wanted.resolution} pixels"
    with project.gesture(title, all_or_nothing=True) as gesture:
        yield from subnet.use_subnet(session, gesture, wanted)
        yield session.changed("backbone")
        name, settings = material.choice(project)
        result = yield from step.learn(session, gesture, name, settings, title)
    yield session.changed("learnt")
    return {"architecture": architecture, **result}


@job("Export a subnet")
def export_subnet(
    session: Session,
    *,
    architecture: str,
    path: str,
    format: str = "onnx",
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Work[Receipt]:
    """Writes a subnet with a head for the project's classes; the project stays as it is."""
    if is_elastic(architecture):
        form = ElasticArchitecture.parse(architecture)
        export = elastic.export_elastic(session, form, path, format, settings, overwrite)
        return (yield from export)
    wanted, exporter = Architecture.parse(architecture), exporter_of(format, settings)
    check_target(exporter, Path(path).absolute(), overwrite)
    supernet, origin = session.supernet()
    project = session.require()
    network = yield from subnet.settled(project, supernet, wanted)
    extractor = session.extractor_of(subnet_backbone(subnet_bytes(network, wanted, origin)))
    model, about = yield from model_with(project, extractor)
    receipt = yield from written(project, exporter, model, extractor, Path(path), overwrite, about)
    yield Saved("export", path)
    return receipt


@job("Compare with other networks")
def measure_landmarks(session: Session) -> Work[Landmarks]:
    """Times and scores the network in use, and MobileNetV2 and V3 where their weights are here."""
    supernet, origin = session.supernet()
    bench = SubnetEvaluator(session.require(), supernet, origin)
    setting = timing.Setting()
    yield from reference_networks.measure(bench, session.backbone(), setting)
    device = timing.device_key(setting)
    return {"landmarks": reference_networks.stored(bench.project, bench.key, device)}

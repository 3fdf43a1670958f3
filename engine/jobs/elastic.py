"""What Specialise does with a network that comes in one size: it is made elastic, and narrowed."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import BadSetting, Refused
from engine.events import Event, Notice, Progress, Saved, Work
from engine.export.material import exporter_of, written
from engine.export.write import check_target
from engine.jobs import job, train_form
from engine.learning import material, step
from engine.models.elastic.architecture import ElasticArchitecture, is_trained
from engine.models.provenance import Origin
from engine.results.export import Receipt
from engine.results.specialise import (
    FoldNews,
    MadeElastic,
    SubnetDetails,
    SubnetFound,
    SubnetRow,
    Subnets,
    SubnetUsed,
)
from engine.search.elastic import folding, networks, new_kinds, using
from engine.search.elastic.choice import Choice, choice_for, title_for
from engine.search.elastic.search import search, whole_networks
from engine.search.take import model_with
from engine.session import Session
from engine.storage import catalogue
from engine.system.words import duration, listed, per_cent

ENOUGH = 1000
"""More networks than any search measures."""


@job("Make the network elastic")
def make_elastic(session: Session) -> Work[MadeElastic]:
    """Measures once, on the project's images, what any narrower form of its network needs to be
    known; and the whole network at each resolution, and torchvision's at lower ones, to compare
    with. All of it is kept."""
    clock = time.perf_counter()
    session.require().check_writable()
    choice = choice_for(session, (), {}, ENOUGH)
    yield from folding.calibrated(choice.bench, choice.root)
    for size in choice.resolutions:
        yield from folding.costs_at(choice.bench, choice.root, size)
    yield from wholes(choice, choice.root, choice.resolutions)
    for name in networks.LANDMARKS:
        if name == choice.root.backbone or name not in choice.origins:
            continue
        yield from wholes(choice, choice.origins[name], networks.LOWER)
    return {"seconds": time.perf_counter() - clock, "resolutions": list(choice.resolutions)}


def wholes(choice: Choice, origin: Origin, sizes: Sequence[int]) -> Generator[Event, None, None]:
    """Measures a whole network at each of these sizes that it takes."""
    alone = {origin.backbone: origin}
    yield from whole_networks(Choice(choice.bench, origin, alone, tuple(sizes), {}, ENOUGH))


def specialise_elastic(
    session: Session,
    limits: Mapping[str, float],
    budget: int,
    resolutions: Sequence[int],
    train: bool,
    use: bool,
) -> Work[SubnetFound]:
    """As the job `specialise`, for a network without subnets."""
    clock = time.perf_counter()
    choice = choice_for(session, resolutions, limits, budget)
    winner = yield from search(choice)
    if train:
        winner = yield from trained_winner(choice, winner)
    timed = choice.facts()[winner["architecture"]]["timed"][choice.bench.device]
    result: SubnetFound = {
        "architecture": winner["architecture"],
        "title": winner["title"],
        "predicted_ms": winner["predicted_ms"],
        "error_ms": 0.0,
        "measured_ms": {"p50": timed["p50"], "p95": timed["p95"]},
        "accuracy": winner["accuracy"],
        "macs": winner["macs"],
        "params": winner["params"],
        "memory": winner["memory"],
        "file_bytes": winner["file_bytes"],
        "front": [row for row in choice.rows() if row["front"]],
        "target_ms": limits.get("ms"),
        "measured_candidates": choice.measured,
        "seconds": time.perf_counter() - clock,
    }
    if use:
        yield from use_elastic(session, ElasticArchitecture.parse(winner["architecture"]))
    return result


def trained_winner(choice: Choice, winner: SubnetRow) -> Work[SubnetRow]:
    """Trains what was found a little, and gives the one of both that is likely better."""
    wanted = ElasticArchitecture.parse(winner["architecture"])
    if wanted.trained:
        return winner
    seconds = train_form.seconds_of(choice, wanted, train_form.EPOCHS)
    yield Notice(f"Training {winner['title']} a little takes {duration(seconds)}.")
    made = yield from train_form.train(choice, wanted)
    both = {winner["architecture"], made["architecture"]}
    return next(row for row in choice.allowed() if row["architecture"] in both)


def check_options(searcher: str, usual: str, settings: object, table: str) -> None:
    """Raises BadSetting for what only a network with subnets has."""
    if table or settings or searcher != usual:
        raise BadSetting(
            "Searchers, their settings and latency tables are for networks that hold many sizes. "
            "Leave them out: this network is made narrower block by block."
        )


def elastic_candidates(session: Session, nothing: Subnets) -> Subnets:
    """What was measured of the project's network and of those beside it."""
    try:
        networks.root_of(session)
    except Refused as reason:
        return {**nothing, "fixed": True, "why": str(reason)}
    try:
        choice = choice_for(session, (), {}, 0)
    except Refused as reason:  # there are too few images
        return {**nothing, "why": str(reason)}
    ready = known(folding.calibrated(choice.bench, choice.root, known_only=True)) is not None
    rows = choice.rows()
    times = [row["measured_ms"] or row["predicted_ms"] for row in rows]
    return {
        **nothing,
        "elastic": True,
        "ready": ready,
        "rows": rows,
        "resolutions": list(choice.resolutions),
        "range_ms": [min(times), max(times)] if times else None,
        "in_use": using.in_use(session.backbone(), choice.root),
    }


def known(work: Work[Any]) -> Any:
    """What work returns that has nothing to say."""
    try:
        while True:
            next(work)
    except StopIteration as end:
        return end.value


def elastic_candidate(session: Session, wanted: ElasticArchitecture) -> Work[SubnetDetails]:
    """One measured network: its blocks, its costs, and its accuracy for each class."""
    yield Progress(0, None, "Reading")
    choice = choice_for(session, (), {}, 0)
    text = str(wanted)
    row = next((row for row in choice.rows() if row["architecture"] == text), None)
    if row is None:
        raise Refused("This network was not measured with the present images. Search again.")
    origin = using.origin_named(choice, wanted)
    network = networks.network_of(session.require(), origin, wanted.resolution)
    names, shares = catalogue.class_names(session.require()), choice.facts()[text]["per_class"]
    return {
        **row,
        "stages": using.stages_of(network, wanted),
        "resolution": wanted.resolution,
        "per_class": {names[int(n)]: share for n, share in shares.items() if int(n) in names},
    }


@job("Look at the new classes", reads=True)
def look_at_fold(session: Session) -> Work[FoldNews]:
    """What the project's narrowed network loses on images of classes that came after its fold."""
    yield Progress(0, None, "Reading the network")
    found = yield from new_kinds.looked_at(session)
    names = catalogue.class_names(session.require())
    new = [names[number] for number in found.new if number in names]
    then, now = per_cent(found.lost_then, 0), per_cent(found.lost_new, 0)
    text = (
        f"The network was narrowed before {listed(new)} came. On their images it loses {now} of "
        f"what the whole one sees, on those of then {then}."
    )
    return {
        "new": new,
        "lost_then": found.lost_then,
        "lost_new": found.lost_new,
        "worse": found.worse,
        "text": text if new else "",
    }


@job("Fold anew")
def fold_anew(session: Session) -> Work[SubnetUsed]:
    """Narrows the project's network anew, as much as it is, on all images that are there now, and
    learns all classes again with it: one gesture. Raises Refused where it was not narrowed."""
    session.require().check_writable()
    wanted, choice = new_kinds.in_use(session.backbone()), choice_for(session, (), {}, 0)
    yield from folding.calibrated(choice.bench, using.origin_named(choice, wanted), anew=True)
    if is_trained(str(session.backbone().facts["architecture"])):
        yield Notice("The network was trained a little before. Folded anew it is as it was folded.")
    return (yield from use_elastic(session, wanted, f"Fold {title_for(wanted)} anew"))


def use_elastic(session: Session, wanted: ElasticArchitecture, title: str = "") -> Work[SubnetUsed]:
    """Makes a network the project's, and learns all classes again from their images."""
    project, choice = session.require(), choice_for(session, (), {}, 0)
    project.check_writable()
    title = title or f"Use {title_for(wanted)}"
    with project.gesture(title, all_or_nothing=True) as gesture:
        found = yield from using.found(choice, wanted)
        blob = project.blobs.put(found.content) if found.content else found.facts["weights"]
        with project.transaction(gesture) as db:
            for kept in found.keeps:
                why = "the network that a narrower one was made of"
                db.execute("INSERT OR IGNORE INTO kept VALUES (?, ?)", [kept, why])
            project.set_facts(**{**found.facts, "weights": blob}, step=None)
        yield session.changed("backbone")
        name, settings = material.choice(project)
        result = yield from step.learn(session, gesture, name, settings, title)
    yield session.changed("learnt")
    return {"architecture": str(wanted), **result}


def export_elastic(
    session: Session,
    wanted: ElasticArchitecture,
    path: str,
    format: str,
    settings: Mapping[str, Any] | None,
    overwrite: bool,
) -> Work[Receipt]:
    """Writes a network with a head for the project's classes; the project stays as it is."""
    exporter = exporter_of(format, settings)
    check_target(exporter, Path(path).absolute(), overwrite)
    project, choice = session.require(), choice_for(session, (), {}, 0)
    found = yield from using.found(choice, wanted)
    extractor = session.extractor_of(found.backbone)
    model, about = yield from model_with(project, extractor)
    receipt = yield from written(project, exporter, model, extractor, Path(path), overwrite, about)
    yield Saved("export", path)
    return receipt

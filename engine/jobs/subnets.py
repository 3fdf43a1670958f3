"""Jobs that take a subnet out of the project's supernet: use it, export it, compare it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine import catalogue, landmarks, latency, scoring, study, subnets
from engine.backbones import subnet_backbone
from engine.backbones.elastic.architecture import Architecture
from engine.backbones.elastic.files import subnet_bytes
from engine.calibrate import calibrate, calibrated
from engine.events import Event, Saved
from engine.exporters.writing import check_target
from engine.extractor import Extractor
from engine.jobs import Work, job
from engine.jobs.export import exporter_of, written
from engine.jobs.try_it import look_with
from engine.learners import Task
from engine.model import answer
from engine.net import Model
from engine.places import cache_folder
from engine.receipts import About
from engine.receipts.gather import about_network, learner_facts
from engine.session import Session

PART = 1024
"""Pictures whose pixels are in memory at once."""


@job("Use a subnet")
def use_subnet(session: Session, *, architecture: str) -> Work:
    """Makes a subnet the project's backbone, and learns all classes again from their images."""
    wanted, project = Architecture.parse(architecture), session.require()
    title = f"Use a subnet at {wanted.resolution} pixels"
    with project.gesture(title, all_or_nothing=True) as gesture:
        yield from subnets.take(session, gesture, wanted)
        yield session.changed("backbone")
        name, settings = study.choice(session, "", None)
        result = yield from study.learn(session, gesture, name, settings, title)
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
) -> Work:
    """Writes a subnet with a head for the project's classes; the project stays as it is."""
    wanted, exporter = Architecture.parse(architecture), exporter_of(format, settings)
    check_target(exporter, Path(path).absolute(), overwrite)
    supernet, origin = session.supernet()
    network = yield from subnets.settled(session, supernet, wanted)
    backbone = subnet_backbone(subnet_bytes(network, wanted, origin))
    extractor = Extractor(backbone, device=session.device, cache=cache_folder())
    model, about = yield from model_with(session, extractor)
    receipt = yield from written(
        session,
        exporter,
        model,
        lambda paths: look_with(model, extractor, paths),
        Path(path),
        overwrite,
        about,
    )
    yield Saved("export", path)
    return receipt


def model_with(
    session: Session, extractor: Extractor
) -> Generator[Event, None, tuple[Model, About]]:
    """The project's classes, learnt with another backbone than its own, and not stored."""
    choice = study.choice(session, "", None)
    learner = session.learner(*choice)
    project, size = session.require(), extractor.backbone.preprocessing.size
    split = [catalogue.to_learn(project, part) for part in ("train", "validation")]
    wanted = [h for part in split for hashes in part.values() for h in hashes]
    features = {}
    for start in range(0, len(wanted), PART):
        pixels = yield from subnets.decode(session, wanted[start : start + PART], size)
        if pixels:
            found = extractor(np.stack(list(pixels.values())), learner.views)
            features |= dict(zip(pixels, torch.from_numpy(found), strict=True))
    lost = {h for h in wanted if h not in features}
    train, held_out = (study.without(part, lost) for part in split)
    material = study.Material(InMemory(features), train, held_out)
    sample = material.sample()
    new = {number: material.of(hashes) for number, hashes in train.items()}
    yield from learner.learn(Task(new, *sample))
    judged = [(h, n) for n in learner.classes for h in held_out.get(n, ())]
    held = material.of([h for h, _ in judged]) if judged else sample[0][:0]
    truth = torch.tensor([n for _, n in judged], dtype=torch.int64)
    head = learner.head().eval()
    fitted = calibrate(head, *sample, held, truth)
    names = catalogue.class_names(project)
    classes = tuple(names[number] for number in learner.classes)
    ready = calibrated(head, fitted).eval()
    model = Model(extractor.backbone, ready, classes, fitted.threshold, learner.views)
    places = {number: place for place, number in enumerate(learner.classes)}
    best = answer(ready, held).best if judged else np.empty(0, np.int64)
    scores = scoring.table(classes, np.array([places[n] for _, n in judged], np.int64), best)
    about = replace(
        about_network(project, extractor.backbone),
        **learner_facts(*choice),
        images={names[n]: (len(train[n]), len(held_out.get(n, ()))) for n in learner.classes},
        scores=scores,
    )
    return model, about


class InMemory:
    """Features by hash, where a project's cache would be asked."""

    def __init__(self, features: dict[str, torch.Tensor]) -> None:
        self.features = features

    def get(self, hashes: list[str]) -> np.ndarray:
        return torch.stack([self.features[sha256] for sha256 in hashes]).numpy()


@job("Compare with other networks")
def measure_landmarks(session: Session) -> Work:
    """Times and scores the network in use, and MobileNetV2 and V3 where their weights are here."""
    supernet, origin = session.supernet()
    bench = subnets.Bench(session, supernet, origin)
    setting = latency.Setting()
    yield from landmarks.measure(session, bench, setting)
    return {"landmarks": landmarks.stored(session, bench.key, latency.device_key(setting))}

"""The receipt of an export: what was checked about it, for people and for programs."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import onnx
import torch

from engine.export.check import Checked
from engine.export.formats import MOST, ExportData, Exporter, Receipt
from engine.export.receipts import NOT_STATED
from engine.images.preprocess import Preprocessing
from engine.learners.metrics import share
from engine.learners.promise import proves
from engine.models.backbone import Model
from engine.models.backbones import title_of
from engine.models.timing import processor_name
from engine.storage.gestures import now
from engine.system import device as devices
from engine.system.words import many

ENOUGH = 256
"""Images that a receipt is made from, where a project has so many."""


def receipt_of(
    exporter: Exporter, model: Model, path: Path, found: Checked, material: ExportData
) -> Receipt:
    """What was checked, as plain values."""
    return {
        "format": exporter.name,
        "title": exporter.title,
        "file": path.name,
        "made": f"{now()} UTC",
        **compared(found, material),
        **judged(model, found, material),
        "bytes": sum(file.stat().st_size for file in path.parent.iterdir()),
        "latency_ms": latency_of(found),
        "memory_bytes": found.memory,
        "sha256": {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(path.parent.iterdir())
        },
        "backbone": model.backbone.name,
        "backbone_title": title_of(model.backbone.name, model.backbone.facts),
        "digests": {"weights": model.backbone.digest, **model.digests},
        "classes": list(model.class_names),
        "threshold": float(model.threshold),
        "evidence": list(model.evidence),
        **known(model, found, material),
        **kept(model, found, material),
        "preprocessing": in_words(model.backbone.preprocessing, exporter.inside),
        "licence": model.backbone.licence,
        "data_licence": material.about.data_licence or NOT_STATED,
        "versions": {
            "espalier": program_version(),
            "torch": str(torch.__version__).partition("+")[0],  # as the other process says it
            "onnx": onnx.__version__,
            **found.versions,
        },
    }


def latency_of(found: Checked) -> Receipt:
    """In milliseconds, and of what on which computer."""
    return {
        "p50": round(float(np.percentile(found.milliseconds, 50)), 2),
        "p95": round(float(np.percentile(found.milliseconds, 95)), 2),
        "pictures": "one whole image at a time, resizing included, decoding not",
        "threads": devices.threads(),
        "machine": f"{processor_name()}, {platform.system()} {platform.machine()}",
    }


def compared(found: Checked, material: ExportData) -> Receipt:
    """The file's answers beside the project's, on the images that the other process could open."""
    project = material.expected[found.used]
    ordered = np.sort(project, axis=1)
    margin = ordered[:, -1] - (ordered[:, -2] if project.shape[1] > 1 else 0)
    same = found.probabilities.argmax(1) == project.argmax(1)
    return {
        "compared": len(found.used),
        "compared_note": note(len(found.used)),
        "compared_in": "a process of its own"
        + (", with PyTorch, which runs this format" if found.torch else ", without PyTorch"),
        "largest_difference": float(np.abs(found.probabilities - project).max()),
        "top_class_agreement": float(same.mean()),
        "clear_disagreements": int((~same & (margin > MOST)).sum()),
    }


def judged(model: Model, found: Checked, material: ExportData) -> Receipt:
    """How often project and file are right, for each class too, and what the file mixes up.

    Nothing where the classes of the images are not known. Classes and `confusion` are counted on
    held-out images, on all that were compared where none is held out. `confusion` holds the true
    class's place, the answer's place and the number of images, where that is above 0.
    """
    truth = None if material.truth is None else material.truth[found.used]
    known = np.flatnonzero(truth >= 0) if truth is not None else np.empty(0, np.int64)
    if truth is None or not len(known):
        return {}
    truth, names = truth[known], model.class_names
    before = material.expected[found.used][known].argmax(1)
    after = found.probabilities[known].argmax(1)
    shown = np.array(found.used)[known] < material.held_out
    fair = shown if shown.any() else np.ones_like(shown)
    counts, right = np.zeros((len(names),) * 2, np.int64), np.zeros(len(names), np.int64)
    np.add.at(counts, (truth[fair], after[fair]), 1)
    np.add.at(right, truth[fair], (before == truth)[fair])
    images = counts.sum(1)
    return {
        "accuracy_images": len(known),
        "accuracy_before": float((before == truth).mean()),
        "accuracy_after": float((after == truth).mean()),
        "accuracy_held_out_images": int(shown.sum()),
        "accuracy_held_out_before": share((before == truth)[shown].sum(), shown.sum()),
        "accuracy_held_out_after": share((after == truth)[shown].sum(), shown.sum()),
        "per_class": [
            {
                "name": name,
                "images": int(images[at]),
                "before": share(right[at], images[at]),
                "after": share(counts[at, at], images[at]),
            }
            for at, name in enumerate(names)
        ],
        "confusion": [[int(t), int(a), int(counts[t, a])] for t, a in np.argwhere(counts)],
        "beyond_threshold": float((found.distances[known] > model.threshold).mean()),
    }


def known(model: Model, found: Checked, material: ExportData) -> Receipt:
    """Of how many compared images file and project agree on whether they are none of the classes;
    nothing where the project's distances are not known."""
    if material.far is None:
        return {}
    same = (found.distances <= model.threshold) == (material.far[found.used] <= model.threshold)
    return {"known_same": int(same.sum())}


def kept(model: Model, found: Checked, material: ExportData) -> Receipt:
    """What the file's own answers are under its promise, on held-out images; nothing without one.

    `promise` is the rate, `promise_images` how many held-out images the file was asked about,
    `promise_answers` how many of them got an answer, `promise_groups` how many of these name a
    group, `promise_wrong` how many are wrong. `promise_shown` is False where those are more than of
    the project, whose answers showed it, and too many to show it themselves. `promise_same` says
    for how many of all compared images file and project agree on whether there is an answer, and
    whether it is a group.
    """
    if model.promise is None:
        return {}
    used, rate = np.array(found.used), model.promise.rate
    far = found.distances if material.far is None else material.far[used]
    by_file = given(model, found.probabilities, found.distances)
    by_project = given(model, material.expected[used], far)
    truth = np.full(len(used), -1) if material.truth is None else material.truth[used]
    fair = (used < material.held_out) & (truth >= 0)

    def wrong(answers: np.ndarray, level: np.ndarray) -> int:
        errors = model.groups.wrong(answers.argmax(1), np.maximum(truth, 0))
        return int((fair & (level >= 0) & errors[np.arange(len(used)), level]).sum())

    answered, errors = int(((by_file >= 0) & fair).sum()), wrong(found.probabilities, by_file)
    no_worse = errors <= wrong(material.expected[used], by_project)
    return {
        "promise": rate,
        "promise_images": int(fair.sum()),
        "promise_answers": answered,
        "promise_groups": int(((by_file > 0) & fair).sum()),
        "promise_wrong": errors,
        "promise_shown": no_worse or proves(answered, errors, rate),
        "promise_proven": model.promise.proven,
        "promise_same": int((by_file == by_project).sum()),
        "least": list(model.least),
    }


def given(model: Model, probabilities: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """The level at which each image is answered; -1 for "not sure" and "none of these"."""
    assert model.promise is not None
    return np.where(distances <= model.threshold, model.promise.given(probabilities), -1)


def note(compared: int) -> str:
    if compared >= ENOUGH:
        return f"Compared on {compared} of the project's images."
    return f"Compared on {many(compared, 'image')} only, all of the project's that can be opened."


def in_words(p: Preprocessing, inside: bool = True) -> str:
    resized = f"shorter side to {p.resize} ({p.interpolation}, antialiased), centre crop {p.size}"
    mean, std = (", ".join(f"{x:.6g}" for x in values) for values in (p.mean, p.std))
    scaled = f"divided by 255, mean ({mean}), std ({std})"
    if inside:
        return f"inside the file: {resized}, {scaled}"
    return f"before the file is asked, as its script does: {resized}; inside the file: {scaled}"


def program_version() -> str:
    try:
        return version("espalier")
    except PackageNotFoundError:
        return "from source"

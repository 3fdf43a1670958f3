"""How well a step does: its scores on held-out images, and on folders that a person names."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from engine import __version__
from engine.learners import Learner, metrics
from engine.learners.confidence import calibrate, calibrated
from engine.learners.kept_features import InParts
from engine.models.answers import Answers, likeliest
from engine.models.backbone import Backbone
from engine.results.learn import ClassScore, FullScores, ScoreTable
from engine.results.scores import Chose, Continual, StepScores
from engine.storage import catalogue, steps, unsorted
from engine.storage.project import Project
from engine.system.words import per_cent, plural

if TYPE_CHECKING:
    from engine.learning.material import LearningData


def judge(
    project: Project,
    backbone: Backbone,
    learner: Learner,
    material: LearningData,
    sample: tuple[Tensor, Tensor],
) -> tuple[dict[str, Any], dict[str, np.ndarray] | None, dict[str, np.ndarray]]:
    """A step's row, its answers on held-out images, and its calibration, ready to be stored."""
    numbers = learner.classes
    hashes, truth = material.held_out(numbers)
    features = InParts(hashes, material.of)
    head = learner.head().eval()
    said = learner.left_out(*sample)
    fitted = calibrate(head, *sample, features, torch.from_numpy(truth), said)
    places, confidence = likeliest(calibrated(head, fitted), features)
    best = np.array(numbers, dtype=np.int64)[places]
    before = steps.line(project)
    known = {c["id"] for c in before[-1]["classes"]} if before else set()
    row: dict[str, Any] = {
        "parent": before[-1]["id"] if before else None,
        "learner": learner.name,
        "backbone": network_of(backbone),
        "features_key": material.features.key,
        "classes": class_facts(project, numbers),
        "new_classes": [n for n in numbers if n not in known],
        "versions": versions(),
    }
    row["scores"] = scores_of(numbers, known, truth, best)
    row["scores"] |= continual(before, row)
    if (choice := learner.choice()) is not None:
        says = f"{choice['says']} {held_out(row['scores']['accuracy'], len(truth))}"
        row["scores"]["choice"] = {**choice, "says": says}
    kept = {
        "images": image_ids(project, hashes, truth),
        "truth": truth,
        "answer": best,
        "confidence": confidence,
    }
    return row, kept if len(truth) else None, fitted.save()


def held_out(accuracy: float | None, images: int) -> str:
    """What tells how good a chosen method is: the figures that it was chosen by flatter it."""
    if accuracy is None:
        return "Nothing is held out to judge the choice by."
    of = f"{per_cent(accuracy)} of {plural(images)}"
    return f"Held out, where the choice had no say, {of} are right."


def network_of(backbone: Backbone) -> str:
    """A network, as a step names it."""
    return f"{backbone.name} {backbone.digest[:12]}"


def scores_of(
    numbers: Sequence[int], known: set[int], truth: np.ndarray, best: np.ndarray
) -> dict[str, Any]:
    """Accuracy over all, over old and over new classes, and what each class needs for its own.

    One class alone has no accuracy: every answer would be right.
    """
    old = np.isin(truth, list(known))

    def share(among: np.ndarray) -> float | None:
        some = among.any() and len(numbers) > 1
        return float((truth == best)[among].mean()) if some else None

    return {
        "accuracy": share(np.ones(len(truth), dtype=bool)),
        "old_accuracy": share(old),
        "new_accuracy": share(~old),
        "per_class": {
            str(n): {
                "images": int((truth == n).sum()),
                "right": int(((truth == n) & (best == n)).sum()),
                "answered": int((best == n).sum()),
            }
            for n in numbers
        },
    }


def continual(before: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> Continual:
    """The scores over all steps that led here; see evaluate for their definitions."""
    steps = [*before, row]
    counted = [
        {n: (c["right"], c["images"]) for n, c in r["scores"]["per_class"].items() if c["images"]}
        for r in steps
    ]
    matrix, born = metrics.accuracy_matrix(counted)
    seen = [r["scores"]["accuracy"] for r in steps if r["new_classes"]]
    return {
        "average_incremental_accuracy": metrics.average_incremental_accuracy(seen),
        "forgetting": metrics.forgetting(matrix, born),
        "backward_transfer": metrics.backward_transfer(matrix, born),
    }


def class_facts(project: Project, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """What a step remembers of its classes: their names then, and which images they had."""
    names, prints = catalogue.class_names(project), catalogue.fingerprints(project)
    return [{"id": n, "name": names[n], "fingerprint": prints.get(n, "")} for n in numbers]


def image_ids(project: Project, hashes: Sequence[str], classes: np.ndarray) -> np.ndarray:
    """The ids of held-out images of these hashes, and of class numbers that come in runs."""
    found, of, ids = list[int](), None, dict[str, int]()
    question = "SELECT sha256, id FROM image WHERE class_id = ? AND split = 'validation'"
    for sha256, number in zip(hashes, classes.tolist(), strict=True):
        if number != of:
            of, ids = number, dict(project.db.execute(question, [number]).fetchall())
        found.append(ids[sha256])
    return np.array(found, dtype=np.int64)


def versions() -> dict[str, str]:
    """What computed a step, so that it can be repeated."""
    names = ("torch", "torchvision", "onnxruntime", "numpy", "pillow")
    found = {name: version(name) for name in names}
    return {"espalier": __version__, "python": platform.python_version(), **found}


def named(project: Project, row: Mapping[str, Any]) -> StepScores:
    """A step's scores under its classes' names, in short."""
    names = catalogue.class_names(project)
    scores = row["scores"]
    shares = {
        names.get(int(n), "?"): c["right"] / c["images"] if c["images"] else None
        for n, c in scores["per_class"].items()
    }
    return {
        "accuracy": scores["accuracy"],
        "old_accuracy": scores["old_accuracy"],
        "new_accuracy": scores["new_accuracy"],
        **continual_of(row),
        **choice_of(row),
        "per_class": shares,
        "step": row["id"],
    }


def choice_of(row: Mapping[str, Any]) -> Chose:
    """What a step's row says of the method that was chosen for it, if it was."""
    choice = row["scores"].get("choice")
    return {"choice": choice} if choice else {}


def continual_of(row: Mapping[str, Any]) -> Continual:
    """The scores of a step's row that `continual` made."""
    scores = row["scores"]
    return {
        "average_incremental_accuracy": scores.get("average_incremental_accuracy"),
        "forgetting": scores.get("forgetting"),
        "backward_transfer": scores.get("backward_transfer"),
    }


def in_full(project: Project, row: Mapping[str, Any]) -> FullScores:
    """A step's scores with precision, recall and the confusion matrix, and what each means."""
    names = catalogue.class_names(project)
    numbers = [c["id"] for c in row["classes"]]
    kept = steps.predictions(project, row)
    truth = kept["truth"] if kept else np.empty(0, np.int64)
    best = kept["answer"] if kept else truth
    classes = tuple(names.get(c["id"], c["name"]) for c in row["classes"])
    return {
        **named(project, row),
        **table(classes, places(numbers, truth), places(numbers, best)),
        "typed_at_random": unsorted.judged_by(project),
        "definitions": dict(metrics.DEFINITIONS),
    }


def places(numbers: Sequence[int], values: np.ndarray) -> np.ndarray:
    """Class numbers as places in `numbers`."""
    at = {number: place for place, number in enumerate(numbers)}
    return np.array([at[int(v)] for v in values], dtype=np.int64)


def table(classes: Sequence[str], truth: np.ndarray, best: np.ndarray) -> ScoreTable:
    """Accuracy, per-class scores and confusion (rows: truth, columns: answer) as plain values."""
    scores = metrics.score(best.tolist(), truth.tolist(), classes)
    rows: list[ClassScore] = [
        {"name": n, "images": i, "right": scores.confusion[at][at], "recall": r, "precision": p}
        for at, (n, i, r, p) in enumerate(
            zip(scores.classes, scores.counts, scores.recall, scores.precision, strict=True)
        )
    ]
    return {
        "classes": list(classes),
        "rows": rows,
        "accuracy": scores.accuracy if len(classes) > 1 else None,
        "interval": scores.interval if len(classes) > 1 else None,
        "per_class": scores.per_class,
        "confusion": [list(row) for row in scores.confusion],
    }


def test_table(classes: Sequence[str], truth: Sequence[str], answers: Answers) -> ScoreTable:
    """The scores on images of a test folder, whose classes the model knows."""
    at = {name: place for place, name in enumerate(classes)}
    return table(classes, np.array([at[name] for name in truth], dtype=np.int64), answers.best)

"""What an export is compared on: images of the project with its answers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import Refused, UnusableImage
from engine.events import Progress, Work
from engine.export.formats import EXPORTERS, ExportData, Exporter
from engine.export.receipts import About
from engine.export.receipts.unsure import least_sure
from engine.export.write import export_model
from engine.images.decode import open_many
from engine.learning.answering import look
from engine.models.backbone import Model
from engine.models.extractor import Extractor
from engine.results.export import Receipt
from engine.storage import catalogue, learnable
from engine.storage.project import Project

IMAGES_TO_COMPARE = 256


def exporter_of(format: str, settings: Mapping[str, Any] | None = None) -> Exporter:
    return EXPORTERS.make(format, settings)


def written(
    project: Project,
    exporter: Exporter,
    model: Model,
    extractor: Extractor,
    path: Path,
    overwrite: bool,
    about: About,
) -> Work[Receipt]:
    """Exports a model, compared with what it and its extractor say of the project's images."""
    images = some_images(project)
    seen = yield from look(model, extractor, list(images))
    places = {name: place for place, name in enumerate(model.class_names)}
    truth = np.array([places.get(images[path].name, -1) for path in seen.paths])
    held_out = sum(images[path].held_out for path in seen.paths)
    judged = held_out or len(seen.paths)
    yield Progress(0, None, "Looking at what is least sure")
    said = seen.answers.probabilities[:judged]
    unsure = yield from least_sure(model, extractor, seen.paths[:judged], said, truth)
    material = ExportData(
        seen.paths,
        seen.answers.probabilities,
        truth,
        some_training(project),
        held_out,
        about,
        seen.answers.distances,
        unsure,
    )
    return (yield from export_model(exporter, model, path, material, overwrite))


@dataclass(frozen=True)
class Known:
    """What is known of an image: its class, and whether no model was learnt from it."""

    name: str
    held_out: bool


def some_images(project: Project) -> dict[Path, Known]:
    """Stored images to compare on, held-out ones first, always the same. Raises Refused."""
    rows = rows_of(project, "validation") + rows_of(project, "train")
    found: dict[Path, Known] = {}
    classes = {
        catalogue.file_of(project, row): Known(row["class"], row["split"] == "validation")
        for row in rows
    }
    opened = open_many(iter(classes), None)
    try:
        for path, image in opened:
            if not isinstance(image, UnusableImage):
                found[path] = classes[path]
            if len(found) == IMAGES_TO_COMPARE:
                break
    finally:
        opened.close()
    if not found:
        raise Refused(
            "None of the project's images can be found any more, so an export could not be "
            "compared with them. Put them back where they were, or drop them again."
        )
    return found


def some_training(project: Project) -> list[Path]:
    """Files of the images to learn from, mixed, always in the same order."""
    return [catalogue.file_of(project, row) for row in rows_of(project, "train")]


def rows_of(project: Project, split: str) -> list[dict[str, Any]]:
    """Images of one side of the split, mixed, always in the same order."""
    rows = list(
        project.db.query(
            "SELECT sha256, path, copied, split, class.name AS class FROM image "
            "JOIN class ON class.id = class_id WHERE split = ? "
            # An image in two classes is neither learnt nor scored, for nobody knows its class.
            f"AND sha256 NOT IN ({learnable.CONFLICTING}) ORDER BY sha256, image.id",
            [split],
        )
    )
    random.Random(0).shuffle(rows)
    return rows

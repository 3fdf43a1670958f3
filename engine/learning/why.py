"""Why a project's model answers an image as it does: colours over it, words, what is nearest."""

from __future__ import annotations

import io
from collections.abc import Generator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from engine.errors import Refused
from engine.events import Event
from engine.images.decode import CheckedImage, open_image
from engine.images.legend import figure, with_legend
from engine.images.overlay import Region, over, overlay, png_of
from engine.images.preprocess import Preprocessing, target_size
from engine.learning.answering import nearest
from engine.models.answers import answer
from engine.models.backbone import Model
from engine.models.extractor import Extractor
from engine.models.why import EXACT, OCCLUSION, Reasons, decompose, occlude
from engine.results.why import Why
from engine.storage import steps
from engine.storage.project import Project
from engine.system.files import replace_file
from engine.system.progress import Eta
from engine.system.words import whole

PLACES = (
    ("upper left", "upper middle", "upper right"),
    ("left", "middle", "right"),
    ("lower left", "lower middle", "lower right"),
)
SAVED = 1600
"""Pixels of the longer side of an image saved with its reasons at most."""
MOSTLY = 0.25
"""The share of all that speaks for a class from which on one of the nine places has most of it."""
ALL = 0.9995
"""Of a share from which on all is explained."""
SOME = 0.3
"""What speaks against a class is told of where it is so much of what speaks for it."""


def why(
    project: Project, extractor: Extractor, model: Model, path: Path, of: str = ""
) -> Generator[Event, None, Why]:
    """The whole reason for the answer to an image, or what speaks for the class `of`, which was
    answered by a model that had not learnt it, or by another one. Raises Refused or UnusableImage.
    """
    if len(model.class_names) < 2:
        raise Refused("With one class there is nothing to tell apart. Learn another class first.")
    if of and of not in model.class_names:
        raise Refused(f"“{of}” is not learnt, so that nothing can speak for it. Learn it first.")
    preprocessing = model.backbone.preprocessing
    image = open_image(path, preprocessing)
    features = extractor(image.seen[None], model.views)
    probabilities = answer(model.head, torch.from_numpy(features)).probabilities[0]
    order = [model.class_names[place] for place in np.argsort(-probabilities, kind="stable")]
    name = of or order[0]
    other = order[order[0] == name]
    found = yield from reasons_in(extractor, model, image.seen, model.class_names.index(name))
    near = nearest(project, extractor, features, other, image.sha256)[0]
    result = Why(
        answer=name,
        second=other,
        kind=found.kind,
        logit=found.logit,
        values=found.values.tolist(),
        explained=found.explained,
        shared=found.shared,
        region=region(image, preprocessing),
        overlay=png_of(overlay(found.values)),
        where=where(found.values, name),
        how=how(found, name),
    )
    if said := whose(name, order[0], bool(of) and is_learnt(project, image.sha256)):
        result["whose"] = said
    if near:
        result["beside"] = near[0]
    return result


def save(found: Why, path: Path, to: Path) -> None:
    """Writes an image, grey, with its reasons as colours and their legend, as a PNG. Raises
    UnusableImage and OSError."""
    image = Image.open(io.BytesIO(open_image(path, None, SAVED).thumb))
    colours = Image.open(io.BytesIO(found["overlay"]))
    seen = over(image, colours, found["region"])
    most = float(np.abs(found["values"]).max())
    told = [found[part] for part in ("where", "whose", "how") if part in found]
    replace_file(to, png_of(with_legend(seen, found["answer"], most, meaning(found), told)))


def meaning(found: Why) -> str:
    """What the numbers of the legend are of; {} stands for the class."""
    whole_logit = figure(found["logit"])
    if found["kind"] == OCCLUSION:
        return f"By how much the logit of {{}}, {whole_logit}, falls where a place is covered."
    places = sum(map(len, found["values"]))
    return (
        f"What each of {places} places adds to the logit of {{}} less the mean of all classes, "
        f"{whole_logit}."
    )


def reasons_in(
    extractor: Extractor, model: Model, pixels: np.ndarray, place: int
) -> Generator[Event, None, Reasons]:
    """From one pass where that can be; otherwise by covering one part after the other."""
    head = model.head.head
    assert isinstance(head, torch.nn.Module)
    found = decompose(model.backbone, head, pixels, place) if model.views == 1 else None
    if found is not None:
        return found

    def logits(some: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            made: torch.Tensor = head(torch.from_numpy(extractor(some, model.views)))
        return made.numpy()

    work, pace = occlude(logits, pixels, place), None
    while True:
        try:
            done, total = next(work)
        except StopIteration as end:
            found = end.value
            assert isinstance(found, Reasons)
            return found
        pace = pace or Eta(total, "Covering parts of the image")
        yield pace.at(done)


def region(image: CheckedImage, p: Preprocessing) -> Region:
    """What the network sees of an image: the middle, as `preprocess` cuts it out."""
    across, down = target_size((image.width, image.height), p.resize)
    left, top = round((across - p.size) / 2), round((down - p.size) / 2)
    return left / across, top / down, (left + p.size) / across, (top + p.size) / down


# In words.


def where(values: np.ndarray, name: str) -> str:
    """Which part of the image speaks most for a class, and which against it."""
    given, taken = ninths(values.clip(min=0)), ninths((-values).clip(min=0))
    if not given.any():
        return f"No part of the image speaks for {name} by itself."
    place = PLACES[given.argmax() // 3][given.argmax() % 3]
    if given.max() >= MOSTLY * given.sum():
        told = f"Mostly the {place} speaks for {name}"
    else:
        told = f"Many parts speak for {name}, most of all the {place}"
    if taken.sum() < SOME * given.sum():
        return f"{told}."
    place = PLACES[taken.argmax() // 3][taken.argmax() % 3]
    return f"{told}; against it speaks most of all the {place}."


def ninths(values: np.ndarray) -> np.ndarray:
    """The sums over three by three parts of the image."""
    rows, columns = (np.arange(side) * 3 // side for side in values.shape)
    found = np.zeros((3, 3))
    np.add.at(found, (rows[:, None], columns[None]), values)
    return found


def is_learnt(project: Project, sha256: str) -> bool:
    """Whether the step in use learnt from an image, by the project's tables."""
    row = steps.current(project)
    known = {learnt["id"] for learnt in row["classes"]} if row is not None else set()
    asked = "SELECT class_id FROM image WHERE sha256 = ? AND split = 'train'"
    return any(number in known for (number,) in project.db.execute(asked, [sha256]))


def whose(name: str, likeliest: str, learnt: bool) -> str:
    """Who speaks, where the answer was given by another model, or by this one before it learnt the
    image; empty where there is nothing to tell."""
    if learnt:
        return f"The model in use has learnt this image since, and answers {likeliest}."
    return f"The model in use answers {likeliest}." if likeliest != name else ""


def how(found: Reasons, name: str) -> str:
    """What the reasons for a class add up to, and how far they can be believed."""
    side = "above" if found.logit >= 0 else "below"
    summed = f"how far {name} is {side} the mean of all classes (in logits)"
    if found.kind == OCCLUSION:
        return (
            "An approximation: parts of the image were covered one after the other, and the "
            f"colours show what that takes from {name} against the mean of all classes."
        )
    told = f"All places add up to {summed}"
    if found.explained is not None and found.explained < ALL:
        told = f"The places explain {whole(found.explained)} of {summed}"
    if found.depends:
        told = f"{told}; how much each says depends on the others"
    if found.shared:
        return (
            f"{told}. {whole(found.shared)} of it comes of how the image varies as a whole, and is "
            "shared out among them."
        )
    return f"{told}." if found.kind != EXACT else f"Exact: {told[0].lower()}{told[1:]}."

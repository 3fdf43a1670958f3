"""What images show, by a project or an exported file: a stream that holds a few at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from engine.errors import Refused
from engine.export.readers import open_exported
from engine.export.readers.trial import try_first
from engine.images.prefetch import Decoded, decoded_ahead
from engine.images.preprocess import preprocess
from engine.images.walk import WalkEntry
from engine.predict.asked import Answered, Answerer
from engine.system.cpu import available_cores

if TYPE_CHECKING:
    from engine.models.backbone import Model
    from engine.models.extractor import Extractor
    from engine.session import Session


WINDOW = 64
"""Images that are answered together and then given in order; in it, sizes may be mixed."""
WINDOW_BYTES = 64 << 20
BATCH = 16
"""Images of one size in one run: the rate of tiny networks still grows up to here (measured)."""
BATCH_BYTES = 16 << 20
"""Larger images are run fewer at a time, for networks and resizing need memory as well."""


def exported_answerer(path: Path) -> Answerer:
    """An exported file. Raises UnusableWeights."""
    try_first(path)
    exported, cores = open_exported(path), available_cores()
    names, threshold = exported.class_names, exported.threshold
    run, given = exported.answers, exported.given
    return Answerer(run, names, threshold, given, cores, cores, exported.naming)


def project_answerer(model: Model, extractor: Extractor) -> Answerer:
    """A project's model, with what runs its backbone."""
    import torch

    from engine.models.answers import answer
    from engine.system import device

    def run(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = answer(model.head, torch.from_numpy(extractor(pixels, model.views)))
        return found.probabilities, found.distances

    def prepare(image: Image.Image) -> np.ndarray:
        return preprocess(image, model.backbone.preprocessing)

    # One run at a time: the extractor shares a batch among threads itself.
    threshold = float(model.threshold)
    threads, naming, others = device.threads(), model.naming, None
    if extractor.elsewhere is not None:
        from engine.predict.elsewhere import answers_with_others

        others = partial(answers_with_others, model, extractor)
    return Answerer(run, model.class_names, threshold, prepare, 1, threads, naming, others)


def answerer_of(session: Session | None, model: str) -> Answerer:
    """The exported file `model`, or else the open project. Raises Refused where nothing was learnt
    yet."""
    if model:
        return exported_answerer(Path(model))
    if session is None:
        raise Refused("No project is open. Name one, or an exported file.")
    from engine.learning.promising import model_in_use

    return project_answerer(model_in_use(session), session.extractor())


def answers(asked: Answerer, met: Iterable[WalkEntry]) -> Generator[list[Answered], None, None]:
    """Answers what was met on a walk, in its order, some at a time; closing it ends all threads."""
    if asked.elsewhere is not None:
        yield from asked.elsewhere(met)
        return
    with (
        closing(decoded_ahead(met, asked.prepare, asked.decoders)) as decoded,
        ThreadPoolExecutor(asked.threads, thread_name_prefix="answers") as pool,
    ):
        for window in windows(decoded):
            yield answered(asked, window, pool)


def windows(decoded: Iterator[Decoded]) -> Iterator[list[Decoded]]:
    """Some images at a time, so many as memory allows."""
    window: list[Decoded] = []
    held = 0
    for image in decoded:
        size = image.pixels.nbytes if image.pixels is not None else 0
        if window and (len(window) == WINDOW or held + size > WINDOW_BYTES):
            yield window
            window, held = [], 0
        window.append(image)
        held += size
    if window:
        yield window


def answered(asked: Answerer, window: list[Decoded], pool: ThreadPoolExecutor) -> list[Answered]:
    """The answers to one window: images of one size go together through the network."""
    sizes: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, image in enumerate(window):
        if image.pixels is not None:
            sizes[image.pixels.shape].append(place)
    batches = [batch for places in sizes.values() for batch in parts(places, window)]

    def run(places: list[int]) -> tuple[np.ndarray, np.ndarray]:
        seen = (window[place].pixels for place in places)
        return asked.run(np.stack([pixels for pixels in seen if pixels is not None]))

    found: dict[int, tuple[np.ndarray, float]] = {}
    runs = map(run, batches) if asked.threads == 1 else pool.map(run, batches)
    for places, (probabilities, distances) in zip(batches, runs, strict=True):
        for place, line, distance in zip(places, probabilities, distances, strict=True):
            found[place] = line, float(distance)
    return [
        Answered(image.path, *found[place])
        if place in found
        else Answered(image.path, reason=image.reason)
        for place, image in enumerate(window)
    ]


def parts(places: list[int], window: list[Decoded]) -> Iterator[list[int]]:
    """Images of one size in batches that the network's memory allows."""
    pixels = window[places[0]].pixels
    most = max(1, min(BATCH, BATCH_BYTES // max(1, pixels.nbytes if pixels is not None else 1)))
    for start in range(0, len(places), most):
        yield places[start : start + most]

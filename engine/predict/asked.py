"""Whoever is asked what images show, and what was said of one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.export.exported import Exported
from engine.images.prefetch import Prepare
from engine.images.walk import WalkEntry
from engine.system.groups import Naming

Run = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Answerer:
    """Whoever is asked: a project's model, or an exported file.

    `run` takes uint8 (n, height, width, 3) and gives probabilities (n, classes) and distances
    (n,). `prepare` makes what it takes of a whole image, and may refuse it. `threads` runs
    may go on at once, and so many images are decoded at once as `decoders` says.
    """

    run: Run
    class_names: tuple[str, ...]
    threshold: float
    prepare: Prepare
    threads: int = 1
    decoders: int = 1
    naming: Naming | None = None
    """What is answered by a promise; None: always the likeliest class."""
    elsewhere: Callable[[Iterable[WalkEntry]], Generator[list[Answered], None, None]] | None = None
    """Answers with the help of other computers, in the order of the walk, where there are some."""


@dataclass(frozen=True, eq=False)
class Answered:
    """What was said of one file; without probabilities, `reason` says why it can't be used."""

    path: Path
    probabilities: np.ndarray | None = None
    distance: float = 0.0
    reason: str = ""


def live_answerer(exported: Exported) -> Answerer:
    """An open file that is asked about one frame after another, as soon as each is there."""
    names, naming = exported.class_names, exported.naming
    return Answerer(exported.answers, names, exported.threshold, exported.framed, naming=naming)


def stricter(asked: Answerer, least: float) -> Answerer:
    """The same, but not sure of what is less probable than `least`."""
    if not least:
        return asked
    names, naming = asked.class_names, asked.naming
    before = (naming.least if naming else ()) or (0.0,) * len(names)
    within = naming.within if naming else ()
    now = Naming(names, within, tuple(max(one, least) for one in before))
    return replace(asked, naming=now)

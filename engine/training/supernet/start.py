"""What a training of subnets can begin with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import Refused, UnusableWeights
from engine.models.backbones import BACKBONES, OWN, is_supernet, load_supernet
from engine.models.supernet.embedded import NAME as EMBEDDED
from engine.models.supernet.embedded import embedded_supernet
from engine.models.supernet.files import read_weights
from engine.models.supernet.supernet import Supernet
from engine.models.weights import read_weights as read_any
from engine.registry import settings_of
from engine.training.supernet.shrinking import Shrinking

if TYPE_CHECKING:
    from engine.session import Session


SCORES = 10
"""How often a training is scored on the way, with the settings that are proposed."""
NOT_OFFERED = ("teacher_size",)
"""Settings of a teacher from a file, which the command line only takes."""


@dataclass(frozen=True)
class Base:
    """The supernet to begin from. `shrunk`: all its subnets were trained, not the largest only."""

    supernet: Supernet
    facts: Mapping[str, str]
    shrunk: bool


def proposed(images: int, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Settings for a project: a small one takes small batches, at a rate that goes with them."""
    usual = {view.name: view.default for view in settings_of(Shrinking)}
    batch = min(usual["batch"], 2 ** max(1, int(math.log2(max(1, images / 4)))))
    steps = usual["epochs"] * (images // batch)
    return {
        "batch": batch,
        "sizes": ",".join(map(str, sizes)),
        "lr": float(f"{usual['lr'] * batch / usual['batch']:.2g}"),
        "score_every": max(1, round(steps / SCORES)),
    }


def base_of(session: Session, base: str) -> Base:
    """The supernet to begin from. Raises Refused or UnusableWeights."""
    if base == "project":
        return of_project(session)
    if base == EMBEDDED:
        supernet, facts = embedded_supernet()
        return Base(supernet, facts, "method" in facts)
    if base in BACKBONES:
        return Base(load_supernet(base, None)[0], {}, shrunk=True)
    return of_file(Path(base))


def of_project(session: Session) -> Base:
    """The supernet that the project uses, or that its subnet was taken out of."""
    supernet, origin = session.supernet()
    made = Base(supernet, {}, shrunk=True)
    if origin.backbone == EMBEDDED:
        made = base_of(session, EMBEDDED)
    elif origin.backbone == OWN:
        made = of_file(session.require().blobs.path(origin.weights))
    return replace(made, facts={"use_size": str(origin.size)})


def of_file(path: Path) -> Base:
    """A supernet of our own making, or an official one. Raises Refused or UnusableWeights."""
    if not path.is_file():
        raise Refused(
            f"There is no file {path}. Give “embedded”, or the file of a once-for-all network."
        )
    try:
        supernet, facts = read_weights(path)
        return Base(supernet, facts, "method" in facts)
    except UnusableWeights:  # not of our own making: an official one, perhaps
        if not is_supernet(read_any(path)):
            raise Refused(
                f"{path.name} holds a network that is no once-for-all network, so it has no "
                "subnets to train. Give “embedded”, or the file of one."
            ) from None
        return Base(load_supernet(OWN, path)[0], {}, shrunk=True)

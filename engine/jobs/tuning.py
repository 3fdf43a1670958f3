"""What a training of subnets can begin from, and what its form offers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.backbones import BACKBONES, load_supernet
from engine.backbones.elastic.embedded import NAME as EMBEDDED
from engine.backbones.elastic.embedded import embedded_supernet
from engine.backbones.elastic.files import read_weights
from engine.backbones.elastic.supernet import Supernet
from engine.backbones.once_for_all import OWN, is_supernet
from engine.corpus import listed_in_project
from engine.errors import Refused, UnusableWeights
from engine.events import Progress
from engine.jobs import Work, job
from engine.jobs.specialise import usual_resolutions
from engine.registry import settings_of
from engine.tuners import TUNERS, load_tuners
from engine.tuners.shrinking import Shrinking
from engine.weights import read_weights as read_any

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


@job("List the ways to train subnets", reads=True)
def list_tuners(session: Session) -> Work:
    """Every tuner of supernets, from whose settings forms are made, and what suits the project.

    `proposed` are settings for so many pictures, at the resolutions of the Specialise page. Raises
    Refused where the project has no supernet, or no pictures.
    """
    yield Progress(0, None, "Reading")
    load_tuners()
    pictures = len(listed_in_project(session.require(), "train")[0])
    sizes = usual_resolutions(session.supernet()[1].size)
    offered = [
        replace(view, settings=tuple(s for s in view.settings if s.name not in NOT_OFFERED))
        for view in TUNERS.describe()
        if issubclass(TUNERS[view.name], Shrinking)  # the others are the Tune page's
    ]
    return {"tuners": offered, "proposed": proposed(pictures, sizes), "pictures": pictures}


def proposed(pictures: int, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Settings for a project: a small one takes small batches, at a rate that goes with them."""
    usual = {view.name: view.default for view in settings_of(Shrinking)}
    batch = min(usual["batch"], 2 ** max(1, int(math.log2(max(1, pictures / 4)))))
    steps = usual["epochs"] * (pictures // batch)
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

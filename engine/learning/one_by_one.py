"""Images of a project that came one by one, and that nobody chose: what drift is told from.

Of what is named on the Sort page those that were drawn by chance, and of what a camera sees while a
button is held the first of each time. In which order the rest is named is chosen, by the person or
by what is most useful, so that it would look different without any drift.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from engine.events import Event
from engine.images.quality import qualities
from engine.learning import drifting
from engine.learning.arrivals import Arrival
from engine.results.stream import Drifts
from engine.storage import catalogue, learnable, steps
from engine.storage.feature_cache import Features
from engine.storage.project import Project
from engine.storage.unsorted import HELD, TYPED


def came(project: Project) -> list[dict[str, Any]]:
    """Their rows, in the order in which they came; of a burst the first."""
    rows = project.db.query(
        "SELECT image.*, class.name AS class, named.made AS named FROM named "
        "JOIN image ON image.sha256 = named.sha256 JOIN class ON class.id = image.class_id "
        "WHERE (how = ? OR how = ? AND at_random) AND split IN ('train', 'validation') "
        f"AND NOT set_aside AND image.sha256 NOT IN ({learnable.CONFLICTING}) ORDER BY named.id",
        [HELD, TYPED],
    )
    firsts = dict[str, dict[str, Any]]()
    for row in rows:
        firsts.setdefault(row["burst"] or row["sha256"], row)
    return list(firsts.values())


def drift(project: Project, rate: float) -> Generator[Event, None, Drifts]:
    """Whether they look like the images that lay in classes before the first of them."""
    yield drifting.LOOKING
    step, arrived = steps.current(project), list[Arrival]()
    if step is not None:
        features, rows = Features(project, step["features_key"]), came(project)
        gone = set(features.missing(row["sha256"] for row in rows))
        thumbs = [(row, drifting.thumb_of(project, row)) for row in rows]
        pairs = [(row, thumb) for row, thumb in thumbs if thumb and row["sha256"] not in gone]
        arrived = [arrival(project, row, thumb) for row, thumb in pairs]
    if not arrived:
        return drifting.begun(0, rate)
    before = min(row["id"] for row, _ in pairs)
    known = yield from drifting.known_images(project, features, before)
    x = torch.from_numpy(features.get([one.sha256 for one in arrived]))
    return (yield from drifting.drifts(known, arrived, x, rate, goes_on=True))


def arrival(project: Project, row: dict[str, Any], thumb: bytes) -> Arrival:
    """One of them, with when it was taken, or else named."""
    when = row["taken"] or here(row["named"])
    path = Path(catalogue.displayable(row["path"]))
    file = str(catalogue.file_of(project, row))
    return Arrival(path, row["class"], row["sha256"], when, False, "", qualities(thumb), file)


def here(moment: str) -> str:
    """A moment of the tables, which is in UTC, as the clock on the wall had it."""
    local = datetime.fromisoformat(moment).replace(tzinfo=UTC).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S}"

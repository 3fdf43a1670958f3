"""A stream from which old images fall out: what is learnt of it at each moment."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from engine.learning.material import SAMPLE, Known
from engine.storage.project import Project
from engine.storage.recent import Recent

Aged = tuple[str, int, Tensor]
"""When an image was taken, its place among all, and its features (views, width)."""


class Window:
    """The images that are learnt, of each class the oldest first."""

    def __init__(self, recent: Recent) -> None:
        self.recent = recent
        self.rows: dict[int, list[Aged]] = {}
        self.newest, self.came = "", 0

    @classmethod
    def begun(
        cls, recent: Recent, project: Project, features: Known, learnt: Mapping[int, Sequence[str]]
    ) -> Window:
        """With images of a project that are learnt, each class's hashes."""
        window = cls(recent)
        rows = project.db.execute("SELECT sha256, taken FROM image ORDER BY taken, id")
        when, place = dict[str, str](), dict[str, int]()
        for at, (sha256, taken) in enumerate(rows):
            when[sha256], place[sha256] = taken, at
        for number, hashes in learnt.items():
            ordered = sorted(hashes, key=lambda h: place.get(h, -1))
            known = torch.from_numpy(features.get(ordered))
            window.add(number, [when.get(h, "") for h in ordered], known)
        return window

    def add(self, number: int, when: Sequence[str], features: Tensor) -> None:
        """Images of a class that come, in the order given: features (images, views, width)."""
        for taken, x in zip(when, features, strict=True):
            self.came += 1
            # A window of images goes by the order in which they come, one of days by their time.
            row = (taken if self.recent.days else "", self.came, x)
            insort(self.rows.setdefault(number, []), row, key=lambda one: one[:2])
            self.newest = max(self.newest, taken)

    def fallen(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        """The classes of which images are too old now: those, and those that are left."""
        since = self.recent.since(self.newest)
        for number, rows in list(self.rows.items()):
            if self.recent.images:
                old = rows[: max(0, len(rows) - self.recent.images)]
            else:
                old = [row for row in rows if row[0] and row[0] < since]
            if not old:
                continue
            gone = {came for _, came, _ in old}
            left, shape = [row for row in rows if row[1] not in gone], rows[0][2].shape
            del self.rows[number]
            if left:
                self.rows[number] = left
            yield number, stacked(old, shape), stacked(left, shape)

    def sample(self) -> tuple[Tensor, Tensor]:
        """About SAMPLE of the images that are learnt, and their classes' numbers."""
        pairs = [(x, n) for n, rows in sorted(self.rows.items()) for _, _, x in rows]
        some = pairs[:: -(-len(pairs) // SAMPLE)]
        return torch.stack([x for x, _ in some]), torch.tensor([n for _, n in some])


def stacked(rows: Sequence[Aged], shape: torch.Size) -> Tensor:
    """Features (images, views, width)."""
    return torch.stack([x for _, _, x in rows]) if rows else torch.zeros(0, *shape)

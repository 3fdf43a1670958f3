"""Batches: which images at which step, by seed and position alone."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from engine.errors import Refused
from engine.training.distributed.group import ALONE, Group


@dataclass(frozen=True)
class Batch:
    """What one step is shown: `given` is pixels, or what the first `start` stages made of them.

    `other` and `kept`: each image is blended with another one of the batch, of itself so much.
    Where a `group` shares it, `given` is this process's part, and all else is of the whole batch.
    """

    given: torch.Tensor
    start: int
    classes: torch.Tensor
    rows: np.ndarray
    other: torch.Tensor | None = None
    kept: float = 1.0
    group: Group = ALONE

    @property
    def part(self) -> float:
        """The share of the batch that is given here."""
        own = self.group.own(len(self.rows))
        return (own.stop - own.start) / len(self.rows)

    def asked(self, network: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """What a network makes of the whole batch."""
        count = len(self.rows)
        with self.group.whole_batch(count):
            part = network(self.given)
        return self.group.whole(part, count)


def seeded(*numbers: int) -> torch.Generator:
    """A random generator from numbers alone, so that a batch depends on its position only."""
    mixed = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(mixed >> np.uint64(1)))


@functools.lru_cache(maxsize=2)
def rows_of(count: int, batch: int, seed: int, epoch: int) -> np.ndarray:
    """An epoch's batches as rows of a corpus (batches, batch). A last part batch is left out."""
    order = torch.randperm(count, generator=seeded(seed, epoch)).numpy()
    return np.sort(order[: count // batch * batch].reshape(-1, batch))


def check_batch(images: int, batch: int) -> None:
    if images < batch:
        raise Refused(
            f"There are {images} images to learn from, fewer than one batch of {batch}. "
            "Add images, or set a smaller batch."
        )

"""What a network in training is shown and taught: what pretraining and shrinking share.

Batches depend on the seed and the position alone, so that a training that was stopped goes on as if
it never had been.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from engine.errors import Refused
from engine.events import Event, Notice
from engine.training.batches import check_batch
from engine.training.dataset import ImageArray
from engine.training.distributed.group import other_processes
from engine.training.loop import Training
from engine.training.supernet.teacher import Teacher, normalised, resized

SMOOTHING = 0.1
TEMPERATURE = 2.0
FEATURES = 1.0
SCORES = 2.0


class DistillationLoss:
    """The loss against a teacher: its features (each scaled to deviation 1), its class scores."""

    def __init__(self, teacher: Teacher, device: torch.device | None = None) -> None:
        sample = torch.tensor(teacher.features[:: max(1, len(teacher.features) // 4000)]).float()
        mean, deviation = sample.mean(0), sample.std(0).clamp_min(1e-3)
        facts = (teacher.weight, teacher.bias, mean, deviation)
        self.weight, self.bias, self.mean, self.deviation = (f.to(device) for f in facts)

    def __call__(
        self, mapped: torch.Tensor, taught: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Both parts of the loss; `mapped` is what the student makes of the features `taught`."""
        features = (mapped - (taught - self.mean) / self.deviation).square().mean()
        scores = F.kl_div(
            self.scores(mapped * self.deviation + self.mean),
            self.scores(taught),
            reduction="batchmean",
            log_target=True,
        )
        return FEATURES * features, SCORES * scores

    def scores(self, features: torch.Tensor) -> torch.Tensor:
        return F.log_softmax(F.linear(features, self.weight, self.bias) / TEMPERATURE, 1)


def augmented(
    pixels: torch.Tensor,
    size: int,
    source: torch.Generator,
    count: int = 0,
    own: slice = slice(None),
) -> torch.Tensor:
    """Random crops (80-100 % of the area, sides 9:10 to 10:9), half of them mirrored, at `size`.

    Where `pixels` are the part `own` of a batch of `count` images, it is drawn for all of these.
    """
    count = count or len(pixels)
    area = 0.8 + 0.2 * torch.rand(count, generator=source)
    ratio = 0.9 + 0.21 * torch.rand(count, generator=source)
    across = (area * ratio).sqrt().clamp_max(1)
    down = (area / ratio).sqrt().clamp_max(1)
    moved = (2 * torch.rand(count, 2, generator=source) - 1) * torch.stack(
        [1 - across, 1 - down], 1
    )
    mirror = 1 - 2 * torch.randint(0, 2, (count,), generator=source).float()
    maps = torch.zeros(count, 2, 3)
    maps[:, 0, 0], maps[:, 1, 1], maps[:, :, 2] = across * mirror, down, moved
    maps = maps[own]
    grid = F.affine_grid(maps, [len(maps), 3, size, size], align_corners=False)
    return F.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)


def shown_at(corpus: ImageArray, rows: np.ndarray | slice, size: int) -> torch.Tensor:
    """Images of a corpus as they are, at a size: float32 (rows, 3, size, size)."""
    pixels = resized(normalised(corpus.images[rows]), size)
    return pixels.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def accuracy(network: nn.Module, corpus: ImageArray, size: int, step: int = 1) -> float:
    """The share of a corpus's images whose class the network's own classifier finds.

    With a `step`, only each so many-th image is looked at.
    """
    network.eval()
    device, right = next(network.parameters()).device, 0
    rows = np.arange(0, len(corpus), step)
    for at in range(0, len(rows), 200):
        part = rows[at : at + 200]
        found = network(shown_at(corpus, part, size).to(device)).argmax(1).cpu()
        right += int((found == torch.from_numpy(corpus.classes[part])).sum())
    return right / len(rows)


def check_corpora(corpus: ImageArray, shown: ImageArray, batch: int) -> None:
    """Refuses images that no training could begin with."""
    if corpus.names != shown.names:
        raise Refused("The folders train and val hold different classes. Give both the same ones.")
    check_batch(len(corpus), batch)


def resumed(training: Training, fixed: Mapping[str, Any], checkpoint: Path) -> Iterator[Event]:
    """Goes on from a checkpoint if there is one; refuses one that was made by another recipe.

    `fixed` are the settings that can't change on the way.
    """
    if not checkpoint.exists():
        return
    notes = training.load(checkpoint)
    before = notes.pop("processes", 1)
    if notes != fixed:
        raise Refused(
            f"The checkpoint in {checkpoint.parent} was made with other settings ({notes}). "
            "Give these settings again, or another work folder."
        )
    yield Notice(f"Going on from step {training.position} of {training.schedule.total}.")
    if before != training.group.size:
        yield Notice(other_processes(before))

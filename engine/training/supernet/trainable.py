"""A supernet while it is trained: what its subnets are shown, and what each learns from it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from engine.models.batch_norm import recalibrate
from engine.models.supernet.architecture import DEPTHS, EXPANDS, KERNELS, Architecture, largest
from engine.models.supernet.mobilenet import MobileNet
from engine.models.supernet.sorting import sort_channels
from engine.models.supernet.space import Space
from engine.models.supernet.supernet import Supernet
from engine.system.device import mixed
from engine.training.dataset import ImageArray
from engine.training.distributed.group import ALONE, Group
from engine.training.supernet.distillation import SMOOTHING, DistillationLoss
from engine.training.supernet.teacher import Teacher


@dataclass(frozen=True)
class Phase:
    """What subnets are drawn from in a share of the steps, and how many are in one step.

    On entering, channels are sorted where `sorts` says within which expansions' borders, and with
    `copies` the largest network as it is becomes the teacher of all others.
    """

    name: str
    share: float
    kernels: tuple[int, ...] = KERNELS
    expands: tuple[int, ...] = EXPANDS
    depths: tuple[int, ...] = DEPTHS
    subnets: int = 1
    sorts: tuple[int, ...] | None = None
    copies: bool = False

    @property
    def alone(self) -> bool:
        """Whether the largest network is the only one."""
        return (self.kernels, self.expands, self.depths) == (
            KERNELS[-1:],
            EXPANDS[-1:],
            DEPTHS[-1:],
        )

    def space(self, resolution: int) -> Space:
        return Space((resolution,), self.kernels, self.expands, self.depths)


@dataclass(frozen=True)
class Batch:
    """Images (batch, 3, r, r), class numbers, the teacher's features if there are any.

    Where a `group` shares it, `pixels` are this process's part, and all else is of the whole batch.
    """

    phase: Phase
    pixels: torch.Tensor
    classes: torch.Tensor
    taught: torch.Tensor | None
    subnets: tuple[Architecture, ...]
    group: Group = ALONE

    def whole(self, part: torch.Tensor) -> torch.Tensor:
        """What all processes of the group made of the batch."""
        return self.group.whole(part, len(self.classes))

    def shared(self) -> AbstractContextManager[Any]:
        """Within it, norms work by the whole batch."""
        return self.group.whole_batch(len(self.classes))


@dataclass(frozen=True)
class SubnetShare:
    """What one subnet learns in a step; `place` is its place among the step's subnets."""

    batch: Batch
    place: int


def parts(batch: Batch) -> list[SubnetShare]:
    return [SubnetShare(batch, place) for place in range(len(batch.subnets))]


class TrainableSupernet(nn.Module):
    """The supernet, what it needs only while it is trained, and how far it has come.

    Features come from a pool and lie nearly all in one direction, which a classifier learns badly
    from: they are shifted and scaled by figures that are measured once at the start, and so are
    the same for all subnets, and folded into the classifier at the end. `map` guesses a teacher's
    features, `master` is the frozen copy of the largest network; neither is kept.
    """

    def __init__(self, network: Supernet, taught_width: int = 0, master: bool = False) -> None:
        super().__init__()
        self.network = network
        self.mean: torch.Tensor
        self.deviation: torch.Tensor
        self.entered: torch.Tensor
        self.register_buffer("mean", torch.zeros(network.width))
        self.register_buffer("deviation", torch.ones(network.width))
        self.register_buffer("entered", torch.tensor(-1))
        self.map = nn.Linear(network.width, taught_width) if taught_width else None
        if self.map is not None:
            nn.init.normal_(self.map.weight, 0, 0.01)
        self.master = network.subnet(largest(224)).requires_grad_(False) if master else None

    def train(self, mode: bool = True) -> TrainableSupernet:
        super().train(mode)
        if self.master is not None:
            self.master.eval()
        return self

    def forward(self, part: SubnetShare) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Logits (batch, classes), and the teacher's features as guessed, of deviation 1."""
        pixels = part.batch.pixels
        self.network.use(part.batch.subnets[part.place])
        with mixed(pixels.device), part.batch.shared():
            features = (self.network.features(pixels) - self.mean) / self.deviation
            logits = self.network.classifier(features)
            mapped = None if self.map is None else part.batch.whole(self.map(features).float())
        return part.batch.whole(logits.float()), mapped

    @torch.no_grad()
    def scale(self, images: Sequence[torch.Tensor]) -> None:
        """Measures the features of the largest network; its answers stay the same."""
        network = self.calibrated(largest(images[0].shape[-1]), images)
        found = torch.cat([network.features(batch) for batch in images])
        self.mean.copy_(found.mean(0))
        self.deviation.copy_(found.std(0).clamp_min(1e-3))
        linear = self.network.last_layer
        linear.bias.add_(linear.weight @ self.mean)
        linear.weight.mul_(self.deviation)

    def finished(self) -> Supernet:
        """A copy of the supernet whose classifier takes the features as they are."""
        network = copy.deepcopy(self.network).eval()
        self.fold(network)
        return network

    @torch.no_grad()
    def fold(self, network: MobileNet) -> None:
        linear = network.last_layer
        linear.weight.div_(self.deviation.to(linear.weight.device))
        linear.bias.sub_(linear.weight @ self.mean.to(linear.weight.device))

    def calibrated(self, subnet: Architecture, images: Sequence[torch.Tensor]) -> MobileNet:
        """A subnet as a plain network of its own, its batch norms measured on `images`."""
        network = self.network.subnet(subnet)
        self.fold(network)
        network.to(images[0].device).to(memory_format=torch.channels_last)
        recalibrate(network, images)
        return network

    def enter(self, phases: Sequence[Phase], number: int, images: Sequence[torch.Tensor]) -> bool:
        """Does what is to be done once before phase `number`; says whether there was anything."""
        before = int(self.entered)
        for phase in phases[before + 1 : number + 1]:
            if phase.copies and self.master is not None:
                taught = self.calibrated(largest(images[0].shape[-1]), images)
                self.master.load_state_dict(taught.state_dict())
            if phase.sorts is not None:
                sort_channels(self.network, phase.sorts)
        self.entered.fill_(max(before, number))
        return number > before


class SupernetLoss:
    """The loss of one subnet: labels, the largest network's answers, a teacher's features."""

    def __init__(self, pupil: TrainableSupernet, guidance: DistillationLoss | None) -> None:
        self.pupil, self.guidance = pupil, guidance
        self.answers: torch.Tensor | None = None

    def __call__(self, prediction: Any, part: SubnetShare) -> tuple[torch.Tensor, dict[str, float]]:
        logits, mapped = prediction
        batch, master = part.batch, self.pupil.master
        if part.place == 0:
            self.answers = self.asked(logits, batch)
        value = torch.zeros((), device=logits.device)
        if part.place == 0 or master is not None:
            value = F.cross_entropy(logits, batch.classes, label_smoothing=SMOOTHING)
        if self.answers is not None and (part.place or master is not None):
            value = value + F.cross_entropy(logits, self.answers)
        if self.guidance is not None and mapped is not None:
            assert batch.taught is not None  # where there is guidance, there is a teacher
            features, scores = self.guidance(mapped, batch.taught)
            value = value + (features + scores)
        return value, {"loss": value.item()}

    @torch.no_grad()
    def asked(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor | None:
        """The probabilities that the others learn from; none while the largest is alone."""
        if batch.phase.alone:
            return None
        if self.pupil.master is not None:
            with mixed(batch.pixels.device):
                logits = batch.whole(self.pupil.master(batch.pixels).float())
        return logits.float().softmax(1)


@dataclass(frozen=True)
class SupernetData:
    """What a supernet is trained on: images, a teacher's features of them, a few for norms.

    `images` are batches (n, 3, r, r) of the corpus at the largest resolution.
    """

    corpus: ImageArray
    teacher: Teacher | None
    images: tuple[torch.Tensor, ...]
    group: Group = ALONE

    @property
    def device(self) -> torch.device:
        return self.images[0].device

"""The only training loop: predict, loss, backward, step. Nothing reaches into it from outside."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.errors import Diverged, UnusableWeights
from engine.events import Step
from engine.models.backbone import Stage
from engine.models.batch_norm import NORMS
from engine.system.trouble import pass_on
from engine.training.checkpoints import BROKEN, packed, read_state, unpacked, write_state
from engine.training.distributed.group import ALONE, ENDS, STEPS, TAKES, Group


class Stack(nn.Module):
    """Stages in order, of which some are frozen.

    A frozen stage's weights do not move, its batch norms neither (eval mode), and its output is
    detached, so that nothing below it is computed backward. What needs no gradient when the stack
    is made, as what a tuner fixes, never gets any.
    """

    def __init__(self, stages: Iterable[Stage]) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({stage.name: stage.module for stage in stages})
        self.frozen: frozenset[str] = frozenset()
        self.still: list[nn.Module] = []
        self.fixed = {name for name, p in self.parts.named_parameters() if not p.requires_grad}

    def freeze(self, names: Iterable[str]) -> None:
        """Freezes exactly the stages named, and sets all others free."""
        self.frozen = frozenset(names)
        for name, parameter in self.parts.named_parameters():
            stands = name in self.fixed or name.split(".")[0] in self.frozen
            parameter.requires_grad_(not stands)
        self.train(self.training)

    def train(self, mode: bool = True) -> Stack:
        super().train(mode)
        for module in (*(self.parts[name] for name in self.frozen), *self.still):
            module.eval()
        return self

    def keep_statistics(self, names: Iterable[str]) -> None:
        """Batch norms of these stages work by the statistics that they have, as in use, and not by
        those of a batch."""
        parts = [self.parts[name] for name in names]
        self.still = [m for part in parts for m in part.modules() if isinstance(m, NORMS)]
        self.train(self.training)

    def forward(self, x: torch.Tensor, start: int = 0) -> torch.Tensor:
        """From images to the last stage's output, or from what the stage before `start` gave."""
        for name, part in list(self.parts.items())[start:]:
            if name in self.frozen:
                with torch.no_grad():
                    x = part(x).detach()
            else:
                x = part(x)
        return x


def groups_of(parts: Mapping[str, nn.Module], decay: float) -> list[dict[str, Any]]:
    """Two groups for each part by name: weights, and what is not to decay (norms and biases).

    A group's `share` multiplies the rate that the schedule gives for its part.
    """
    groups = []
    for name, part in parts.items():
        free = [p for p in part.parameters() if p.requires_grad]
        weights = [p for p in free if p.ndim > 1]
        others = [p for p in free if p.ndim <= 1]
        same = {"stage": name, "share": 1.0}
        groups.append({"params": weights, "weight_decay": decay, **same})
        groups.append({"params": others, "weight_decay": 0.0, **same})
    return [g for g in groups if g["params"]]


def adamw(parts: Mapping[str, nn.Module], decay: float) -> torch.optim.AdamW:
    return torch.optim.AdamW(groups_of(parts, decay), fused=True)


def sgd(parts: Mapping[str, nn.Module], decay: float) -> torch.optim.SGD:
    """Nesterov momentum 0.9. The rate is set by the loop before each step."""
    return torch.optim.SGD(groups_of(parts, decay), lr=0.0, momentum=0.9, nesterov=True)


class Schedule(ABC):
    """The learning rate of each stage at each of `total` steps, and which are frozen then."""

    total: int

    @abstractmethod
    def at(self, position: int, stage: str = "") -> float: ...

    def frozen(self, position: int) -> frozenset[str]:
        """The stages that stand still in a step."""
        return frozenset()


@dataclass
class Cosine(Schedule):
    """The same rate for all: linear warm-up to `rate`, then half a cosine to 0 at `total`."""

    rate: float
    warmup: int
    total: int

    def at(self, position: int, stage: str = "") -> float:
        if position < self.warmup:
            return self.rate * (position + 1) / self.warmup
        share = (position - self.warmup) / max(1, self.total - self.warmup)
        return self.rate * (1 + math.cos(math.pi * min(1.0, share))) / 2


@dataclass
class Training:
    """What is trained, how far it is, and all that a checkpoint holds; `group` is who trains it."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: Schedule
    position: int = 0
    group: Group = ALONE

    def save(self, path: Path, **notes: Any) -> None:
        """Writes a checkpoint under another name first, so that a crash leaves the one before.

        Raises Diverged, and keeps the one before, where a weight is no number.
        """
        check(self.network.state_dict().values())
        write_state({**self.state(), "notes": notes}, path)

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "position": self.position,
            "random": torch.get_rng_state(),
        }

    def load(self, path: Path) -> dict[str, Any]:
        """Goes on from a checkpoint; returns its notes. Raises UnusableWeights if it is broken."""
        try:
            state = read_state(path)
            notes = state["notes"]
            self.restore(state)
        except BROKEN as error:
            pass_on(error)
            raise UnusableWeights(
                f"The checkpoint {path.name} can't be read or is of another network. "
                "Remove it to start from the beginning."
            ) from error
        return notes

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `state` gave. Raises one of `BROKEN`."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        position = state["position"]
        if type(position) is not int or position < 0:
            raise ValueError(f"the position is {position}")
        torch.set_rng_state(state["random"])
        self.position = position

    # With others: the leader says which step comes, the others follow.

    def share(self) -> None:
        """Gives all others the state as it is here."""
        if self.group.size > 1:
            self.group.say(TAKES)
            self.group.send(packed(self.state()))

    def lead(self, positions: Iterable[int]) -> Iterator[int]:
        """Has all others learn the same steps."""
        for position in positions:
            self.group.say(STEPS)
            yield position

    def follow(self) -> Iterator[int]:
        """The positions that the leader says, to its end; what it shares is taken over."""
        while (word := self.group.hear()) != ENDS:
            if word == STEPS:
                yield self.position
            else:
                self.restore(unpacked(bytes(self.group.receive())))


def whole(batch: Any) -> Sequence[Any]:
    return (batch,)


def train(
    training: Training,
    batches: Iterable[Any],
    predict: Callable[[Any], Any],
    loss: Callable[[Any, Any], tuple[torch.Tensor, dict[str, float]]],
    parts: Callable[[Any], Sequence[Any]] = whole,
) -> Iterator[Step]:
    """One pass over `batches`; a Step after each. `loss` gives the sum and its parts by name.

    A batch may be learnt in several `parts` (the same images by several subnets), one after the
    other: gradients and figures are averaged. Raises Diverged before a loss that is NaN or infinite
    changes any weight. With others, the loss is of the whole batch, of which each has a part.
    """
    optimiser, schedule = training.optimiser, training.schedule
    training.network.train()
    for batch in batches:
        rate = steer(training)
        optimiser.zero_grad()
        shown, figures = parts(batch), []
        for part in shown:
            value, found = loss(predict(part), part)
            check([value])
            (value / len(shown)).backward()
            figures.append(found)
        training.group.add_gradients(training.network)
        optimiser.step()
        training.position += 1
        mean = {name: sum(f[name] for f in figures) / len(figures) for name in figures[0]}
        yield Step(training.position, schedule.total, {**mean, "rate": rate})


def steer(training: Training) -> float:
    """Sets the rates of the step to come, and freezes what its schedule says; returns the highest.

    A frozen stage gets no gradients, so the optimiser passes it over; what it remembered of the
    stage is dropped.
    """
    network, frozen = training.network, training.schedule.frozen(training.position)
    if isinstance(network, Stack) and frozen != network.frozen:
        network.freeze(frozen)
    for group in training.optimiser.param_groups:
        group["lr"] = training.schedule.at(training.position, group["stage"]) * group["share"]
        if group["stage"] in frozen:
            for parameter in group["params"]:
                training.optimiser.state.pop(parameter, None)
    return max(group["lr"] for group in training.optimiser.param_groups)


def check(values: Iterable[torch.Tensor]) -> None:
    """Raises Diverged where a loss or a weight is no number."""
    if not all(value.isfinite().all() for value in values):
        raise Diverged(
            "Training diverged: the loss became infinite, so it stopped. The last good checkpoint "
            "is kept: go on from it with a lower learning rate."
        )

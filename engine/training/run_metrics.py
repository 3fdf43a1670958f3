"""What is counted in a run: losses, times, what freezing saved."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch
from torch import nn

from engine.training.loop import Stack

SECONDS_BETWEEN_UPDATES = 1.0


@dataclass
class RunMetrics:
    """What a run has measured so far; plain values, kept in its checkpoints.

    `full_seconds` and `full_flops` are of one step in which nothing is frozen: the mean of such
    steps in the run, `free_steps` of them, or a trial before it where there are none.
    """

    full_seconds: float = 0.0
    free_steps: int = 0
    free_seconds: float = 0.0
    full_flops: float = 0.0
    seconds: float = 0.0
    flops: float = 0.0
    epochs: list[dict[str, float]] = field(default_factory=list)
    steps: dict[str, list[float]] = field(
        default_factory=lambda: {"step": [], "seconds": [], "loss": [], "accuracy": []}
    )
    best: dict[str, float] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)

    def saved(self, steps: int) -> dict[str, float]:
        """Seconds and FLOPs that `steps` steps would have taken more with nothing frozen."""
        return {
            "seconds": self.full_seconds * steps - self.seconds,
            "flops": self.full_flops * steps - self.flops,
        }


class UpdateTracker:
    """How far each stage's weights moved since it was last asked, at most once a second."""

    def __init__(self) -> None:
        self.before: list[torch.Tensor] = []
        self.clock = 0.0

    def of(self, stack: Stack) -> tuple[float, ...]:
        """A share of the weights' size for each stage; empty where it is too early to say."""
        now = training_clock()
        if self.before and now - self.clock < SECONDS_BETWEEN_UPDATES:
            return ()
        weights = [flat(part) for part in stack.parts.values()]
        before, self.before, self.clock = self.before, weights, now
        pairs = zip(weights, before, strict=False)
        return tuple(float((w - b).norm() / b.norm().clamp_min(1e-12)) for w, b in pairs)


def flat(part: nn.Module) -> torch.Tensor:
    """All parameters of a part as one copy."""
    parts = [p.detach().flatten() for p in part.parameters()]
    return torch.cat(parts) if parts else torch.zeros(1)


def training_clock() -> float:
    return time.perf_counter()

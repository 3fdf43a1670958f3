"""Processes that train one network together, each on its part of the same batch.

Which images are in a batch depends on the seed and the position alone, so the number of processes
changes neither the batch nor the rate. Each shows its part to the network, and gets what the other
parts gave: the loss is of the whole batch, and the same number everywhere. Backward, each part's
share of the gradients is computed where the part is, and they are added before the step (as in
PyTorch's DistributedDataParallel, but for sums in the place of means: the loss is whole already).

One process alone is `ALONE`, for which all of this is nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from engine.errors import ProcessLost, Refused
from engine.system.words import plural

ENDS, STEPS, TAKES = range(3)
"""What the leader says to the others: it is over; learn the next batch; take what I send."""
PIECE = 1 << 26
"""Bytes that are sent at a time."""
BY_GLOO = re.compile(r"\[\S*gloo/transport/\S+:\d+\]")
"""How the error of a connection begins that broke off: gloo has no class of its own for it."""


@dataclass(frozen=True)
class Group:
    """The processes, and which of them this one is. The leader has the project.

    `started` as a group, though others may have gone or not have come: one process then computes
    as several do.
    """

    place: int = 0
    size: int = 1
    leader: int = 0
    started: bool = False

    @property
    def leads(self) -> bool:
        return self.place == self.leader

    def check(self, batch: int) -> None:
        """Raises Refused where a batch is too small to be shared."""
        if batch < 2 * self.size:
            raise Refused(
                f"A batch of {batch} images can't be shared by {self.size} processes: each needs "
                "two at least. Set a larger batch, or start fewer processes."
            )

    def own(self, count: int) -> slice:
        """Which of `count` images of a batch are this process's part: parts differ by one at most,
        and follow each other."""
        each, more = divmod(count, self.size)
        begin = self.place * each + min(self.place, more)
        return slice(begin, begin + each + (self.place < more))

    def whole(self, part: Tensor, count: int) -> Tensor:
        """What all processes made of a batch of `count` images, in its order, from what this one
        made of its own; where each image is there k times (k x count, ...), all first ones first.

        A gradient goes back to the own part alone: all processes have the same loss.
        """
        if self.size == 1:
            return part
        found: Tensor = Whole.apply(part, self, count)
        return found

    def whole_batch(self, count: int) -> AbstractContextManager[Any]:
        """Within it, norms and dropout work as if the whole batch were here."""
        if not self.started:
            return nullcontext()
        from engine.training.distributed.whole_batch import WholeBatch

        return WholeBatch(self, count)

    def add_gradients(self, network: nn.Module) -> None:
        """Gives all processes the sum of their gradients."""
        if self.size == 1:
            return
        found = [p.grad for p in network.parameters() if p.grad is not None]
        if not found:
            return
        flat = self.sum(torch.cat([gradient.flatten() for gradient in found]))
        parts = flat.split([gradient.numel() for gradient in found])
        for gradient, part in zip(found, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def sum(self, values: Tensor) -> Tensor:
        """The sum of all processes' values, the same bits in each."""
        there = values.device.type in ("cpu", "cuda")  # others go by way of the processor
        sent = values.contiguous() if there else values.cpu()
        with with_others():
            dist.all_reduce(sent)
        return sent.to(values.device)

    # What the leader says.

    def say(self, word: int) -> None:
        """Says one of the words above to all others."""
        if self.size > 1:
            self.pass_on(torch.tensor([word]))

    def hear(self) -> int:
        """What the leader says next. Waits for it."""
        word = torch.zeros(1, dtype=torch.long)
        self.pass_on(word)
        return int(word)

    def pass_on(self, values: Tensor) -> None:
        """Gives all others the leader's values."""
        with with_others():
            dist.broadcast(values, self.leader)

    def send(self, content: bytes | memoryview) -> None:
        """Sends bytes to all others, who wait for them in `receive`."""
        view = memoryview(content).cast("B")
        self.pass_on(torch.tensor([len(view)]))
        for at in range(0, len(view), PIECE):
            piece = bytearray(view[at : at + PIECE])
            self.pass_on(torch.frombuffer(piece, dtype=torch.uint8))

    def receive(self) -> bytearray:
        length = torch.zeros(1, dtype=torch.long)
        self.pass_on(length)
        content = bytearray(int(length))
        for at in range(0, len(content), PIECE):
            piece = memoryview(content)[at : at + PIECE]
            self.pass_on(torch.frombuffer(piece, dtype=torch.uint8))
        return content

    def any(self, mine: bool) -> bool:
        """Whether it is so in any of the processes."""
        return bool(self.sum(torch.tensor([int(mine)])) > 0)


ALONE = Group()


def other_processes(before: int) -> str:
    """What to say of a training that goes on with another number of processes."""
    return (
        f"Up to here it was trained by {plural(before, 'process')}: what comes of it will be the "
        "same but for rounding, not to the last bit."
    )


@contextmanager
def with_others() -> Iterator[None]:
    """Raises ProcessLost where one of the others is gone; what else goes wrong is passed on."""
    try:
        yield
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or BY_GLOO.match(str(error))):
            raise
        raise ProcessLost(
            "One of the processes that train together is gone. All go on from the last checkpoint."
        ) from error


class Whole(torch.autograd.Function):
    """See Group.whole."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, group: Group, count: int) -> Tensor:
        own = group.own(count)
        times = len(part) // (own.stop - own.start)
        ctx.own, ctx.times, ctx.count = own, times, count
        whole = part.new_zeros((times, count, *part.shape[1:]))
        whole[:, own] = part.view(times, -1, *part.shape[1:])
        return group.sum(whole).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        each = gradient.view(ctx.times, ctx.count, *gradient.shape[1:])
        return each[:, ctx.own].flatten(0, 1), None, None

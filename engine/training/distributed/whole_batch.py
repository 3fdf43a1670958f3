"""What in a network looks at all images of a batch, done over the parts of several processes.

A batch norm takes its statistics from the batch, and dropout draws for all of it. PyTorch's own
synchronised norm wants graphics cards, and its layers have to be put into the network and taken out
again; here the functions that layers call are met on the way (torch.overrides), in any network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from engine.training.distributed.group import Group


class WholeBatch(TorchFunctionMode):
    """Within it, norms and dropout work as if all `count` images of the batch were here."""

    def __init__(self, group: Group, count: int) -> None:
        super().__init__()
        self.group, self.count = group, count
        self.instead: dict[Any, Callable[..., Any]] = {
            F.batch_norm: self.batch_norm,
            F.dropout: self.dropout,
            Tensor.bernoulli_: self.bernoulli_,
        }

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return self.instead.get(func, func)(*args, **(kwargs or {}))

    def batch_norm(
        self,
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """As torch.nn.functional.batch_norm, over all parts of the batch."""
        if not training:
            return F.batch_norm(input, running_mean, running_var, weight, bias, False, 0.0, eps)
        found = SharedNorm.apply(input, weight, bias, eps, self.group)
        normalised, mean, variance, count = found
        if running_mean is not None and running_var is not None:
            with torch.no_grad():
                unbiased = variance * (count / (count - 1))
                running_mean.mul_(1 - momentum).add_(mean.to(running_mean), alpha=momentum)
                running_var.mul_(1 - momentum).add_(unbiased.to(running_var), alpha=momentum)
        return normalised

    def dropout(
        self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        """Draws for the whole batch, as one process does, and takes what is for the own part."""
        if not training or not p:
            return input
        factors = F.dropout(input.new_ones(self.all(input)), p)
        return input * self.part(factors)

    def bernoulli_(self, into: Tensor, p: Any = 0.5, **more: Any) -> Tensor:
        """What is drawn for each image, as by stochastic depth, is drawn for the whole batch."""
        if isinstance(p, Tensor) or not into.ndim:
            return into.bernoulli_(p, **more)
        return into.copy_(self.part(into.new_empty(self.all(into)).bernoulli_(p, **more)))

    def all(self, part: Tensor) -> tuple[int, ...]:
        """The shape of what is `part` here, of the whole batch."""
        own = self.group.own(self.count)
        return (len(part) // (own.stop - own.start) * self.count, *part.shape[1:])

    def part(self, whole: Tensor) -> Tensor:
        """The own rows of (k x count, ...)."""
        own = self.group.own(self.count)
        return whole.view(-1, self.count, *whole.shape[1:])[:, own].flatten(0, 1)


class SharedNorm(torch.autograd.Function):
    """A batch norm by the statistics of all processes' parts (n, c, ...).

    Gives what is normalised, mean and biased variance (c,) in float64, and how many values there
    were of each channel. Backward as in Ioffe & Szegedy 2015, section 3, with sums over all parts.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, group: Group
    ) -> tuple[Tensor, Tensor, Tensor, float]:
        kind = torch.promote_types(x.dtype, torch.float32)
        here = x.numel() // x.shape[1]
        mean, variance = (each.double() for each in statistics(x.to(kind)))
        sums, squares = mean * here, (variance + mean.square()) * here
        found = torch.cat([sums.new_tensor([float(here)]), sums, squares])
        found = group.sum(found)
        count, (sums, squares) = float(found[0]), found[1:].chunk(2)
        mean64 = sums / count
        variance = (squares / count - mean64.square()).clamp_min(0)
        mean, scale = mean64.to(kind), (variance + eps).rsqrt().to(kind)
        ctx.save_for_backward(x, weight, mean, scale)
        ctx.count, ctx.group = count, group
        ctx.mark_non_differentiable(mean64, variance)
        y = F.batch_norm(x, mean, variance.to(kind), weight, bias, False, 0.0, eps)
        return y, mean64, variance, count

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        x, weight, mean, scale = ctx.saved_tensors
        given = as_rows(gradients[0].to(mean.dtype))
        centred = (as_rows(x.to(mean.dtype)) - mean) * scale
        of_bias, of_weight = given.sum(0), (given * centred).sum(0)
        sums = ctx.group.sum(torch.cat([of_bias, of_weight]).double()) / ctx.count
        first, second = sums.to(mean.dtype).chunk(2)
        scaled = scale if weight is None else scale * weight.to(mean.dtype)
        back = (given - first - centred * second) * scaled
        found = as_before(back, x).to(x.dtype)
        if weight is None:
            return found, None, None, None, None
        return found, of_weight.to(weight.dtype), of_bias.to(weight.dtype), None, None


def statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance (c,) of each channel, as PyTorch's own norm computes them.

    With channels last it adds single numbers one after the other, and is off in the fifth digit;
    what is computed more exactly would differ from a run in one process by so much. There each
    thread adds one part, as here each process.
    """
    if x.device.type == "cpu":
        mean, variance = torch.batch_norm_update_stats(x, None, None, 0.0)
        return mean, variance
    variance, mean = torch.var_mean(x, [axis for axis in range(x.ndim) if axis != 1], correction=0)
    return mean, variance


def as_rows(x: Tensor) -> Tensor:
    """(n, c, ...) as (values, c): without a copy where channels are last in memory."""
    return x.movedim(1, -1).reshape(-1, x.shape[1])


def as_before(rows: Tensor, x: Tensor) -> Tensor:
    """What `as_rows` made of something with the shape of x, in that shape."""
    shape = (x.shape[0], *x.shape[2:], x.shape[1])
    return rows.view(shape).movedim(-1, 1)

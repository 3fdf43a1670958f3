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
        kind = torch.promote_types(input.dtype, torch.float32)
        ones = torch.ones(input.shape[1], dtype=kind, device=input.device)
        scale, shift = (ones, ones * 0) if weight is None or bias is None else (weight, bias)
        found = SharedNorm.apply(input, scale, shift, eps, self.group)
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
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, group: Group
    ) -> tuple[Tensor, Tensor, Tensor, float]:
        """Sums in float64; `x` and what is normalised are float32 (n, c, ...)."""
        here, sums, squares = sums_of(x)
        found = group.sum(torch.cat([sums.new_tensor([float(here)]), sums, squares]))
        count, (sums, squares) = float(found[0]), found[1:].chunk(2)
        mean = sums / count
        variance = (squares / count - mean.square()).clamp_min(0)
        kind = weight.dtype
        ctx.save_for_backward(x, weight, mean.to(kind), variance.to(kind))
        ctx.eps, ctx.count, ctx.group = eps, count, group
        ctx.mark_non_differentiable(mean, variance)
        y = F.batch_norm(x, mean.to(kind), variance.to(kind), weight, bias, False, 0.0, eps)
        return y, mean, variance, count

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        """As in eval mode, whose statistics stand still, and then what comes by way of those: for
        each channel a constant, and a multiple of x."""
        x, weight, mean, variance = ctx.saved_tensors
        back, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradients[0], x, weight, mean, variance, None, None, False, ctx.eps, [True] * 3
        )
        sums = ctx.group.sum(torch.cat([of_bias, of_weight]).double()) / ctx.count
        first, second = sums.chunk(2)
        scale = (variance.double() + ctx.eps).rsqrt()
        factor = -weight.double() * scale.square() * second
        constant = -weight.double() * scale * first - factor * mean.double()
        shape = (1, -1) + (1,) * (x.ndim - 2)
        factor, constant = (each.to(weight.dtype).view(shape) for each in (factor, constant))
        found = torch.addcmul(back + constant, x, factor)
        return found.to(x.dtype), of_weight, of_bias, None, None


ADDED = 4096
"""Numbers that PyTorch's norm may add one after the other: with channels last it does so in float32
over the whole batch, which is off in the sixth digit, and in another way with each count of threads
(and with half of the images)."""


def sums_of(x: Tensor) -> tuple[int, Tensor, Tensor]:
    """How many values each channel of (n, c, ...) has, their sums and those of their squares, in
    float64 (c,)."""
    each = x[0].numel() // x.shape[1]
    few = max(1, ADDED // each)
    sums = squares = torch.zeros(x.shape[1], dtype=torch.float64, device=x.device)
    for part in x.to(torch.promote_types(x.dtype, torch.float32)).split(few):
        count = len(part) * each
        if x.device.type == "cpu":
            mean, variance = torch.batch_norm_update_stats(part, None, None, 0.0)
        else:
            axes = [axis for axis in range(x.ndim) if axis != 1]
            variance, mean = torch.var_mean(part, axes, correction=0)
        mean, variance = mean.double(), variance.double()
        sums = sums + mean * count
        squares = squares + (variance + mean.square()) * count
    return len(x) * each, sums, squares

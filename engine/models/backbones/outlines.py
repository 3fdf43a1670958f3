"""Networks without numbers: their shapes alone, or memory that a file's weights will fill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch.overrides import TorchFunctionMode


class WithoutRandom(TorchFunctionMode):
    """Networks are built without drawing the numbers that a file's weights replace.

    A large transformer is there in 2 s instead of 15 s.
    """

    left_out: ClassVar[frozenset[str]] = frozenset(
        ("normal_", "uniform_", "erfinv_", "trunc_normal_")
    )

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in self.left_out:
            given = args[0] if args else kwargs["tensor"]
            # A bounded draw begins with this one, and repeats it until all numbers are within: of
            # what happens to lie in memory that may be never.
            if name == "normal_" and not given.is_meta:
                given.detach().zero_()
            return given
        return func(*args, **(kwargs or {}))


class WithoutNumbers(WithoutRandom):
    """Nothing is written into the memory of weights at all. On the device "meta" there is none, and
    what would write there imports PyTorch's compiler, which takes a second of each process."""

    left_out = WithoutRandom.left_out | {
        *("kaiming_normal_", "kaiming_uniform_", "xavier_normal_", "xavier_uniform_"),
        *("constant_", "ones_", "zeros_"),
    }


@contextmanager
def outlined() -> Iterator[None]:
    """Networks that are built inside have shapes and take no memory."""
    with torch.device("meta"), WithoutNumbers():
        yield

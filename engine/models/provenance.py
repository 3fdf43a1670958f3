"""Which network a file of weights began with, as its facts say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError

from engine.errors import BadSetting, UnusableWeights

BROKEN = (
    SafetensorError,
    RuntimeError,
    LookupError,
    ValueError,
    OverflowError,
    OSError,
    BadSetting,
    TypeError,
    AttributeError,
    UnusableWeights,
)
"""What comes of a file that was cut short, or that is of something else."""


def facts_in(content: bytes) -> dict[str, str]:
    """The texts in a safetensors file that is in memory. Raises ValueError where it is cut."""
    length = int.from_bytes(content[:8], "little")
    return dict(json.loads(content[8 : 8 + length]).get("__metadata__", {}))


def check_numbers(name: str, state: Mapping[str, torch.Tensor]) -> None:
    broken = [name for name, tensor in state.items() if not tensor.isfinite().all()]
    if broken:
        raise UnusableWeights(f"The weights {name} hold values that are no number: {broken[0]}.")


@dataclass(frozen=True)
class Origin:
    """Where a subnet came from: the supernet as a project names it, its digest and its terms.

    `backbone`, `weights` and `size` are the project's facts while it used the supernet, from which
    it can be loaded again.
    """

    backbone: str
    weights: str
    size: int
    digest: str
    licence: str


def origin_of(facts: Mapping[str, object]) -> Origin:
    """From the facts of a subnet's backbone."""
    found: dict[str, Any] = {
        name: str(facts[f"origin_{name}"]) for name in Origin.__dataclass_fields__
    }
    return Origin(**{**found, "size": int(found["size"])})

"""What a network's elastic form needs to be known of it, measured once on a person's images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import safetensors.torch
from torch import Tensor

from engine.models.provenance import BROKEN, facts_in

SHORT = 12
"""Digits that name an image among a project's."""
MOST_OF = 0.5


@dataclass(frozen=True)
class Calibration:
    """In which order each block gives up channels, and what the features lose at each share.

    `orders` are int64 (width,) by place; `errors` are by place and share (see passes.py). `images`
    names those that it was measured on.
    """

    orders: Mapping[str, Tensor]
    errors: Mapping[str, Mapping[float, float]]
    images: frozenset[str] = frozenset()

    @property
    def places(self) -> list[str]:
        return list(self.errors)

    def fits(self, hashes: Sequence[str], share: float = MOST_OF) -> bool:
        """Whether it was measured on so many of these images, most of them unless it is said: those
        of another kind need others."""
        there = sum(sha256[:SHORT] in self.images for sha256 in hashes)
        return there >= share * len(hashes)

    def content(self) -> bytes:
        """As the bytes of a file."""
        told = [[place, [[s, e] for s, e in of.items()]] for place, of in self.errors.items()]
        texts = {"errors": json.dumps(told), "images": " ".join(sorted(self.images))}
        return safetensors.torch.save(dict(self.orders), texts)

    @classmethod
    def parse(cls, content: bytes) -> Calibration | None:
        """From what `content` gave; None where that is damaged: it is measured again."""
        try:
            texts = facts_in(content)
            told, images = json.loads(texts["errors"]), frozenset(texts["images"].split())
            errors = {str(place): {float(s): float(e) for s, e in of} for place, of in told}
            orders = safetensors.torch.load(content)
        except BROKEN:
            return None
        return cls(orders, errors, images) if set(orders) == set(errors) else None

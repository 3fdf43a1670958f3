"""The heads that learners make: features (batch, views, width) to logits (batch, classes)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize


def logits_of(head: nn.Module, features: Tensor, batch: int = 256) -> Tensor:
    """The head's logits (images, classes) for features (images, views, width), batch by batch."""
    with torch.inference_mode():
        return torch.cat([head(part) for part in features.split(batch)])


class Linear(nn.Module):
    """One weight row and one bias for each class; the views of an image are averaged.

    With `unit`, features are scaled to length 1 first.
    """

    def __init__(self, weight: Tensor, bias: Tensor, unit: bool = False) -> None:
        super().__init__()
        self.unit = unit
        self.weight: Tensor
        self.bias: Tensor
        self.register_buffer("weight", weight.float())
        self.register_buffer("bias", bias.float())

    @classmethod
    def between_means(cls, weight: Tensor, m: Tensor, unit: bool = False) -> Linear:
        """Logits w_k.(x - (m_k + o) / 2), where w_k = P (m_k - o) and o is the mean of means.

        They are P m_k.x - m_k.P m_k / 2 less a number that all classes share: the same class wins
        with the same probability, and the logits stay small enough for float32.
        """
        return cls(weight, -(weight * (m + m.mean(dim=0)) / 2).sum(dim=1), unit)

    def forward(self, features: Tensor) -> Tensor:
        x = features.mean(dim=1)
        return (normalize(x) if self.unit else x) @ self.weight.T + self.bias


class RandomRelu(nn.Module):
    """relu(x W) Q: random features, then one weight column for each class."""

    def __init__(self, projection: Tensor, weight: Tensor) -> None:
        super().__init__()
        self.projection: Tensor
        self.weight: Tensor
        self.register_buffer("projection", projection.float())
        self.register_buffer("weight", weight.float())

    def forward(self, features: Tensor) -> Tensor:
        return (features.mean(dim=1) @ self.projection).relu() @ self.weight


class Chosen(nn.Module):
    """A head with some of its classes: those that the project still has."""

    def __init__(self, head: nn.Module, places: Sequence[int]) -> None:
        super().__init__()
        self.head = head
        self.places: Tensor
        self.register_buffer("places", torch.tensor(places))

    def forward(self, features: Tensor) -> Tensor:
        return self.head(features).index_select(1, self.places)


def roots(features: Tensor) -> Tensor:
    """Signed square roots at length 1 of features (images, views, width), the views averaged
    before: (images, 1, width), of the features' own type."""
    x = features.mean(dim=1, keepdim=True)
    return normalize(x.sign() * x.abs().sqrt(), dim=2)


class Roots(nn.Module):
    """`roots` as a part of a head."""

    def forward(self, features: Tensor) -> Tensor:
        return roots(features)

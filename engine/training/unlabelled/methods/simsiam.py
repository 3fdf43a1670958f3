"""SimSiam (Chen & He 2021, "Exploring Simple Siamese Representation Learning").

Two views of an image, x1 and x2, go through the network and a projector: z1, z2. A predictor h has
to say from one what the other is: p1 = h(z1) is compared with z2, from which no gradient flows
(algorithm 1). The stop-gradient is what keeps all outputs from becoming the same (section 4.1); no
negative images and no large batches are needed (section 4.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.training.unlabelled.method import UnlabelledMethod, layers
from engine.training.unlabelled.methods import METHODS

NARROW = 4
"""The predictor's hidden layer is so much narrower than its outputs (section 3)."""


@METHODS.register("simsiam", "SimSiam")
@dataclass
class SimSiam(UnlabelledMethod):
    """One view of an image is to say what another one shows; fits small batches."""

    outputs: ClassVar[int] = 2

    def head(self, width: int) -> nn.Module:
        return Siamese(width, self.projection)

    def compare(self, one: Tensor, other: Tensor) -> Tensor:
        (z1, p1), (z2, p2) = one.chunk(2, dim=1), other.chunk(2, dim=1)
        return D(p1, z2) / 2 + D(p2, z1) / 2


class Siamese(nn.Module):
    """Projector and predictor: features (n, width) to z and p side by side, (n, 2 d)."""

    def __init__(self, width: int, d: int) -> None:
        super().__init__()
        self.projector = nn.Sequential(*layers(width, d, d, d)[:-1])
        self.predictor = nn.Sequential(*layers(d, d // NARROW), nn.Linear(d // NARROW, d))

    def forward(self, features: Tensor) -> Tensor:
        z = self.projector(features)
        return torch.cat([z, self.predictor(z)], dim=1)


def D(p: Tensor, z: Tensor) -> Tensor:
    """The negative cosine of what was predicted and what is there, (n, d) each; to z no gradient
    flows."""
    return -F.cosine_similarity(p, z.detach(), dim=1).mean()

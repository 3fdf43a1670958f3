"""VICReg (Bardes, Ponce & LeCun 2022, "Variance-Invariance-Covariance Regularization").

Outputs Z, Z' (n, d) of two views of the same images are to be alike (invariance), while each of
their dimensions keeps a standard deviation of 1 over the batch (variance) and no two of them tell
the same (covariance). The variance term alone keeps them from becoming all the same; neither a
stop-gradient nor a predictor is needed (equations 1 to 6). As in the published code, invariance is
also divided by d, and variance is the mean of both views: the weights 25, 25 and 1 are for these.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.registry import setting
from engine.training.unlabelled.method import UnlabelledMethod, layers
from engine.training.unlabelled.methods import METHODS

GAMMA, EPSILON = 1.0, 1e-4


@METHODS.register("vicreg", "VICReg")
@dataclass
class VICReg(UnlabelledMethod):
    """Views of an image are to be alike, while images stay spread out; fits small batches."""

    lr: float = setting(
        0.001, "The highest learning rate.", least=0, most=100, label="Learning rate"
    )
    invariance: float = setting(
        25.0, "How much it counts that two views are alike.", least=0, most=1000
    )
    variance: float = setting(
        25.0, "How much it counts that images stay spread out.", least=0, most=1000
    )
    covariance: float = setting(
        1.0, "How much it counts that no two outputs tell the same.", least=0, most=1000
    )

    def head(self, width: int) -> nn.Module:
        d = self.projection
        return nn.Sequential(*layers(width, d, d), nn.Linear(d, d))

    def compare(self, one: Tensor, other: Tensor) -> Tensor:
        alike = F.mse_loss(one, other)
        spread = (v(one) + v(other)) / 2
        apart = c(one) + c(other)
        return self.invariance * alike + self.variance * spread + self.covariance * apart


def v(Z: Tensor) -> Tensor:
    """The hinge on the standard deviation of each dimension of Z (n, d): equations 1 and 2."""
    S = (Z.var(dim=0) + EPSILON).sqrt()
    return F.relu(GAMMA - S).mean()


def c(Z: Tensor) -> Tensor:
    """The squares of covariances between dimensions of Z (n, d): equations 3 and 4."""
    n, d = Z.shape
    Z = Z - Z.mean(dim=0)
    C = Z.T @ Z / (n - 1)
    return (C.square().sum() - torch.diagonal(C).square().sum()) / d

"""Probabilities that know which classes are taken for which."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PENALTY = 30.0
"""Of what one class says of another. With 10 to 100 look_again's lists are as good."""
OF_BIAS = 0.1
"""What a class is given beforehand is penalised so much less."""
LEAST = -12.0
"""Logarithms of probabilities below this tell no more."""
WORK = 40_000_000
"""Images times classes squared: about two seconds of a core."""
EACH = 10
"""So many images for each class, at least, or nothing is fitted."""
ROUNDS, EXACT = 500, 1e-5
"""No more steps than this, and none after one that changes no coefficient by as much as this."""

Floats = NDArray[np.float64]


def recalibrated(logs: np.ndarray, truth: np.ndarray) -> Floats:
    """Logarithms of probabilities, fitted to the classes of the images: float64 (images, classes).

    Dirichlet calibration (Kull and others, Beyond temperature scaling: obtaining well-calibrated
    multi-class probabilities with Dirichlet calibration, NeurIPS 2019): multinomial logistic
    regression on `logs` (images, classes), which were found without each image, with classes at
    `truth`; what lies off a multiple of the identity, and the intercepts, are penalised (after
    their ODIR). A shirt that is half taken for a T-shirt is then no surprise, and one that is half
    taken for a shoe is. With too few images for so many classes `logs` come back as they are, their
    probabilities adding up to 1.
    """
    images, classes = logs.shape
    z = np.maximum(logs.astype(np.float64), LEAST)
    step = -(-images * classes**2 // WORK)
    if images < EACH * classes * max(step, 1):
        return log_softmax(z)
    x = np.c_[z - z.mean(axis=1, keepdims=True), np.ones(images)]
    return log_softmax(x @ fitted(x[::step], truth[::step]))


def fitted(x: Floats, y: np.ndarray) -> Floats:
    """The coefficients with the least penalised loss: (classes + 1, classes), the intercepts last.

    Each step goes to the minimum of a quadratic that lies above the loss everywhere, since the
    curvature is never more than X'X/2 (Böhning, Multinomial logistic regression algorithm, 1992);
    momentum that starts anew where it leads uphill (O'Donoghue and Candès, 2015) makes them fewer.
    """
    classes = x.shape[1] - 1
    wanted, identity = np.eye(classes)[y], np.eye(classes + 1, classes)
    penalty = 2 * PENALTY * np.r_[np.ones(classes), OF_BIAS][:, None]
    inverse = np.linalg.inv(x.T @ x / 2 + np.diag(penalty[:, 0]))
    best, ahead, momentum = identity, identity, 1.0
    for _ in range(ROUNDS):
        off = ahead - np.trace(ahead) / classes * identity
        slope = x.T @ (np.exp(log_softmax(x @ ahead)) - wanted) + penalty * off
        found = ahead - inverse @ slope
        change = found - best
        if np.abs(change).max() < EXACT and np.abs(found - ahead).max() < EXACT:
            return found
        if (slope * change).sum() > 0:
            momentum = 1.0
        further = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        best, ahead = found, found + (momentum - 1) / further * change
        momentum = further
    return best


def log_softmax(z: Floats) -> Floats:
    z = z - z.max(axis=1, keepdims=True, initial=LEAST)
    found: Floats = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return found

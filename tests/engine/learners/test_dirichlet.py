"""Probabilities that know which classes are taken for which, beside SciPy's minimum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from engine.learners.dirichlet import PENALTY, recalibrated


def answered(images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What a judge says who often takes the second class for the first, and never for the third."""
    rng = np.random.default_rng(seed)
    truth = np.arange(images) % 3
    toward = np.array([[3.0, 1.0, 0.0], [2.5, 2.0, 0.0], [0.0, 0.0, 2.0]])
    return log_softmax(toward[truth] + rng.standard_normal((images, 3)), axis=1), truth


def loss(logs: np.ndarray, truth: np.ndarray) -> float:
    return float(-logs[np.arange(len(truth)), truth].mean())


def test_it_is_the_least_penalised_loss() -> None:
    logs, truth = answered(120, 0)
    z = logs - logs.mean(axis=1, keepdims=True)

    def said(found: np.ndarray) -> np.ndarray:
        return log_softmax(z * found[0] + z @ found[1:10].reshape(3, 3) + found[10:], axis=1)

    def penalised(found: np.ndarray) -> float:
        off = (found[1:10] ** 2).sum() + 0.1 * (found[10:] ** 2).sum()
        return 120 * loss(said(found), truth) + PENALTY * off

    best = minimize(penalised, np.eye(1, 13)[0]).x
    np.testing.assert_allclose(recalibrated(logs, truth), said(best), atol=2e-3)


def test_what_is_usual_between_two_classes_is_less_of_a_surprise() -> None:
    logs, truth = answered(3000, 1)
    found = recalibrated(logs, truth)
    assert loss(found, truth) < loss(logs, truth) - 0.05
    as_first = (truth == 1) & (logs.argmax(axis=1) == 0)
    assert np.exp(found[as_first, 1]).mean() > np.exp(logs[as_first, 1]).mean() + 0.1
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1)


@pytest.mark.parametrize("images", [0, 2, 29])
def test_too_few_images_change_nothing(images: int) -> None:
    logs, truth = answered(images, 2)
    np.testing.assert_allclose(recalibrated(logs, truth), logs)

"""Conformal p-values, and a martingale that seldom raises a false alarm."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.learners import drift
from engine.learners.drift import (
    Metric,
    beginning,
    both_sides,
    martingale,
    p_values,
    passed,
    themselves,
    unlike,
)
from engine.learners.sums import FLOAT, ClassSums


def directions(rng: np.random.Generator, images: int, width: int = 5) -> np.ndarray:
    x = rng.normal(size=(images, width)) + 1
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize("known", [0, 1, 7])
def test_a_score_compares_an_image_with_all_others(known: int) -> None:
    """By the definition: 1 - cosine to each other image, summed."""
    u = directions(np.random.default_rng(1), 12)
    for n, scores in enumerate(unlike(u, known), known + 1):
        away = 1 - u[:n] @ u[:n].T
        np.fill_diagonal(away, 0)
        np.testing.assert_allclose(scores, away.sum(axis=1), atol=1e-12)
    assert n == 12


def test_the_share_of_greater_scores() -> None:
    """By hand: after 1 and 3 comes 2, of which one of three is greater, itself the tie; then 9."""
    rng = np.random.default_rng(0)
    ties = 1 - np.random.default_rng(0).random(2)
    p = p_values(themselves(np.array([1.0, 3.0, 2.0, 9.0]), 2), rng)
    np.testing.assert_allclose(p, [(1 + ties[0]) / 3, ties[1] / 4])
    same = p_values(themselves(np.ones(400), 1), np.random.default_rng(5))
    assert abs(same.mean() - 0.5) < 0.05, "equal scores are broken by chance"


def test_p_values_of_images_that_are_alike_are_uniform() -> None:
    """Their last few, over many streams: each tenth has a tenth of them, whatever the order."""
    found = []
    for seed in range(1500):
        rng = np.random.default_rng(seed)
        found.append(p_values(unlike(directions(rng, 14), 10), rng))
    p = np.array(found)
    for column in p.T:
        counts = np.histogram(column, 10, (0, 1))[0]
        assert np.abs(counts - 150).max() < 5 * np.sqrt(135)
    assert np.abs(np.corrcoef(p.T) - np.eye(4)).max() < 0.1, "and independent"
    assert np.abs(both_sides(p).mean() - 0.5) < 0.02


@pytest.mark.parametrize("goes_on", [False, True])
def test_the_martingale_is_the_mixture_of_all_bets(goes_on: bool) -> None:
    """By its definition: bets begun at each image with its share, and what is not bet yet."""
    p = np.random.default_rng(2).random(9)
    grown = martingale(p, goes_on)
    for n in range(1, 10):
        total = (n + 1) ** -0.5 if goes_on else (1 - n / 9) / 2
        for t in range(1, n + 1):
            won = [np.prod(e * p[t - 1 : n] ** (e - 1)) for e in drift.BETS]
            spread = t**-0.5 - (t + 1) ** -0.5
            total += np.mean(won) * (spread if goes_on else 1 / 18 + (t == 1) / 2)
        assert grown[n - 1] == pytest.approx(total)
    both = martingale(np.stack([p, p[::-1]]), goes_on)
    np.testing.assert_allclose(both, [grown, martingale(p[::-1], goes_on)])
    if goes_on:
        np.testing.assert_allclose(martingale(p[:5], True), grown[:5], err_msg="as it was then")


def test_no_bet_wins_on_average() -> None:
    """Each factor e p^(e-1) has the mean 1 over uniform p; so the whole has, at each image."""
    p = (np.arange(200_000) + 0.5) / 200_000
    for e in drift.BETS[1:]:
        assert np.mean(e * p ** (e - 1)) == pytest.approx(1, abs=0.02)
    ends = [martingale(np.random.default_rng(seed).random(3))[-1] for seed in range(20_000)]
    assert 0.8 < np.mean(ends) < 1.15


def test_alarms_without_drift_are_as_rare_as_was_set() -> None:
    bound, rate = 1 / 0.1, 0.1
    alarms = 0
    for seed in range(1000):
        p = np.random.default_rng(seed).random(150)
        alarms += passed(martingale(p), bound) is not None
    assert 0 < alarms <= rate * 1000


def test_looking_again_and_again_raises_no_more_alarms() -> None:
    """At a stream that goes on, after each image that came."""
    alarms = 0
    for seed in range(200):
        p = np.random.default_rng(seed).random(40)
        alarms += any(martingale(p[:n], True)[-1] >= 5 for n in range(1, 41))
    assert 0 < alarms <= 0.2 * 200


def test_what_few_images_can_show() -> None:
    """Against streams of the test itself: after how many images a change is noticed in 9 of 10."""
    having = [40], [0] * 41, False, False
    assert drift.needed([2], [0] * 41, False, False, 100, 1e6) is None
    assert drift.needed([40], [0, 0], False, False, 1e6, 1e6) is None, "two images can't show it"
    entire, clear = (drift.needed(*having, 100, shift) for shift in (1e6, 1.0))
    assert clear is None
    assert entire is not None
    assert drift.needed([300], [0] * 41, False, False, 100, 1.0) is not None
    both = [40, 40], [0, 1] * 41, True, False, 100, 2.2
    assert drift.needed(*both) is not None, "warmer light in 82 images, from the first one on"
    first = []
    for seed in range(100):
        rng = np.random.default_rng([1, seed])
        x = rng.normal(size=81)
        x[40:] += 1e6
        found = passed(martingale(p_values(themselves(x, 40), rng)), 100)
        first.append(np.inf if found is None else found + 1)
    assert abs(np.quantile(first, 0.9) - entire) <= 2


def test_a_change_is_found_and_placed() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=400)
    x[340:] += 3
    p = p_values(themselves(x, 100), rng)
    noticed = passed(martingale(p), 1 / 0.01)
    assert noticed is not None
    assert 240 < noticed < 255
    assert abs(beginning(p[: noticed + 1]) - 240) < 5
    assert passed(martingale(p[:240]), 1 / 0.01) is None


def test_numbers_stay_numbers() -> None:
    """A thousand images as unlike as can be; and none of the scores differs."""
    values = martingale(np.full(1000, 1e-9))
    assert np.isfinite(values).all()
    assert beginning(np.full(1000, 1e-9)) == 0
    assert both_sides(np.array([0.0, 1.0])).min() > 0


def test_a_metric_whitens_what_varies_inside_classes() -> None:
    """Against the covariance by numpy; without other classes it changes directions by nothing."""
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0), dtype=FLOAT)
    x *= torch.tensor([5.0, 1, 1, 1])
    sums = ClassSums()
    sums.add(1, 60, x.sum(dim=0))
    r = x - x.mean(dim=0)
    metric = Metric.of(sums, r.T @ r)
    covariance = np.cov(x.numpy().T, bias=True)
    covariance = (1 - drift.SHRINKAGE) * covariance + drift.SHRINKAGE * np.trace(
        covariance
    ) / 4 * np.eye(4)
    u, v = metric.directions(x[:2])
    a, b = (x[:2] - x.mean(dim=0)).numpy()
    inverse = np.linalg.inv(covariance)
    assert u @ v == pytest.approx(a @ inverse @ b / np.sqrt((a @ inverse @ a) * (b @ inverse @ b)))
    plain = Metric.of(ClassSums(), torch.zeros(4, 4, dtype=FLOAT)).directions(x[:1])[0]
    np.testing.assert_allclose(plain, (x[0] / x[0].norm()).numpy())

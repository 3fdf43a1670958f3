"""What to ask next, beside the plain greedy algorithm, and the forecast beside what comes of it."""

from __future__ import annotations

import numpy as np
import pytest

from engine.heap import forecast
from engine.heap.order import Herding, margin


def greedy(herding: Herding, cover: np.ndarray, u: np.ndarray, left: list[int]) -> list[int]:
    """The algorithm of the paper: all gains anew for each pick."""
    cover, left, picked = cover.astype(np.float64), list(left), []
    kernel = herding.kernel.astype(np.float64)
    among = list(left)
    while left:
        gains = [(u[among] * np.maximum(kernel[i][among] - cover[among], 0)).sum() for i in left]
        best = left[int(np.argmax(gains))]
        picked.append(best)
        cover = np.maximum(cover, kernel[best])
        left.remove(best)
    return picked


@pytest.mark.parametrize("seed", range(4))
def test_picks_are_those_of_the_plain_greedy_algorithm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 8)).astype(np.float32)
    herding = Herding(x)
    u = rng.random(60)
    waiting = np.flatnonzero(rng.random(60) < 0.8)
    cover = herding.covered(x[np.setdiff1d(np.arange(60), waiting)])
    found = herding.picks(cover, u, waiting, count=12)
    assert sorted(found) == waiting.tolist()
    assert found[:12].tolist() == greedy(herding, cover, u, waiting.tolist())[:12]


def test_what_is_learnt_covers_what_is_like_it() -> None:
    x = np.repeat(np.eye(3, dtype=np.float32) * 9, 5, axis=0)
    x += np.random.default_rng(0).normal(scale=0.1, size=x.shape).astype(np.float32)
    herding = Herding(x)
    cover = herding.covered(x[:2])
    assert cover[:5].min() > 0.9
    assert cover[5:].max() < 0.5
    ones = np.ones(15, np.float32)
    first = herding.picks(cover, ones, np.arange(2, 15), count=2)[:2]
    assert {place // 5 for place in first} == {1, 2}
    assert herding.covered(x[:0]).max() == 0


def test_margins_are_those_of_the_two_likeliest() -> None:
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], np.float32)
    assert margin(p) == pytest.approx([0.8, 0.3])
    assert margin(p[:, :1]).tolist() == [1, 1]


def test_the_forecast_keeps_its_word() -> None:
    """So many named, and the rest right as often as they say: as many right as wanted."""
    rng = np.random.default_rng(2)
    sure = rng.beta(3, 1, size=4000)
    count, least = forecast.keys_left(sure, others=50, done=450, wrong=20)
    accepted = sure[sure >= least]
    assert count == 4000 - len(accepted) + 50
    wrong = rng.random((200, len(accepted))) > accepted
    right = 1 - (20 + wrong.sum(axis=1)) / 4500
    assert right.mean() == pytest.approx(forecast.WANTED, abs=0.001)
    assert forecast.mistakes(accepted) == pytest.approx(wrong.sum(axis=1).mean(), rel=0.05)


def test_the_forecast_heeds_how_often_it_was_wrong() -> None:
    """Where three times as many are wrong as they say, as many are right as wanted all the same."""
    rng = np.random.default_rng(3)
    sure = rng.beta(9, 1, size=4000)
    count, least = forecast.keys_left(sure, off=3)
    accepted = sure[sure >= least]
    assert count == 4000 - len(accepted)
    wrong = rng.random((200, len(accepted))) < 3 * (1 - accepted)
    assert 1 - wrong.sum(axis=1).mean() / 4000 == pytest.approx(forecast.WANTED, abs=0.001)
    assert forecast.mistakes(accepted, 3) == pytest.approx(wrong.sum(axis=1).mean(), rel=0.05)


def test_where_nothing_is_sure_all_is_to_be_named() -> None:
    assert forecast.keys_left(np.zeros(30)) == (30, 1.0)
    assert forecast.keys_left(np.ones(30), others=3)[0] == 3
    assert forecast.keys_left(np.zeros(0)) == (0, 1.0)

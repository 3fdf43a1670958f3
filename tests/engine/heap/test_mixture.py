"""What images may be by how all of them lie: as the formula says, and better than by few alone."""

from __future__ import annotations

import numpy as np
import pytest

from engine.heap.mixture import SPREAD, Mixture
from engine.heap.near import basis_of
from engine.learners.principal import unit

CLASSES = (3, 5, 8)


def drawn(seed: int, each: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Features of three classes that differ along a few directions and vary along others."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(CLASSES, each))
    middles = np.zeros((9, 60))
    middles[list(CLASSES), :3] = 3 * np.eye(3)
    wide = np.concatenate([np.full(3, 0.5), np.full(5, 2.0), np.full(52, 0.3)])
    return (middles[y] + rng.normal(size=(len(y), 60)) * wide + 1).astype(np.float32), y


def made(x: np.ndarray, y: np.ndarray, named: list[int]) -> tuple[Mixture, np.ndarray]:
    basis = basis_of(x)
    mixture = Mixture(basis, basis.round(x), np.ones(len(x), bool))
    for number in CLASSES:
        mixture.take(number, x[[i for i in named if y[i] == number]])
    alive = np.ones(len(x), bool)
    alive[named] = False
    return mixture, alive


def first_of_each(y: np.ndarray, count: int) -> list[int]:
    return [int(i) for number in CLASSES for i in np.flatnonzero(y == number)[:count]]


def written_out(z: np.ndarray, y: np.ndarray, named: list[int]) -> np.ndarray:
    """The two formulae, image by image, in float64."""
    z = z.astype(np.float64)
    owned = [[z[i] for i in named if y[i] == number] for number in CLASSES]
    m = [sum(some) / np.linalg.norm(sum(some)) for some in owned]
    wide = [1.0] * len(CLASSES)
    for _ in range(10):
        come, wider = [sum(some) for some in owned], [1.0] * len(CLASSES)
        for i in range(len(z)):
            if i not in named:
                pairs = zip(wide, m, strict=True)
                parts = [w * np.exp(SPREAD * z[i] @ direction) for w, direction in pairs]
                for place in range(len(CLASSES)):
                    come[place] = come[place] + parts[place] / sum(parts) * z[i]
                    wider[place] += parts[place] / sum(parts)
        wide = wider
        m = [some / np.linalg.norm(some) for some in come]
    return np.array([[row @ direction for direction in m] for row in z])


def test_it_is_what_the_formulae_say() -> None:
    x, y = drawn(0, each=12)
    named = first_of_each(y, 2)
    mixture, alive = made(x, y, named)
    expected = written_out(mixture.z, y, named)
    np.testing.assert_allclose(mixture.cosines(CLASSES, alive), expected, atol=1e-4)


def test_what_waits_says_more_than_one_of_each() -> None:
    """One named image of each class, five draws: the nearest of them knows little."""
    gains = []
    for seed in range(5):
        x, y = drawn(seed)
        named = first_of_each(y, 1)
        mixture, alive = made(x, y, named)
        numbers = np.array(CLASSES)
        found = numbers[mixture.cosines(CLASSES, alive).argmax(axis=1)]
        nearest = numbers[(unit(x) @ unit(x[named]).T).argmax(axis=1)]
        gains.append(np.mean(found[alive] == y[alive]) - np.mean(nearest[alive] == y[alive]))
    assert np.mean(gains) > 0.15


def test_what_was_taken_back_leaves_no_trace() -> None:
    x, y = drawn(1)
    named = first_of_each(y, 3)
    mixture, alive = made(x, y, named)
    before = mixture.cosines(CLASSES, alive)
    mixture.take(5, x[40:50])
    mixture.take(5, x[40:50], -1)
    np.testing.assert_allclose(mixture.cosines(CLASSES, alive), before, atol=1e-5)


def test_a_named_image_is_asked_without_its_own_part() -> None:
    """Then it is less like its class; where it is the only one, and none waits, like nothing."""
    x, y = drawn(2)
    named = first_of_each(y, 2)
    mixture, alive = made(x, y, named)
    places = np.array([CLASSES.index(y[i]) for i in named])
    with_it = mixture.cosines(CLASSES, alive)[named]
    without = mixture.left_out(mixture.z[named], places, CLASSES, alive)
    own = np.arange(len(named)), places
    assert (without[own] < with_it[own]).all()
    others = np.ones_like(with_it, bool)
    others[own] = False
    np.testing.assert_allclose(without[others], with_it[others], atol=1e-6)
    mixture, alive = made(x, y, first_of_each(y, 1))
    alone = mixture.left_out(mixture.z[first_of_each(y, 1)], np.arange(3), CLASSES, alive & False)
    assert np.diagonal(alone) == pytest.approx(0, abs=1e-3)

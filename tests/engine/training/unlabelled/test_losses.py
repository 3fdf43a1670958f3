"""The losses of methods without classes, against small computations of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.training.unlabelled.method import spread
from engine.training.unlabelled.methods import METHODS


def outputs(seed: int, *shape: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=shape)).requires_grad_(True)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    pairs = zip(a, b, strict=True)
    return float(np.mean([x @ y / np.sqrt((x @ x) * (y @ y)) for x, y in pairs]))


def test_simsiam_compares_each_prediction_with_the_other_view() -> None:
    """L = D(p1, z2)/2 + D(p2, z1)/2, with D the negative cosine (equations 1 and 2)."""
    one, other = outputs(0, 6, 8), outputs(1, 6, 8)
    found = METHODS.make("simsiam").compare(one, other)
    z1, p1, z2, p2 = (
        view.detach().numpy()[:, part]
        for view in (one, other)
        for part in (slice(0, 4), slice(4, 8))
    )
    expected = -cosine(p1, z2) / 2 - cosine(p2, z1) / 2
    assert float(found.detach()) == pytest.approx(expected, rel=1e-9)


def test_simsiam_sends_no_gradient_to_what_is_predicted() -> None:
    """The stop-gradient of equation 4: of the projector's outputs none, of the predictor's some."""
    one, other = outputs(0, 6, 8), outputs(1, 6, 8)
    METHODS.make("simsiam").compare(one, other).backward()
    for view in (one, other):
        assert view.grad is not None
        assert not view.grad[:, :4].any()
        assert view.grad[:, 4:].any()


def test_vicreg_adds_three_terms_by_their_weights() -> None:
    """Equations 1 to 6 in NumPy, with `numpy.cov`."""
    first, other = outputs(2, 7, 5), outputs(3, 7, 5)

    def variance(z: np.ndarray) -> float:
        return float(np.maximum(0, 1 - np.sqrt(np.var(z, axis=0, ddof=1) + 1e-4)).mean())

    def covariance(z: np.ndarray) -> float:
        between = np.cov(z.T)
        apart = ~np.eye(len(between), dtype=bool)
        return float((between**2)[apart].sum() / len(between))

    z, w = (first * 0.3).detach().numpy(), other.detach().numpy()
    terms = {
        "invariance": float(((z - w) ** 2).mean()),
        "variance": (variance(z) + variance(w)) / 2,
        "covariance": covariance(z) + covariance(w),
    }
    assert all(terms.values())
    for weights in ((25.0, 25.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)):
        named = dict(zip(terms, weights, strict=True))
        found = float(METHODS.make("vicreg", named).compare(first * 0.3, other).detach())
        expected = sum(named[name] * value for name, value in terms.items())
        assert found == pytest.approx(expected, rel=1e-9)


def test_the_spread_is_1_for_a_gaussian_and_0_where_all_are_the_same() -> None:
    """SimSiam, section 4.1: 1 / sqrt(d) for outputs of length 1 that point anywhere."""
    rng = np.random.default_rng(0)
    anywhere = torch.from_numpy(rng.normal(size=(4000, 64)))
    assert spread(anywhere) == pytest.approx(1, abs=0.02)
    assert spread(anywhere * 9) == pytest.approx(spread(anywhere))
    same = torch.ones(50, 64) + 1e-4 * anywhere[:50]
    assert spread(same) < 0.01


@pytest.mark.parametrize("name", METHODS)
def test_a_head_gives_what_its_method_compares(name: str) -> None:
    torch.manual_seed(0)
    method = METHODS.make(name, {"projection": 16})
    found = method.head(24)(torch.randn(10, 24))
    assert found.shape == (10, 16 * method.outputs)
    value = method.compare(*found.chunk(2))
    assert value.ndim == 0
    value.backward()

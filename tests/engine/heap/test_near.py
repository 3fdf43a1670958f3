"""What is alike: beside scikit-learn and SciPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.cluster.hierarchy import average
from scipy.spatial.distance import pdist
from sklearn.cluster import KMeans
from sklearn.covariance import ShrunkCovariance
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from engine.heap.near import basis_of, chain, groups, k_means, leaves, squared
from engine.learners.principal import unit


def blobs(
    seed: int = 0, count: int = 6, each: int = 40, apart: float = 4
) -> tuple[np.ndarray, ...]:
    """Points about some middles, shuffled, and the middle of each."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(count), each))
    middles = rng.normal(size=(count, 20)) * apart
    return (middles[y] + rng.normal(size=(len(y), 20))).astype(np.float32), y


def test_the_basis_holds_as_much_as_principal_components() -> None:
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(300, 120)) * np.linspace(3, 0.1, 120) + 1).astype(np.float32)
    basis = basis_of(x)
    found = basis(x)
    assert found.shape == (300, 50)
    expected = PCA(50, svd_solver="full").fit_transform(unit(x))
    assert found.var(axis=0).sum() == pytest.approx(expected.var(axis=0).sum(), rel=0.02)
    np.testing.assert_allclose(basis.directions.T @ basis.directions, np.eye(120), atol=1e-4)


def test_whitened_directions_are_those_of_a_shrunk_covariance() -> None:
    rng = np.random.default_rng(2)
    x = (rng.normal(size=(400, 40)) * np.linspace(3, 0.1, 40) + 1).astype(np.float32)
    covariance = ShrunkCovariance(shrinkage=0.3).fit(unit(x))
    values, vectors = np.linalg.eigh(covariance.covariance_)
    expected = unit((unit(x) - covariance.location_) @ vectors / np.sqrt(values))
    found = basis_of(x).round(x)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-4)


def test_no_more_images_than_directions_say_nothing_of_how_wide_these_are() -> None:
    x = np.random.default_rng(3).normal(size=(400, 40)).astype(np.float32)
    assert basis_of(x[:30]).trust == basis_of(x[:40]).trust == basis_of(x[:0]).trust == 0
    assert basis_of(x[:80]).trust == pytest.approx(0.5)
    assert basis_of(x).trust == pytest.approx(0.9)


def test_distances_are_distances() -> None:
    a, b = blobs()[0][:9], blobs(3)[0][:7]
    expected = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared(a, b), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("apart", [4, 0.7])
def test_k_means_is_as_tight_as_scikit_learns(apart: float) -> None:
    x, y = blobs(apart=apart)
    middle, own = k_means(x, 6)
    expected = KMeans(6, n_init=1, random_state=0).fit(x)
    tight = squared(x, middle)[np.arange(len(x)), own].sum()
    assert tight <= 1.1 * expected.inertia_
    if apart > 1:
        assert adjusted_rand_score(y, own) == 1


def test_more_groups_than_different_images_are_not_made() -> None:
    x = np.repeat(blobs()[0][:3], 5, axis=0)
    middle, own = k_means(x, 8)
    assert len(middle) == 3
    assert len(np.unique(own)) == 3


def test_groups_hold_each_image_once_large_first_and_the_most_typical_first() -> None:
    x, _ = blobs(each=30)
    found = groups(x)
    assert sorted(np.concatenate(found)) == list(range(len(x)))
    sizes = list(map(len, found))
    assert sizes == sorted(sizes, reverse=True)
    for some in found:
        away = np.linalg.norm(x[some] - x[some].mean(axis=0), axis=1)
        assert away[0] == pytest.approx(away.min(), rel=1e-3)
        assert (np.diff(away) > -1e-3).all()
    assert groups(x[:0]) == []
    assert [some.tolist() for some in groups(x[:1])] == [[0]]


def test_leaves_are_those_of_average_linkage() -> None:
    """All images of each merge of SciPy's stand side by side."""
    x = blobs(5, count=4, each=9, apart=1.5)[0]
    order = leaves(x)
    assert sorted(order) == list(range(36))
    places = {image: place for place, image in enumerate(order)}
    inside = {number: [number] for number in range(36)}
    for number, (a, b, *_) in enumerate(average(pdist(x)), start=36):
        inside[number] = inside[int(a)] + inside[int(b)]
        at = sorted(places[image] for image in inside[number])
        assert at == list(range(at[0], at[0] + len(at)))


def test_neighbours_on_the_way_past_all_are_alike() -> None:
    x, y = blobs(7, count=9)
    order = chain(x)
    assert sorted(order) == list(range(len(x)))
    assert sum(a != b for a, b in itertools.pairwise(y[order])) == 8
    step = np.linalg.norm(np.diff(x[order], axis=0), axis=1).mean()
    mixed = np.linalg.norm(np.diff(x, axis=0), axis=1).mean()
    assert step < 0.5 * mixed
    assert chain(x[:0]).tolist() == []
    assert (chain(x) == order).all()

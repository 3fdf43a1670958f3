"""What is alike is drawn together, and what comes later beside it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from engine.map import refining
from tests.helpers.generators import result

GROUPS, EACH, WIDTH = 6, 25, 20
needs_extra = pytest.mark.skipif(
    not refining.can_refine(), reason="openTSNE is not installed (extra “map”)"
)


def drawn(seed: int) -> np.ndarray:
    """Groups that lie far apart in many directions; the same groups for every seed."""
    middles = 6 * np.random.default_rng(7).standard_normal((GROUPS, 1, WIDTH))
    found = middles + np.random.default_rng(seed).standard_normal((GROUPS, EACH, WIDTH))
    return found.reshape(-1, WIDTH).astype(np.float32)


OF = np.repeat(np.arange(GROUPS), EACH)


@pytest.fixture(scope="module")
def known() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, where a projection has them, and where they lie when it is refined."""
    x = drawn(0)
    spots = PCA(2).fit_transform(x).astype(np.float32)
    return x, spots, result(refining.refined(spots, x))[0]


def test_neighbours_are_scikit_learns() -> None:
    x, others = drawn(0), drawn(1)
    own = NearestNeighbors(n_neighbors=9, algorithm="brute").fit(x)
    away, near = own.kneighbors()
    found = result(refining.nearest(x, None, 9))[0]
    np.testing.assert_array_equal(found[0], near)
    np.testing.assert_allclose(found[1], away, atol=1e-4)
    away, near = own.kneighbors(others)
    found = result(refining.nearest(others, x, 9))[0]
    np.testing.assert_array_equal(found[0], near)


@needs_extra
def test_neighbours_stay_neighbours_better_than_in_the_projection(known) -> None:
    x, spots, refined = known
    assert trustworthiness(x, refined) > max(trustworthiness(x, spots), 0.95)
    near = NearestNeighbors(n_neighbors=10).fit(refined).kneighbors(return_distance=False)
    assert (OF[near] == OF[:, None]).mean() > 0.99


@needs_extra
def test_a_new_image_comes_where_openTSNE_itself_puts_it(known) -> None:
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN

    x, _, spots = known
    new = drawn(1)
    theirs = TSNEEmbedding(spots, PerplexityBasedNN(x, method="exact"), random_state=0)
    shift = spots.mean(axis=0) - np.asarray(theirs).mean(axis=0)
    expected = np.asarray(theirs.transform(new))
    middle = (spots.max(axis=0) + spots.min(axis=0)) / 2

    found = result(refining.placed(new, x, spots))[0]

    np.testing.assert_allclose(found, expected + middle + shift, atol=1e-2)
    near = NearestNeighbors(n_neighbors=1).fit(spots).kneighbors(found, return_distance=False)
    assert (OF[near[:, 0]] == OF).mean() > 0.99


def test_without_the_extra_a_new_image_comes_among_its_like(known_spots, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    x, spots = known_spots
    found = result(refining.placed(drawn(1), x, spots))[0]
    near = NearestNeighbors(n_neighbors=1).fit(spots).kneighbors(found, return_distance=False)
    assert (OF[near[:, 0]] == OF).mean() > 0.99


@pytest.fixture
def known_spots() -> tuple[np.ndarray, np.ndarray]:
    """Images that lie in their groups on a map that somebody with the extra has drawn."""
    x = drawn(0)
    corners = np.array([(0, 0), (9, 0), (0, 9), (9, 9), (4, 20), (20, 4)], np.float32)
    shaken = np.random.default_rng(3).standard_normal((len(x), 2)).astype(np.float32)
    return x, corners[OF] + 0.5 * shaken


@needs_extra
def test_images_at_one_spot_part() -> None:
    x = drawn(0)
    refined = result(refining.refined(np.zeros((len(x), 2), np.float32), x))[0]
    near = NearestNeighbors(n_neighbors=5).fit(refined).kneighbors(return_distance=False)
    assert (OF[near] == OF[:, None]).mean() > 0.95

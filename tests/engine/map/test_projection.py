"""The axes of a map, beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression

from engine.map.projection import Projection, parting, principal
from tests.helpers.features import Features, drawn_features, flat, maker, part, taught


def spread(x: np.ndarray, y: np.ndarray) -> list[torch.Tensor]:
    """Means, counts and covariance inside classes, from their definitions."""
    numbers = np.unique(y)
    means = np.stack([x[y == n].mean(axis=0) for n in numbers])
    apart = x - means[np.searchsorted(numbers, y)]
    counts = np.array([float((y == n).sum()) for n in numbers])
    return [torch.from_numpy(a) for a in (means, counts, apart.T @ apart / len(x))]


def alike(a: np.ndarray, b: np.ndarray) -> float:
    """How far two axes say the same of images, up to their scale and sign."""
    return abs(float(np.corrcoef(a, b)[0, 1]))


def projected(found: Projection, x: np.ndarray) -> np.ndarray:
    return found(torch.from_numpy(x)).numpy()


@pytest.fixture(scope="module")
def features() -> Features:
    return {n: x[: 30 - 3 * n] for n, x in drawn_features(1).items()}  # of unequal size


def test_classes_are_parted_as_by_scikit_learns_discriminant_analysis(features) -> None:
    x, y = flat(features)
    theirs = LinearDiscriminantAnalysis(solver="svd", n_components=2).fit(x, y).transform(x)

    found = parting(*spread(x, y), torch.from_numpy(x))

    ours = projected(found, x)
    assert found.parted == 6
    assert alike(ours[:, 0], theirs[:, 0]) > 1 - 1e-6
    assert alike(ours[:, 1], theirs[:, 1]) > 1 - 1e-6
    far = theirs.std(axis=0) / ours.std(axis=0)
    assert far[0] == pytest.approx(far[1], rel=1e-6), "both axes have one scale"


def test_the_learners_covariance_is_scikit_learns(features) -> None:
    x, y = flat(features)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2, store_covariance=True)
    theirs.fit(x, y)

    means, counts, within = taught(maker("slda-fixed")(), features).spread()

    np.testing.assert_allclose(means.numpy(), theirs.means_, atol=1e-6)
    np.testing.assert_allclose((counts / counts.sum()).numpy(), theirs.priors_)
    np.testing.assert_allclose(within.numpy(), theirs.covariance_, atol=1e-6)
    assert taught(maker("ncm")(), features).spread() is None


def test_with_two_classes_the_second_axis_is_what_the_first_leaves(features) -> None:
    x, y = flat(part(features, [0, 1]))
    theirs = LinearDiscriminantAnalysis(solver="svd").fit(x, y).transform(x)
    left = x - LinearRegression().fit(theirs, x).predict(theirs)
    second = PCA(1, svd_solver="full").fit_transform(left)[:, 0]

    ours = projected(parting(*spread(x, y), torch.from_numpy(x)), x)

    assert alike(ours[:, 0], theirs[:, 0]) > 1 - 1e-6
    assert alike(ours[:, 1], second) > 1 - 1e-6
    assert alike(ours[:, 0], ours[:, 1]) < 1e-6
    assert ours[:, 1].std() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("images", [7, 150], ids=["fewer than numbers", "more"])
def test_without_classes_it_is_scikit_learns_principal_components(features, images) -> None:
    x = flat(features)[0][:images]
    theirs = PCA(2, svd_solver="full").fit_transform(x)

    ours = projected(principal(torch.from_numpy(x)), x)

    turn = np.sign((ours * theirs).sum(axis=0))
    np.testing.assert_allclose(ours * turn, theirs, atol=1e-4)


def test_axes_do_not_turn_over_when_the_same_images_come_in_another_order(features) -> None:
    x, y = flat(features)
    order = np.random.default_rng(0).permutation(len(x))
    one = projected(parting(*spread(x, y), torch.from_numpy(x)), x)
    other = projected(parting(*spread(x[order], y[order]), torch.from_numpy(x[order])), x)
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("images", [0, 1, 2], ids=["none", "one", "two"])
def test_few_images_lie_somewhere(images) -> None:
    x = torch.randn(images, 5, generator=torch.Generator().manual_seed(0)).double()
    ours = principal(x)(x)
    assert ours.shape == (images, 2)
    assert bool(torch.isfinite(ours).all())
    assert images < 2 or float((ours[0] - ours[1]).norm()) == pytest.approx(
        float((x[0] - x[1]).norm()), rel=1e-5
    )


def test_classes_that_are_all_one_point_lie_somewhere() -> None:
    x = torch.ones(6, 4, dtype=torch.float64)
    found = parting(
        torch.ones(2, 4).double(), torch.tensor([3.0, 3.0]).double(), torch.eye(4).double(), x
    )
    assert bool(torch.isfinite(found(x)).all())

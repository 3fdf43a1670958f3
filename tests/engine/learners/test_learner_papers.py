"""Each paper's own claim, against scikit-learn and the reference figures."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestCentroid

from engine.learners import LEARNERS, discriminant, ncm, ridge, slda, tilda
from engine.learners.sums import ClassSums
from tests.engine.learners import heads_reference as reference
from tests.helpers.features import (
    CLASSES,
    WIDTH,
    Features,
    accuracy,
    drawn_features,
    flat,
    logits,
    part,
    same,
    task,
    taught,
)


def reference_images() -> tuple[Features, torch.Tensor]:
    x, y = torch.tensor(reference.X), torch.tensor(reference.Y)
    return {c: x[y == c][:, None] for c in range(4)}, torch.tensor(reference.X_TEST)[:, None]


def test_ncm_equals_nearest_centroid() -> None:
    known, test = reference_images()
    learner = taught(ncm.NearestClassMean(cosine=False), known)
    assert tuple(learner.head()(test).argmax(dim=1).tolist()) == (
        reference.NEAREST_CENTROID_PREDICTED
    )


def test_ncm_cosine_equals_nearest_centroid_on_unit_features() -> None:
    x, test = drawn_features(1), drawn_features(2)
    images, classes = flat(x)
    unit = images / np.linalg.norm(images, axis=1, keepdims=True)
    t, _ = flat(test)
    expected = NearestCentroid().fit(unit, classes).predict(t / np.linalg.norm(t, axis=1)[:, None])
    got = logits(taught(ncm.NearestClassMean(cosine=True), x), test).argmax(dim=1)
    np.testing.assert_array_equal(got, expected)


def test_slda_scores_are_those_of_the_exact_pooled_covariance() -> None:
    """The reference shrinks toward I; ours toward tr(S)/d I: the same S but for one factor."""
    known, test = reference_images()
    t = np.trace(reference.POOLED_COVARIANCE) / 6
    s = 1e-4 / (1e-4 + (1 - 1e-4) * t)
    learner = taught(slda.StreamingLDA(shrinkage=float(s)), *({c: known[c]} for c in (2, 0, 3, 1)))
    expected = torch.tensor(reference.SLDA_SCORES) * (1 - 1e-4) / (1 - s)
    got = learner.head()(test)
    centred = (v - v.mean(dim=1, keepdim=True) for v in (got, expected))
    torch.testing.assert_close(*centred, rtol=2e-4, atol=2e-3)
    assert tuple(got.argmax(dim=1).tolist()) == reference.SLDA_PREDICTED


@pytest.mark.parametrize("chunks", [1, 7, 30])
def test_slda_equals_discriminant_analysis_however_the_images_arrive(chunks: int) -> None:
    x, test = drawn_features(1), drawn_features(2)
    stream = [{c: v[i::chunks] for c, v in x.items()} for i in range(chunks)]
    got = logits(taught(slda.StreamingLDA(shrinkage=1e-6), *stream), test).argmax(dim=1)
    expected = LinearDiscriminantAnalysis(solver="lsqr").fit(*flat(x)).predict(flat(test)[0])
    np.testing.assert_array_equal(got, expected)


def test_slda_leaves_one_out_as_if_it_had_never_been_learnt() -> None:
    """Sherman-Morrison against learning again without the image, for every image."""
    x, s = drawn_features(1, images=4), 0.3
    known = ClassSums()
    scatter = sum(r.T @ r for r in discriminant.deviations(x, known))
    ridge_term = s / (1 - s) * scatter.trace() / WIDTH
    losses = []
    for c, i in itertools.product(x, range(4)):
        rest, image = {**x, c: torch.cat([x[c][:i], x[c][i + 1 :]])}, x[c][i].double()
        left = ClassSums()
        without = sum(r.T @ r for r in discriminant.deviations(rest, left))
        cov = (1 - s) / len(flat(x)[0]) * (without + ridge_term * torch.eye(WIDTH).double())
        r = image - left.means
        q = (r @ torch.linalg.inv(cov) * r).sum(dim=1)
        losses.append(-torch.log_softmax(-q / 2, dim=0)[c].item())
    images, y = (torch.tensor(v) for v in flat(x))
    got = discriminant.leave_one_out(known, scatter, s, images, y)
    assert got == pytest.approx(np.mean(losses), rel=1e-9)


def test_slda_chooses_a_shrinkage_that_helps() -> None:
    """With 4 images a class: better than hardly any, better than a round one, near the best."""
    test = drawn_features(2, images=100)

    def mean_accuracy(shrinkage: float) -> float:
        drawn = [drawn_features(seed, images=4) for seed in (1, 3, 5)]
        learners = [taught(slda.StreamingLDA(shrinkage=shrinkage), x) for x in drawn]
        return float(np.mean([accuracy(learner, test) for learner in learners]))

    by_hand = [mean_accuracy(s) for s in discriminant.SHRINKAGES]
    assert mean_accuracy(0.0) > max(by_hand[0], by_hand[-1]) + 0.01
    assert mean_accuracy(0.0) > max(by_hand) - 0.01


def test_ridge_weights_are_those_of_one_regression_on_everything() -> None:
    x = torch.tensor(reference.X, dtype=torch.float64)
    table = torch.stack([x[torch.tensor(reference.Y) == c].sum(dim=0) for c in range(4)])
    gram = x.T @ x
    weights = ridge.solved(gram, table, float(0.1 * 6 / gram.trace()))
    torch.testing.assert_close(
        weights, torch.tensor(reference.RIDGE_WEIGHTS).double(), rtol=0, atol=1e-7
    )


def test_ridge_head_equals_scikit_learn_on_the_same_random_features() -> None:
    x, test = drawn_features(1), drawn_features(2)
    stream = [{c: v[i::3] for c, v in x.items()} for i in range(3)]
    learner = taught(ridge.RandomRidge(size=40, penalty=0.1, seed=3), *stream)
    images, classes = flat(x)
    projection = ridge.drawn(WIDTH, 40, 3).numpy()
    h = np.maximum(images @ projection, 0)
    alpha = 0.1 * (h * h).sum() / 40
    model = Ridge(alpha=alpha, fit_intercept=False).fit(h, np.eye(CLASSES)[classes])
    expected = torch.tensor(model.predict(np.maximum(flat(test)[0] @ projection, 0))).float()
    torch.testing.assert_close(logits(learner, test), expected, rtol=1e-4, atol=1e-5)


def test_ridge_leaves_one_out_as_if_it_had_never_been_learnt() -> None:
    images, y = (torch.tensor(v) for v in flat(drawn_features(1, images=4)))
    h, one_hot = images.relu(), torch.eye(CLASSES).double()[y]
    known = ClassSums()
    for c in range(CLASSES):
        known.add(c, 4, h[y == c].sum(dim=0))
    gram = h.T @ h
    penalty = 0.3 * gram.trace() / WIDTH * torch.eye(WIDTH).double()
    errors = []
    for i in range(len(h)):
        rest = torch.arange(len(h)) != i
        w = torch.linalg.solve(gram - h[i, :, None] * h[i] + penalty, h[rest].T @ one_hot[rest])
        errors.append((one_hot[i] - h[i] @ w).square().sum().item())
    assert ridge.leave_one_out(known, gram, 0.3, h, y) == pytest.approx(np.mean(errors), rel=1e-9)


def test_ridge_with_another_seed_is_another_head() -> None:
    x = drawn_features(1)
    one, two = (taught(ridge.RandomRidge(size=30, seed=seed), x) for seed in (0, 1))
    assert not torch.allclose(logits(one, x), logits(two, x), atol=1e-3)


def test_tilda_with_one_anchor_in_one_subspace_equals_nearest_centroid() -> None:
    known, test = reference_images()
    learner = taught(tilda.Tilda(subspaces=1, anchors=1), known)
    assert tuple(learner.head()(test).argmax(dim=1).tolist()) == (
        reference.NEAREST_CENTROID_PREDICTED
    )


def test_tilda_adds_up_the_votes_of_all_views() -> None:
    x, test = (drawn_features(seed, views=3) for seed in (1, 2))
    head = taught(tilda.Tilda(subspaces=4, anchors=3, views=3), x).head()
    features = torch.cat(list(test.values()))
    votes = head(features).floor()
    assert torch.equal(votes.sum(dim=1), torch.full((len(features),), 3 * 4.0))
    assert torch.equal(votes, sum(head(features[:, v : v + 1]).floor() for v in range(3)))


@pytest.mark.parametrize(
    ("update", "stream", "anchors"),
    [
        ("nearest", [0, 10, 1, 5], [(0 + 1 + 5) / 3, 10]),
        ("fewest", [0, 10, 1, 5], [(0 + 1) / 2, (10 + 5) / 2]),
    ],
)
def test_tilda_moves_one_anchor(update: str, stream: list[float], anchors: list[float]) -> None:
    """The first two vectors found the anchors; the next two move them as running means."""
    x = torch.tensor(stream).float()[:, None, None]
    learner = taught(tilda.Tilda(subspaces=1, anchors=2, update=update), {0: x})
    np.testing.assert_allclose(learner.memory()["anchors"].flatten(), anchors, rtol=1e-6)


def test_tilda_anchors_that_are_not_founded_win_nothing() -> None:
    """A class with fewer images than anchors has no anchor at 0, where its tensor is empty."""
    x = {0: torch.full((2, 1, 4), 5.0), 1: torch.full((9, 1, 4), 1.0)}
    head = taught(tilda.Tilda(subspaces=2, anchors=3), x).head()
    assert head(torch.zeros(1, 1, 4)).argmax().item() == 1


def test_tilda_memory_is_that_of_the_paper() -> None:
    """100 classes, 10 anchors, 2048 features: 8.2 MB, however many images were seen."""
    for images in (1, 12):
        x = {c: torch.randn(images, 1, 2048) for c in range(100)}
        memory = taught(tilda.Tilda(subspaces=16, anchors=10), x).memory()
        assert memory["anchors"].nbytes == 100 * 10 * 2048 * 4 == 8_192_000


@pytest.mark.parametrize(("images", "scale"), [(5, 100.0), (1, 1e5)])
def test_a_variable_class_forgotten_leaves_constant_ones_exact(images: int, scale: float) -> None:
    """What rounding leaves of the forgotten class's scatter is not taken for a covariance."""
    drawn = torch.Generator().manual_seed(1)
    constant = {c: torch.randn(1, 1, WIDTH, generator=drawn).repeat(images, 1, 1) for c in range(3)}
    wild = scale * torch.randn(50, 1, WIDTH, generator=drawn)
    learner = taught(slda.StreamingLDA(), {**constant, 7: wild})
    learner.forget(7, wild)
    assert learner.classes == (0, 1, 2)
    same(logits(learner, constant), logits(taught(slda.StreamingLDA(), constant), constant))


@pytest.mark.parametrize(
    ("name", "chosen"), [("slda", "shrinkage"), ("ridge", "penalty")], ids=["slda", "ridge"]
)
def test_refit_chooses_anew_for_the_classes_that_are_left(name: str, chosen: str) -> None:
    x = drawn_features(1)
    rest = part(x, [0, 1, 2, 4, 5])
    x[3] = 20 * torch.randn(200, 1, WIDTH, generator=torch.Generator().manual_seed(5))
    learner, never = taught(LEARNERS.make(name), x), taught(LEARNERS.make(name), rest)
    learner.forget(3, x[3])
    assert learner.memory()[chosen] != never.memory()[chosen]
    left = task(rest, rest)
    learner.refit(left.sample, left.sample_classes)
    assert learner.memory()[chosen] == never.memory()[chosen]

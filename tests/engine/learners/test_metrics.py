"""Scores and continual metrics, against figures computed by six public projects and by hand."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, precision_score, recall_score

from engine.learners import heads, metrics

# shared/reference/metrics_reference.json: R[i][j], accuracy on step j's classes after step i.
R = [
    [0.9, 0.1, 0.97, 0.2],
    [0.95, 0.85, 0.15, 0.1],
    [0.75, 0.6, 0.92, 0.3],
    [0.72, 0.89, 0.8, 0.88],
]
SEEN = [0.9, 0.9, 0.7566666666666667, 0.8225]
LOWER = [[a if j <= i else None for j, a in enumerate(row)] for i, row in enumerate(R)]


@pytest.mark.parametrize("matrix", [R, LOWER], ids=["full", "lower triangle"])
def test_continual_metrics_are_those_of_the_reference(matrix: metrics.Matrix) -> None:
    assert metrics.forgetting(matrix) == pytest.approx(0.10333333333333332)
    assert metrics.backward_transfer(matrix) == pytest.approx(-0.08666666666666667)
    assert metrics.average_incremental_accuracy(SEEN) == pytest.approx(0.8447916666666666)


def test_nothing_is_forgotten_after_one_step() -> None:
    assert metrics.forgetting([[0.9]]) is None
    assert metrics.backward_transfer([[0.9]]) is None
    assert metrics.forgetting([]) is None
    assert metrics.average_incremental_accuracy([]) is None


def test_matrix_of_steps() -> None:
    """A class belongs to the step that first scored it; steps may add nothing, or lose a class."""
    steps = [
        {"cat": (8, 10), "dog": (10, 10)},
        {"cat": (9, 10), "dog": (10, 10)},
        {"cat": (7, 10), "dog": (9, 10), "hat": (1, 2), "new": (0, 0)},
        {"dog": (5, 10), "hat": (2, 2)},
    ]
    matrix, born = metrics.accuracy_matrix(steps)
    assert born == [0, 2]
    assert matrix == [[0.9, None], [0.95, None], [0.8, 0.5], [0.5, 1.0]]
    assert metrics.forgetting(matrix, born) == pytest.approx((0.95 - 0.5 + 0.5 - 1.0) / 2)
    assert metrics.backward_transfer(matrix, born) == pytest.approx((0.5 - 0.9 + 1.0 - 0.5) / 2)


def test_steps_whose_classes_are_all_gone_count_no_more() -> None:
    matrix, born = metrics.accuracy_matrix([{"a": (1, 2)}, {"b": (2, 2)}])
    assert matrix == [[0.5, None], [None, 1.0]]
    assert metrics.forgetting(matrix, born) is None


def test_scores_equal_scikit_learns() -> None:
    random = np.random.default_rng(0)
    true, predicted = random.integers(0, 4, 200), random.integers(0, 4, 200)
    predicted[:120] = true[:120]
    scores = metrics.score(predicted.tolist(), true.tolist(), list("abcd"), new={"c", "d"})
    assert scores.confusion == tuple(map(tuple, confusion_matrix(true, predicted).tolist()))
    assert scores.recall == pytest.approx(recall_score(true, predicted, average=None))
    assert scores.precision == pytest.approx(precision_score(true, predicted, average=None))
    assert scores.accuracy == pytest.approx((true == predicted).mean())
    assert scores.new_accuracy == pytest.approx((true == predicted)[true >= 2].mean())
    assert scores.old_accuracy == pytest.approx((true == predicted)[true < 2].mean())
    assert scores.counts == tuple(np.bincount(true).tolist())
    assert scores.per_class["b"] == scores.recall[1]


def test_scores_are_plain_values() -> None:
    """They cross to the window and into a file: nothing but numbers, text and tuples."""
    scores = metrics.score([0, 1], [0, 0], ["a", "b"], new=["b"])
    facts = dataclasses.asdict(scores)
    assert json.loads(json.dumps(facts))["confusion"] == [[1, 1], [0, 0]]
    assert facts["recall"] == (0.5, None)
    assert facts["precision"] == (1.0, 0.0)
    assert facts["new_accuracy"] is None


def test_scores_without_images() -> None:
    scores = metrics.score([], [], ["a", "b"])
    assert (scores.accuracy, scores.old_accuracy, scores.interval) == (None, None, None)
    assert scores.confusion == ((0, 0), (0, 0))


def test_each_score_has_its_sentence() -> None:
    for name in ("accuracy", "old_accuracy", "new_accuracy", "recall", "precision"):
        assert name in {field.name for field in dataclasses.fields(metrics.Scores)}
        assert metrics.DEFINITIONS[name].endswith(".")
    for name in ("average_incremental_accuracy", "forgetting", "backward_transfer"):
        assert metrics.DEFINITIONS[name].endswith(".")
        assert callable(getattr(metrics, name))


def test_accuracy_interval_is_that_of_the_binomial() -> None:
    """80 of 100 right: about 0.8 +- 1.96 sqrt(0.8 0.2 / 100); the same at each call."""
    low, high = metrics.accuracy_interval(80, 100)
    assert (low, high) == pytest.approx((0.7216, 0.8784), abs=0.015)
    assert metrics.accuracy_interval(80, 100) == (low, high)
    # All of 3, and none of 3, as scipy.stats.binomtest(3, 3).proportion_ci() has it.
    assert metrics.accuracy_interval(3, 3) == pytest.approx((0.292402, 1), abs=1e-6)
    assert metrics.accuracy_interval(0, 3) == pytest.approx((0, 0.707598), abs=1e-6)
    narrow = metrics.accuracy_interval(8000, 10000)
    assert narrow[1] - narrow[0] < (high - low) / 5


def test_difference_interval_is_paired() -> None:
    """Two that are right on the same images differ by little; one that gains 10 % is better."""
    first = [i % 5 != 0 for i in range(500)]
    low, high = metrics.difference_interval(first, first)
    assert -0.01 < low < 0 < high < 0.01
    second = [i % 5 != 0 or i % 10 == 0 for i in range(500)]
    low, high = metrics.difference_interval(first, second)
    assert 0 < low < 0.1 < high
    assert metrics.difference_interval([], []) is None


def test_difference_of_few_images_is_in_doubt_though_no_answer_changed() -> None:
    """As Bonett and Price have it for 8 images: 0 +- 1.96 sqrt((2 / 10) / 10)."""
    low, high = metrics.difference_interval([True] * 8, [True] * 8, draws=20_000)
    assert (low, high) == pytest.approx((-0.277, 0.277), abs=0.13)
    low, _ = metrics.difference_interval([True] * 6 + [False] * 2, [True] * 8)
    assert low < 0


def test_logits_are_those_of_the_head_whatever_the_batch() -> None:
    head = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
    features = torch.randn(10, 1, 4)
    got = heads.logits_of(head, features, batch=3)
    torch.testing.assert_close(got, head(features))
    assert not got.requires_grad

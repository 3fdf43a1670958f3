"""Every learner with inputs that must end well: few classes and many, constants, no numbers."""

from __future__ import annotations

import pytest
import torch

from engine.errors import Refused
from tests.helpers.features import (
    CLASSES,
    SETTINGS,
    WIDTH,
    accuracy,
    drawn_features,
    logits,
    maker,
    part,
    same_memory,
    task,
    taught,
)

SPLIT = ("per-branch-split", "per-branch-auto")
ALL = pytest.mark.parametrize("case", SETTINGS)


@ALL
def test_one_class_always_wins(case: str) -> None:
    x = drawn_features(1, views=maker(case)().views)
    got = logits(taught(maker(case)(), part(x, [3])), x)
    assert got.shape[1] == 1
    assert torch.isfinite(got).all()


@ALL
def test_classes_with_one_image_each(case: str) -> None:
    x = drawn_features(1, images=1, views=maker(case)().views)
    learner = taught(maker(case)(), x)
    assert accuracy(learner, x) == 1
    learner.forget(0, x[0])
    assert accuracy(learner, part(x, range(1, CLASSES))) == 1


@ALL
def test_imbalance_of_a_thousand_to_one(case: str) -> None:
    views = maker(case)().views
    many = drawn_features(3, images=1000, views=views)[0]
    x = {**drawn_features(1, images=1, views=views), 0: many}
    got = logits(taught(maker(case)(), x), part(x, [0]))
    assert torch.isfinite(got).all()
    assert (got.argmax(dim=1) == 0).double().mean() > 0.6


@ALL
@pytest.mark.parametrize("value", [0.0, 1.0, 1e3])
def test_constant_features(case: str, value: float) -> None:
    x = {c: torch.full((5, maker(case)().views, WIDTH), value) for c in range(3)}
    assert torch.isfinite(logits(taught(maker(case)(), x), x)).all()


# A branch's head looks at its own features only, which are too few here.
@pytest.mark.parametrize("case", [case for case in SETTINGS if case not in SPLIT])
def test_features_without_variance(case: str) -> None:
    """Features that never vary, or vary between classes alone, spoil nothing."""
    x = drawn_features(1, views=maker(case)().views)
    for c, v in x.items():
        v[..., 0], v[..., 1] = 4.0, float(c)
    assert accuracy(taught(maker(case)(), x), x) > 0.6


@pytest.mark.parametrize("case", ["ncm", "slda", "roots", "ridge", "auto", "tilda-3"])
def test_a_thousand_classes(case: str) -> None:
    x = drawn_features(1, images=3, views=maker(case)().views, classes=1000)
    got = logits(taught(maker(case)(), part(x, range(600)), part(x, range(600, 1000))), x)
    assert got.shape == (3000, 1000)
    assert torch.isfinite(got).all()


@ALL
def test_features_that_are_no_numbers_are_refused_and_nothing_is_lost(case: str) -> None:
    x = drawn_features(1, views=maker(case)().views)
    learner = taught(maker(case)(), part(x, range(3)))
    before = learner.memory()
    x[4][2, 0, 5] = float("nan")
    with pytest.raises(Refused, match="no numbers"):
        list(learner.learn(task(part(x, [4]), part(x, range(5)))))
    same_memory(learner.memory(), before)


@ALL
def test_forgetting_with_the_wrong_images_is_stopped(case: str) -> None:
    x = drawn_features(1, views=maker(case)().views)
    learner = taught(maker(case)(), x)
    with pytest.raises(ValueError, match="learnt from 30, not 29"):
        learner.forget(2, x[2][:-1])
    assert learner.classes == tuple(range(CLASSES))


@ALL
def test_a_head_without_classes_is_refused(case: str) -> None:
    with pytest.raises(Refused, match="No class is learnt yet"):
        maker(case)().head()

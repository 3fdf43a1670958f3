"""Heads taken apart at one image: how much of each logit comes from each feature."""

from __future__ import annotations

import pytest
import torch

from engine.learners.heads import Chosen, logits_of
from engine.learners.linearised import weights_at
from engine.learners.pooling import Pooled
from tests.helpers.features import SETTINGS, drawn_features, maker, taught

VOTES = ("tilda-1", "tilda-3", "tilda-fewest", "tilda-views")
NOT_LINEAR = ("roots", "ridge", "per-branch-wide")
EITHER = ("auto", "per-branch-auto")


@pytest.mark.parametrize("case", SETTINGS)
def test_weights_times_features_are_the_logits(case: str) -> None:
    learner = maker(case)()
    taught(learner, drawn_features(0, views=learner.views))
    head, most = learner.head(), 0.0
    for x in drawn_features(1, images=3, views=learner.views).values():
        wanted = logits_of(head, x).double()
        found = [weights_at(head, each[0].double()) for each in x]
        if case in VOTES:
            assert found == [None] * 3
            continue
        for each, weights, z in zip(x, found, wanted, strict=True):
            assert weights is not None
            scale = 1e-5 * float(z.abs().max().clamp(min=1))
            assert torch.allclose(weights.logits(each[0].double()), z, rtol=0, atol=scale)
            assert case in EITHER or weights.depends == (case in NOT_LINEAR)
            most = max(most, float(weights.rest.abs().max()))
    assert (most > 1e-3) == (case == "per-branch-wide"), "classes on top of earlier ones"


@pytest.mark.parametrize("case", sorted({*SETTINGS} - {*VOTES}))
def test_the_bias_is_the_same_for_all_images(case: str) -> None:
    """Otherwise anything at all would sum to the logits."""
    learner = maker(case)()
    taught(learner, drawn_features(0))
    first, second = (drawn_features(seed, images=1)[0][0, 0].double() for seed in (1, 2))
    found = [weights_at(learner.head(), x) for x in (first, second)]
    assert found[0] is not None
    assert found[1] is not None
    if case != "per-branch-wide":
        assert torch.equal(found[0].bias, found[1].bias)


def test_several_heads_together() -> None:
    heads = [taught(maker(case)(), drawn_features(0)).head() for case in ("slda", "roots", "ridge")]
    together, x = Pooled(heads, (0.5, 2.0, 0.1)), drawn_features(1, images=1)[0]
    found = weights_at(together, x[0, 0].double())
    assert found is not None
    assert torch.allclose(found.logits(x[0, 0].double()), together(x)[0].double(), atol=1e-4)
    voting = taught(maker("tilda-1")(), drawn_features(0)).head()
    assert weights_at(Pooled([heads[0], voting], (1.0, 1.0)), x[0, 0].double()) is None


def test_some_of_the_classes() -> None:
    learner = taught(maker("slda")(), drawn_features(0))
    head, x = Chosen(learner.head(), [4, 1]), drawn_features(1, images=1)[0]
    found = weights_at(head, x[0, 0].double())
    assert found is not None
    assert torch.allclose(found.logits(x[0, 0].double()), logits_of(head, x)[0].double(), atol=1e-4)

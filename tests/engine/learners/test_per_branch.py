"""Heads of branches joined: earlier logits stay, later ones are scaled to them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.errors import BadSetting, Refused
from engine.learners import LEARNERS, Learner
from engine.learners.heads import logits_of
from engine.learners.joining import (
    Scale,
    fitted,
    read_scales,
    read_split,
    written_scales,
    written_split,
)
from tests.helpers.features import CLASSES, WIDTH, accuracy, drawn_features, part, taught


def learner(split: str, **settings: object) -> Learner:
    return LEARNERS.make("per_branch", {"split": split, **settings})


@pytest.mark.parametrize("wide", [False, True])
def test_a_later_branch_changes_no_earlier_logit(wide: bool):
    x = drawn_features(1)
    alone = taught(learner("6:0,1|3:2,3", wide=wide), cut_to(part(x, range(4)), 9))
    beside = learner("6:0,1|3:2,3|3:4,5", wide=wide)
    beside.restore(alone.memory())
    beside = taught(beside, part(x, [4, 5]))
    wide, narrow = (torch.cat(list(f.values())) for f in (x, cut_to(x, 9)))
    assert beside.classes == tuple(range(CLASSES))
    assert torch.equal(logits_of(beside.head(), wide)[:, :4], logits_of(alone.head(), narrow))


def cut_to(features: dict[int, torch.Tensor], width: int) -> dict[int, torch.Tensor]:
    return {number: found[:, :, :width].clone() for number, found in features.items()}


def test_scaling_mends_a_branch_that_shouts():
    """The weak point of branches: a later one whose logits are on another scale always wins."""
    x, test = drawn_features(1, 100), drawn_features(2, 100)
    for features in (x, test):
        for found in features.values():
            found[:, :, 6:] *= 30
    split, inner = "6:0,1,2|6:3,4,5", {"inner": "ncm", "options": "cosine=false"}
    shouting = taught(learner(split, scales="1,0", **inner), x)
    scaled = taught(learner(split, **inner), x)
    assert accuracy(shouting, test) < 0.55
    assert accuracy(scaled, test) > accuracy(shouting, test) + 0.1


def test_heads_that_know_the_earlier_classes_tell_new_from_old():
    """With `wide` the joined heads do nearly what one head of all classes does."""
    x, test = drawn_features(1, 100), drawn_features(2, 100)
    apart, wide = (taught(learner("6:0,1,2|6:3,4,5", wide=wide), x) for wide in (False, True))
    together = taught(LEARNERS.make("slda"), x)
    assert accuracy(wide, test) > accuracy(apart, test) + 0.1
    assert accuracy(wide, part(test, [3, 4, 5])) > accuracy(together, part(test, [3, 4, 5])) - 0.03
    few = cut_to(part(test, [0, 1, 2]), 6)
    old = logits_of(wide.head(), torch.cat(list(part(test, [0, 1, 2]).values())))[:, :3]
    first = taught(LEARNERS.make("slda"), cut_to(part(x, [0, 1, 2]), 6))
    assert torch.equal(old, logits_of(first.head(), torch.cat(list(few.values()))))


def test_the_best_scale_is_found():
    """Answers that come from known logits: the scale and shift that were taken away come back."""
    rng = torch.Generator().manual_seed(0)
    old, new = (3 * torch.randn(4000, 3, generator=rng, dtype=torch.float64) for _ in "ab")
    truth = torch.distributions.Categorical(logits=torch.cat([old, new], 1))
    torch.manual_seed(0)
    places = truth.sample()
    found = fitted(old, (new - 0.7) / 0.25, places)
    assert found.times == pytest.approx(0.25, rel=0.08)
    assert found.plus == pytest.approx(0.7, abs=0.15)
    hot = fitted(4 * old, (new - 0.7) / 0.25, places)  # the first head is far too sure
    assert hot.times == pytest.approx(4 * 0.25, rel=0.08)
    assert fitted(old[:, :0], new, places[:0]) == Scale()
    beside = new + old.logsumexp(1, keepdim=True)
    torch.manual_seed(0)
    places = torch.distributions.Categorical(logits=torch.cat([old, beside], 1)).sample()
    found = fitted(old, (new - 0.7) / 0.25, places, on_top=True)
    assert found.times == pytest.approx(0.25, rel=0.08)
    assert found.plus == pytest.approx(0.7, abs=0.15)


def test_scales_are_settled_by_held_out_images():
    x, test = drawn_features(1, 60), drawn_features(2, 60)
    made = taught(learner("6:0,1,2|6:3,4,5", scales="1,0"), x)
    held = torch.cat(list(test.values()))
    truth = torch.tensor([n for n, found in test.items() for _ in found])
    scale = made.scale_of(1, held, truth)
    better = learner("6:0,1,2|6:3,4,5", scales=written_scales([Scale(), scale]))
    better.restore(made.memory())
    cross = nn.functional.cross_entropy
    assert cross(logits_of(better.head(), held), truth) < cross(logits_of(made.head(), held), truth)
    assert made.scale_of(0, held, truth) == Scale()


def test_texts_of_splits_and_scales():
    assert read_split("") == ([], {})
    assert read_split("1280:1,2|640:3|5:") == ([1280, 640, 5], {1: 0, 2: 0, 3: 1})
    assert read_split(written_split([4, 5], [[1], [2, 3]])) == ([4, 5], {1: 0, 2: 1, 3: 1})
    scales = [Scale(), Scale(0.1, -1 / 3), Scale(3.0, 0.0)]
    assert read_scales(written_scales(scales), 3) == scales
    for text in ("12:1,x", "x:1", "|"):
        with pytest.raises(BadSetting, match="Write each branch as FEATURES:CLASSES"):
            learner(text)
    with pytest.raises(BadSetting, match="at least one feature"):
        learner("0:1|12:2")
    for text, why in (
        ("1", "for 2 branches"),
        ("1,0|1,0", "2 scales"),
        ("0,1", "above 0"),
        ("a,b", "can't be read"),
        ("nan,0", "above 0"),
    ):
        with pytest.raises(BadSetting, match=why):
            learner("6:1|6:2", scales=text if text != "1" else "-1,0")
    with pytest.raises(BadSetting, match="can't be per_branch"):
        LEARNERS.make("per_branch", {"inner": "per_branch"})
    with pytest.raises(BadSetting, match="no learner called “magic”"):
        LEARNERS.make("per_branch", {"inner": "magic"})


def test_features_of_another_network_are_refused():
    with pytest.raises(Refused, match=f"gives {WIDTH} features, and the branches' heads look at 9"):
        taught(learner("6:0|3:1"), drawn_features(1))


def test_options_reach_the_inner_learner():
    x = drawn_features(1)
    options = {"inner": "slda", "options": "shrinkage=1.0"}
    fixed = taught(LEARNERS.make("per_branch", options), x)
    same = taught(LEARNERS.make("slda", {"shrinkage": 1.0}), x)
    images = torch.cat(list(x.values()))
    assert torch.equal(logits_of(fixed.head(), images), logits_of(same.head(), images))
    with pytest.raises(BadSetting, match="no setting called “speed”"):
        LEARNERS.make("per_branch", {"options": "speed=1"})

"""Heads that follow single images, beside learners that learn all of them at once."""

from __future__ import annotations

import pytest
import torch

from engine.learners import LEARNERS, Learner
from engine.learners import live_linear as low_rank
from engine.learners.heads import logits_of
from engine.learners.live import Live
from tests.helpers.features import SETTINGS, Features, drawn_features, task, taught

WAITING = torch.cat(list(drawn_features(9).values()))
ANY_ORDER = [case for case in SETTINGS if not case.startswith("tilda-") or case == "tilda-1"]
FAST = ["slda-fixed", "ridge-fixed"]


def made(case: str) -> Learner:
    if case == "ridge-fixed":
        return LEARNERS.make("ridge", {"size": 60, "penalty": 0.3})
    name, settings = SETTINGS[case]
    return LEARNERS.make(name, settings)


def waiting(case: str) -> torch.Tensor:
    return WAITING.repeat(1, made(case).views, 1)


def images_of(case: str, seed: int = 3, images: int = 9) -> Features:
    return drawn_features(seed, images=images, views=made(case).views)


def settled(live: Live, seen: Features) -> torch.Tensor:
    known = task({}, seen)
    live.settle(known.sample, known.sample_classes)
    return live.logits().double()


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Probabilities within 1e-4: suggestions are sums in float32."""
    assert found.shape == expected.shape
    a, b = found.double().softmax(dim=1), expected.double().softmax(dim=1)
    torch.testing.assert_close(a, b, rtol=0, atol=1e-4)


def follow(live: Live, images: Features) -> None:
    """One image of each class after the other."""
    for i in range(max(map(len, images.values()))):
        for number, features in images.items():
            if i < len(features):
                live.learn(number, features[i : i + 1])


@pytest.mark.parametrize("case", ANY_ORDER)
def test_image_by_image_it_says_what_a_learner_of_all_says(case: str) -> None:
    x = images_of(case)
    live = made(case).live(waiting(case))
    follow(live, x)
    whole = taught(made(case), x)
    assert live.classes == whole.classes
    close(settled(live, x), logits_of(whole.head(), waiting(case)))
    close(live.asked(waiting(case)), logits_of(whole.head(), waiting(case)))


@pytest.mark.parametrize("case", ANY_ORDER)
def test_images_and_classes_that_go_leave_nothing_behind(case: str) -> None:
    x = images_of(case)
    live = taught(made(case), x).live(waiting(case))
    known = task({}, x)
    live.settle(known.sample, known.sample_classes)
    rest = {n: f[:5] if n == 2 else f for n, f in x.items() if n != 4}
    live.unlearn(4, x[4], x[4][:0])
    live.unlearn(2, x[2][5:], x[2][:5])
    whole = taught(made(case), rest)
    assert live.classes == whole.classes
    close(settled(live, rest), logits_of(whole.head(), waiting(case)))


@pytest.mark.parametrize("case", FAST)
@pytest.mark.parametrize("few", [0, 20, 500])
def test_a_low_rank_update_is_exact_where_the_ridge_is_given(
    case: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after the first decomposition, after many, and where there never is one."""
    monkeypatch.setattr(low_rank, "FEW", few)
    monkeypatch.setattr(low_rank, "MOST", 7)
    x = images_of(case, images=20)
    live = made(case).live(waiting(case))
    follow(live, x)
    assert (live.lower is None) == (few == 500)
    whole = taught(made(case), x)
    expected = logits_of(whole.head(), waiting(case)).double()
    found = live.logits().double()
    assert (found.argmax(1) == expected.argmax(1)).double().mean() > 0.95
    live.rebase()
    close(live.logits(), expected)


@pytest.mark.parametrize("case", FAST)
def test_an_act_decomposes_nothing(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    live = taught(made(case), images_of(case)).live(waiting(case))

    def never(*_: object) -> torch.Tensor:
        raise AssertionError("an act solved anew")

    monkeypatch.setattr(low_rank, "cholesky", never)
    live.learn(3, images_of(case, 5)[3][:1])
    live.unlearn(1, images_of(case)[1][:1], images_of(case)[1][1:])
    live.logits()


def test_before_anything_is_learnt_and_after_all_went_nothing_is_said() -> None:
    for case in ANY_ORDER:
        if case.startswith(("tilda", "per-branch", "ncm")):
            continue
        live = made(case).live(waiting(case))
        assert live.logits().shape == (len(WAITING), 0)
        image = images_of(case)[0][:1]
        live.learn(0, image)
        assert live.logits().shape == (len(WAITING), 1)
        live.unlearn(0, image, image[:0])
        assert live.logits().shape == (len(WAITING), 0)

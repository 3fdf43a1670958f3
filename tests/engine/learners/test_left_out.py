"""What a learner would say of an image it learnt, beside learners that really never saw it."""

from __future__ import annotations

import pytest
import torch

from engine.learners import LEARNERS, Learner
from engine.learners.discriminant import Discriminant
from tests.helpers.features import SETTINGS, Features, drawn_features, maker, part, taught


def without(case: str, whole: Learner, rest: Features, image: torch.Tensor) -> torch.Tensor:
    """What a learner says of an image that learnt the rest alone, regularised as the whole one is.

    Settings say how much as a share of what was learnt, and that is less without one image.
    """
    if case == "ridge":
        probe = taught(LEARNERS.make("ridge", {"size": 60, "penalty": 1.0}), rest)
        share = whole._l * float(whole._G.trace() / probe._G.trace())
        learner, scale = taught(LEARNERS.make("ridge", {"size": 60, "penalty": share}), rest), 1.0
    elif isinstance(whole, Discriminant):
        name, _ = SETTINGS[case]
        probe = taught(LEARNERS.make(name, {"shrinkage": 0.5}), rest)
        odds = whole._s / (1 - whole._s) * float(whole._scatter.trace() / probe._scatter.trace())
        s = odds / (1 + odds)  # the covariance is scaled by 1 - s, and logits by its inverse
        learner, scale = taught(LEARNERS.make(name, {"shrinkage": s}), rest), 1 - s
        scale /= 1 - whole._s
    else:
        learner, scale = taught(maker(case)(), rest), 1.0
    return (learner.head()(image).double() * scale).softmax(dim=1)[0]


def asked(learner: Learner, images: Features) -> torch.Tensor:
    """What it would say of images it learnt: probabilities (images, classes)."""
    y = torch.tensor([c for c in sorted(images) for _ in images[c]])
    logits = learner.left_out(torch.cat([images[c] for c in sorted(images)]), y)
    assert logits is not None
    return logits.softmax(dim=1)


@pytest.mark.parametrize("case", ["ncm", "ncm-cosine", "slda", "slda-fixed", "roots", "ridge"])
def test_it_is_what_a_learner_says_that_never_saw_the_image(case: str) -> None:
    x = drawn_features(3, images=7)
    whole = taught(maker(case)(), x)
    found, seen = asked(whole, x), taught(maker(case)(), x).head()(torch.cat(list(x.values())))
    assert (found.argmax(1) != seen.argmax(1)).any(), "leaving out changes answers: this can fail"
    images = [(c, i) for c, features in sorted(x.items()) for i in range(len(features))]
    for row, (c, i) in enumerate(images):
        rest = {**x, c: torch.cat([x[c][:i], x[c][i + 1 :]])}
        really = without(case, whole, rest, x[c][i : i + 1])
        torch.testing.assert_close(found[row], really, rtol=0, atol=2e-6)


@pytest.mark.parametrize("case", ["slda-fixed", "ridge"])
def test_regularising_anew_would_hardly_change_it(case: str) -> None:
    x = drawn_features(3)
    whole, few = taught(maker(case)(), x), part(x, [0, 3])
    found = asked(whole, x)
    for c in few:
        for i in range(0, 30, 6):
            rest = {**x, c: torch.cat([x[c][:i], x[c][i + 1 :]])}
            really = taught(maker(case)(), rest).head()(x[c][i : i + 1]).softmax(dim=1)[0]
            torch.testing.assert_close(found[30 * c + i].float(), really, rtol=0, atol=0.01)


@pytest.mark.parametrize("case", ["ncm", "slda", "slda-fixed", "roots", "ridge"])
def test_a_class_is_no_answer_for_its_only_image(case: str) -> None:
    x = {**drawn_features(3), 2: drawn_features(3)[2][:1]}
    whole = taught(maker(case)(), x)

    found = asked(whole, {2: x[2]})[0]

    assert found[2] == 0
    rest = {c: v for c, v in x.items() if c != 2}
    really = without(case, whole, rest, x[2])
    torch.testing.assert_close(found[[0, 1, 3, 4, 5]], really, rtol=0, atol=2e-6)


def test_where_there_is_no_closed_form_nothing_is_said() -> None:
    x = drawn_features(3)
    for case in ("tilda-3", "per-branch"):
        learner = taught(maker(case)(), x)
        assert learner.left_out(x[0], torch.zeros(30, dtype=torch.int64)) is None

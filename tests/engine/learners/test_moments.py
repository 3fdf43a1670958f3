"""Moments among the features, which discriminant analysis multiplies by what suits the images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.learners import LEARNERS, Learner, Task
from engine.learners.discriminant import Discriminant
from engine.learners.heads import logits_of
from engine.learners.slda import TIMES
from tests.helpers.features import Features

OWN, MOMENTS, IMAGES = 150, 4, 40


def drawn(seed: int, images: int = IMAGES, loud: bool = True) -> Features:
    """Features whose first ones say little of the class, and whose moments say much, but vary so
    little that they would hardly count as they are; or that say nothing, and vary much."""
    rng = torch.Generator().manual_seed(seed)
    truth = torch.eye(5)[:, :MOMENTS]
    found = {}
    for number in range(5):
        own = torch.randn(images, 1, OWN, generator=rng)
        own[..., 0] += number / 4
        noise = torch.randn(images, 1, MOMENTS, generator=rng)
        moments = 0.1 * (2 * truth[number] + noise) if loud else 3 * noise
        found[number] = torch.cat([own, moments], dim=2)
    return found


def together(images: Features) -> tuple[torch.Tensor, torch.Tensor]:
    numbers = torch.tensor([n for n in sorted(images) for _ in images[n]])
    return torch.cat([images[n] for n in sorted(images)]), numbers


def learnt(images: Features, *parts: Features, name: str = "slda", moments: int = MOMENTS):
    """A learner of `images`, in steps of `parts` where they are given."""
    learner = LEARNERS.make(name)
    seen: Features = {}
    for part in parts or (images,):
        for number, x in part.items():
            seen[number] = torch.cat([seen[number], x]) if number in seen else x
        for _ in learner.learn(Task(part, *together(seen), moments)):
            pass
    return learner


def scaled(images: Features, times: float) -> Features:
    return {n: torch.cat([x[..., :OWN], times * x[..., OWN:]], dim=2) for n, x in images.items()}


def right(learner: Learner, asked: Features) -> float:
    x, y = together(asked)
    return float((learner.answers(x) == y.numpy()).mean())


def test_moments_that_tell_classes_apart_are_multiplied() -> None:
    x, asked = drawn(1), drawn(2)
    assert right(learnt(x), asked) > right(learnt(x, moments=0), asked) + 0.05


def test_the_answer_is_that_of_a_learner_whose_features_were_multiplied_before() -> None:
    x, asked = drawn(1), drawn(2)
    found = learnt(x)
    assert isinstance(found, Discriminant)
    times = found._times
    assert times in TIMES[1:]
    before = LEARNERS.make("slda", {"shrinkage": found._s})
    for _ in before.learn(Task(scaled(x, times), *together(scaled(x, times)))):
        pass
    expected = logits_of(before.head(), together(scaled(asked, times))[0])
    torch.testing.assert_close(logits_of(found.head(), together(asked)[0]), expected)
    left = found.left_out(*together(x))
    torch.testing.assert_close(left, before.left_out(*together(scaled(x, times))))


def test_moments_that_say_nothing_are_left_as_they_are() -> None:
    found = learnt(drawn(1, loud=False))
    plain = learnt(drawn(1, loud=False), moments=0)
    x = together(drawn(2, loud=False))[0]
    torch.testing.assert_close(logits_of(found.head(), x), logits_of(plain.head(), x))


@pytest.mark.parametrize("name", ["slda", "auto"])
def test_the_order_of_steps_changes_nothing(name: str) -> None:
    x, asked = drawn(1), together(drawn(2))[0]
    first = {n: f[: IMAGES // 2] for n, f in x.items() if n < 4}
    later = {n: f[IMAGES // 2 :] if n < 4 else f for n, f in x.items()}
    found, whole = learnt(x, first, later, name=name), learnt(x, name=name)
    torch.testing.assert_close(
        logits_of(found.head(), asked), logits_of(whole.head(), asked), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("name", ["slda", "auto"])
def test_a_class_that_is_forgotten_leaves_nothing_behind(name: str) -> None:
    x, asked = drawn(1), together(drawn(2))[0]
    rest = {n: f for n, f in x.items() if n != 3}
    found = learnt(x, name=name)
    found.forget(3, x[3])
    found.refit(*together(rest))
    whole = learnt(rest, name=name)
    torch.testing.assert_close(
        logits_of(found.head(), asked), logits_of(whole.head(), asked), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("name", ["slda", "auto"])
def test_what_is_kept_answers_as_before_and_goes_on(name: str) -> None:
    x, asked = drawn(1), together(drawn(2))[0]
    found, again = learnt(x, name=name), LEARNERS.make(name)
    again.restore(found.memory())
    assert torch.equal(logits_of(again.head(), asked), logits_of(found.head(), asked))
    again.refit(*together(x))
    torch.testing.assert_close(logits_of(again.head(), asked), logits_of(found.head(), asked))


@pytest.mark.parametrize("name", ["slda", "auto"])
def test_a_live_head_follows_and_chooses_when_it_settles(name: str) -> None:
    """Also from nothing, where nobody has chosen yet."""
    x, asked = drawn(1), together(drawn(2))[0]
    expected = logits_of(learnt(x, name=name).head(), asked).softmax(dim=1)
    half = {n: f[: IMAGES // 2] for n, f in x.items()}
    for live, more in (
        (LEARNERS.make(name).live(asked), x),
        (learnt(half, name=name).live(asked), {n: f[IMAGES // 2 :] for n, f in x.items()}),
    ):
        for number, images in more.items():
            live.learn(number, images)
        live.settle(*together(x), MOMENTS)
        for said in (live.logits(), live.asked(asked)):
            torch.testing.assert_close(
                said.double().softmax(dim=1), expected.double(), rtol=0, atol=1e-4
            )


def test_how_far_images_spread_is_said_of_the_features_as_they_are() -> None:
    """Distances from the classes' means are those of the head."""
    x = drawn(1)
    learner = learnt(x)
    means, _, covariance = learner.spread()
    r = x[2][:, 0].double()[:, None] - means
    q = -torch.einsum("nkd,de,nke->nk", r, torch.linalg.inv(covariance), r) / 2
    said = logits_of(learner.head(), x[2]).double()
    centred = [v - v.mean(dim=1, keepdim=True) for v in (said, q)]
    torch.testing.assert_close(*centred, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(means[2], x[2][:, 0].double().mean(dim=0), atol=1e-6)

"""The head that is chosen for the images: each of those that can be, and why one of them is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch.nn.functional import cross_entropy

from engine.learners import LEARNERS, Learner, candidates
from engine.learners.candidates import TITLES, Decision
from engine.learners.centred_ridge import CentredRidge
from engine.learners.discriminant import deviations
from engine.learners.heads import logits_of, roots
from engine.learners.live_portfolio import LivePortfolio
from engine.learners.pooling import HELD_BACK, best_weights
from engine.learners.scaled import LEAST, Scaled
from engine.learners.slda import StreamingLDA
from engine.learners.sums import ClassSums
from tests.engine.learners import test_learners as checks
from tests.helpers.features import (
    CLASSES,
    WIDTH,
    Features,
    accuracy,
    drawn_features,
    flat,
    logits,
    maker,
    part,
    same,
    task,
    taught,
)

ALL_HEADS = pytest.mark.parametrize("head", range(len(TITLES)), ids=TITLES)
WEIGHTS = (0.2, 1.5, 0.1, 4.0)


@pytest.fixture
def takes(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the portfolio take one of its heads, whatever the images say."""
    decided = candidates.decided

    def take(head: int) -> None:
        one = tuple(float(place == head) for place in range(4))

        def forced(parts: Decision, said: torch.Tensor, places: torch.Tensor) -> Decision:
            weights = one if head < 4 else WEIGHTS
            return replace(decided(parts, said, places), head=head, weights=weights)

        monkeypatch.setattr(candidates, "decided", forced)

    return take


def lopsided(seed: int, images: int = 40) -> Features:
    """Features with long tails, as what few images have much of: roots tell them apart better."""
    fixed, rng = torch.Generator().manual_seed(3), torch.Generator().manual_seed(seed)
    means = 0.5 * torch.randn(CLASSES, 1, 1, WIDTH, generator=fixed)
    drawn = torch.randn(CLASSES, images, 1, WIDTH, generator=rng)
    return dict(enumerate((means + 1.3 * drawn).exp()))


@ALL_HEADS
@pytest.mark.parametrize(
    "check",
    [
        checks.any_order_of_classes,
        checks.any_batches,
        checks.any_order_of_images,
        checks.forgets_exactly,
        checks.forgets_all,
        checks.memory_survives_a_save,
        checks.cancel_changes_nothing,
    ],
    ids=lambda check: check.__name__,
)
def test_whatever_is_chosen_it_is_exact(
    head: int, check: Callable[[checks.Make], None], takes: Callable[[int], None]
) -> None:
    takes(head)
    check(maker("auto"))


def test_all_of_them_together_export(takes: Callable[[int], None], tmp_path) -> None:
    takes(4)
    checks.exports_and_agrees(maker("auto"), str(tmp_path / "head.onnx"))


@ALL_HEADS
def test_whatever_is_chosen_it_follows_a_person(head: int, takes: Callable[[int], None]) -> None:
    """Images and classes come and go one by one; after settling all is as if learnt at once."""
    takes(head)
    x, waiting = drawn_features(3, images=9), torch.cat(list(drawn_features(9).values()))
    live = taught(LEARNERS.make("auto"), part(x, [0, 1, 2])).live(waiting)
    for number in (3, 4, 5):
        for image in x[number].split(1):
            live.learn(number, image)
    live.unlearn(4, x[4], x[4][:0])
    live.unlearn(2, x[2][5:], x[2][:5])
    rest = {n: f[:5] if n == 2 else f for n, f in x.items() if n != 4}
    if head in (0, 1, 3):  # the others' scales and weights are those of before
        for inner, _ in live.lives:
            inner.rebase()
        now = logits_of(headed(live), waiting)
        torch.testing.assert_close(live.logits().softmax(1), now.softmax(1), rtol=0, atol=1e-4)
    known = task({}, rest)
    live.settle(known.sample, known.sample_classes)
    whole = logits_of(taught(LEARNERS.make("auto"), rest).head(), waiting)
    for said in (live.logits(), live.asked(waiting).float()):
        torch.testing.assert_close(said.softmax(1), whole.softmax(1), rtol=0, atol=1e-4)


def headed(live: LivePortfolio) -> torch.nn.Module:
    """The head of the sums as they are now, with what was chosen before."""
    ((place, _),) = live.heads.used
    return live.heads.head(place)


@ALL_HEADS
def test_what_it_says_of_learnt_images_is_what_its_parts_say(
    head: int, takes: Callable[[int], None]
) -> None:
    takes(head)
    x = drawn_features(3, images=7)
    learner = taught(LEARNERS.make("auto"), x)
    images, y = torch.cat(list(x.values())), torch.tensor([c for c in x for _ in x[c]])
    found, heads = learner.left_out(images, y), learner._heads
    said = [heads.left_out(place, images, y) for place in range(4)]
    expected = sum(w * s for w, s in zip(WEIGHTS, said, strict=True)) if head == 4 else said[head]
    torch.testing.assert_close(found, expected)
    assert (found.argmax(1) != logits_of(learner.head(), images).argmax(1)).any()


# Why one is chosen.


def test_images_that_another_method_suits_get_it_and_it_says_why() -> None:
    known, test = lopsided(1), lopsided(2, images=200)
    learner = taught(LEARNERS.make("auto"), known)
    choice = learner.choice()
    assert choice is not None
    assert choice["title"] in (TITLES[1], TITLES[4])
    assert accuracy(learner, test) > accuracy(taught(LEARNERS.make("slda"), known), test) + 0.05
    right = dict(zip(choice["titles"], choice["right"], strict=True))
    assert choice["images"] == 240
    assert choice["says"] == (
        f"Chosen: {choice['title']}. {100 * right[choice['title']]:.1f} % of 240 images are right "
        "when each is asked as if it had not been learnt; by the recommended method "
        f"{100 * right[TITLES[0]]:.1f} %."
    )


def test_where_none_is_better_the_recommended_method_stays_and_answers_as_ever() -> None:
    x = drawn_features(1)
    learner, usual = taught(LEARNERS.make("auto"), x), taught(LEARNERS.make("slda"), x)
    assert learner.choice()["title"] == TITLES[0]
    assert "no other method is better beyond chance" in learner.choice()["says"]
    assert torch.equal(logits(learner, x), logits(usual, x))


def test_the_choice_is_the_same_however_the_images_came() -> None:
    x = lopsided(1)
    at_once = taught(LEARNERS.make("auto"), x)
    steps = [{c: x[c][a:b]} for a, b in ((0, 5), (5, 40)) for c in (4, 0, 5, 2, 1, 3)]
    slowly = taught(LEARNERS.make("auto"), *steps)
    assert slowly.choice() == at_once.choice()
    same(logits(slowly, x), logits(at_once, x))


def test_with_one_class_or_one_image_of_each_there_is_nothing_to_choose_by() -> None:
    x = lopsided(1)
    for few in (part(x, [3]), {c: v[:1] for c, v in x.items()}):
        assert taught(LEARNERS.make("auto"), few).choice() is None


def said_by(*answers: tuple[float, ...]) -> torch.Tensor:
    """Logits of two classes by each head: how much likelier each image's class is."""
    margins = torch.tensor(answers, dtype=torch.float64)
    return torch.stack([margins, torch.zeros_like(margins)], dim=2)


def test_a_lead_by_chance_is_no_lead() -> None:
    """One image of forty more is right, the others as before; then twenty more are."""
    places = torch.zeros(40, dtype=torch.int64)
    usual = (2.0,) * 19 + (-2.0,) * 21
    lucky, better = (2.0,) * 20 + (-2.0,) * 20, (2.0,) * 39 + (-2.0,)
    assert candidates.decided(Decision(), said_by(usual, lucky, usual, usual), places).head == 0
    found = candidates.decided(Decision(), said_by(usual, better, usual, usual), places)
    assert found.head == 1
    assert found.right[:2] == (19 / 40, 39 / 40)


def test_who_is_surer_but_right_less_often_is_not_taken() -> None:
    places = torch.zeros(100, dtype=torch.int64)
    usual = (0.1,) * 92 + (-9.0,) * 8
    surer = (9.0,) * 90 + (-0.1,) * 10
    found = candidates.decided(Decision(), said_by(usual, surer, usual, usual), places)
    assert found.head == 0
    assert found.right[1] < found.right[0]


def test_who_is_better_for_what_is_frequent_alone_is_not_taken() -> None:
    """Right 870 of 900 times beside 800, by giving up the class that has thirty images."""
    places = torch.tensor([0] * 870 + [1] * 30)
    usual, frequent = torch.full((2, 900), 2.0, dtype=torch.float64)
    usual[:100], frequent[870:] = -2.0, -2.0
    margins = torch.stack([usual, frequent, usual, usual]) * (1 - 2 * places)  # of class 0
    said = torch.stack([margins, torch.zeros_like(margins)], dim=2)
    found = candidates.decided(Decision(), said, places)
    assert found.right[:2] == (800 / 900, 870 / 900)
    assert found.head == 0


# The papers' own claims.


def test_products_of_roots_are_hellingers_affinity() -> None:
    """sum of sqrt(p q) for histograms p and q; signs stay (Perronnin et al., section 3.1)."""
    p, q = torch.tensor([[[0.5, 0.3, 0.2]]]), torch.tensor([[[0.1, 0.1, 0.8]]])
    affinity = (0.05**0.5 + 0.03**0.5 + 0.16**0.5) / 1
    assert float((roots(3 * p) * roots(7 * q)).sum()) == pytest.approx(affinity, rel=1e-6)
    found = roots(torch.tensor([[[4.0, -9.0, 0.0]]]))
    expected = torch.tensor([[[2.0, -3.0, 0.0]]]) / 13**0.5
    torch.testing.assert_close(found, expected)


def test_roots_suit_features_with_long_tails() -> None:
    known, test = lopsided(1), lopsided(2, images=200)
    by_roots, usual = (taught(LEARNERS.make(name), known) for name in ("roots", "slda"))
    assert accuracy(by_roots, test) > accuracy(usual, test) + 0.05


def sums(x: Features) -> tuple[ClassSums, torch.Tensor]:
    known = ClassSums()
    return known, sum(r.T @ r for r in deviations(x, known))


def test_centred_ridge_is_scikit_learns_with_its_intercept() -> None:
    x, test = drawn_features(1, images=7), drawn_features(2)
    x[3] = x[3][:2]  # classes of several sizes
    images, classes = flat(x)
    total = ((images - images.mean(axis=0)) ** 2).sum() / WIDTH
    model = Ridge(alpha=0.3 * total).fit(images, np.eye(CLASSES)[classes])
    found = CentredRidge(*sums(x), penalty=0.3).head()(torch.cat(list(test.values())))
    expected = torch.tensor(model.predict(flat(test)[0])).float()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_centred_ridge_leaves_one_out_as_if_it_had_never_been_learnt() -> None:
    x = drawn_features(1, images=5)
    x[3] = x[3][:2]
    images, classes = flat(x)
    alpha = 0.1 * ((images - images.mean(axis=0)) ** 2).sum() / WIDTH
    found = CentredRidge(*sums(x), penalty=0.1).left_out(
        torch.tensor(images)[:, None], torch.tensor(classes)
    )
    for i in range(len(images)):
        rest = np.arange(len(images)) != i
        model = Ridge(alpha=alpha).fit(images[rest], np.eye(CLASSES)[classes[rest]])
        expected = torch.tensor(model.predict(images[i : i + 1]))[0]
        torch.testing.assert_close(found[i], expected, rtol=0, atol=1e-8)


def test_own_spread_is_shrunk_toward_the_covariances_diagonal() -> None:
    """Friedman's: (1 - s) S + s diag(S), up to the little that keeps constant features finite."""
    x, test = drawn_features(1), torch.cat(list(drawn_features(2).values()))
    for features in x.values():
        features[..., 0] *= 50
    plain = taught(StreamingLDA(), x)
    known, scatter = plain._known, plain._scatter
    found = Scaled.own_spread(plain, 0.4).head()(test)
    covariance = scatter / known.n.sum()
    own = covariance.diagonal()
    variances = own + LEAST * own.mean()
    level = float((own / variances).mean())
    shrunk = 0.6 * covariance + 0.4 * level * torch.diag(variances)
    r = test[:, 0].double()[:, None] - known.means
    q = -torch.einsum("nkd,de,nke->nk", r, torch.linalg.inv(shrunk), r) / 2
    centred = [v.double() - v.double().mean(dim=1, keepdim=True) for v in (found, q)]
    torch.testing.assert_close(*centred, rtol=1e-4, atol=1e-4)


def test_weights_are_where_no_change_within_the_bounds_would_help() -> None:
    """The slope of the loss is 0 in each weight that has a part, and uphill in the others."""
    rng = torch.Generator().manual_seed(4)
    places = torch.randint(0, 5, (300,), generator=rng).clamp(min=1) - 1  # the first has most
    places[:9] = 4
    true = torch.nn.functional.one_hot(places, 5).double()
    noise = torch.randn(4, 300, 5, generator=rng, dtype=torch.float64)
    said = torch.stack([true, 2 * true, true, -true]) + noise
    w = best_weights(said, places).requires_grad_()
    centred = said - said.mean(dim=2, keepdim=True)
    scales = centred.square().mean(dim=(1, 2)).sqrt()
    held = HELD_BACK * (w * scales).square().sum()
    lost = cross_entropy(torch.tensordot(w, said, dims=1), places, reduction="none")
    by_class = [lost[places == c].mean() for c in range(5)]  # all classes count alike
    loss = torch.stack(by_class).mean() + held
    loss.backward()
    slope = w.grad / scales
    assert [bool(each > 0) for each in w] == [True, True, True, False]
    assert slope[:3].abs().max() < 1e-9
    assert slope[3] > 0.01


def test_a_pool_is_better_than_any_of_its_parts_on_other_images() -> None:
    """Wolpert's claim, where each sees something that the others do not."""
    rng = torch.Generator().manual_seed(4)

    def drawn(images: int) -> tuple[torch.Tensor, torch.Tensor]:
        places = torch.randint(0, 5, (images,), generator=rng)
        true = 1.5 * torch.nn.functional.one_hot(places, 5).double()
        return true + torch.randn(4, images, 5, generator=rng, dtype=torch.float64), places

    said, places = drawn(300)
    w = best_weights(said, places)
    asked, truth = drawn(5000)
    right = [(s.argmax(1) == truth).double().mean() for s in asked]
    pooled = torch.tensordot(w, asked, dims=1).argmax(1) == truth
    assert pooled.double().mean() > max(right) + 0.1


def test_what_is_kept_brings_the_choice_back() -> None:
    learner: Learner = taught(LEARNERS.make("auto"), lopsided(1))
    other = LEARNERS.make("auto")
    other.restore(learner.memory())
    assert other.choice() == learner.choice()

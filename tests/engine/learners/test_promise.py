"""Promises against SciPy's distributions, figures by hand, and populations whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, binom

from engine.learners.promise import (
    LEVELS,
    NEVER,
    Promise,
    fewest,
    most,
    promised,
    proves,
    reached,
    tail,
    threshold,
)
from engine.system.groups import Groups, Naming


@pytest.mark.parametrize(
    ("n", "k", "rate"), [(299, 0, 0.01), (5000, 40, 0.01), (60, 60, 0.3), (40_000, 700, 0.02)]
)
def test_bounds_are_those_of_scipy(n: int, k: int, rate: float) -> None:
    assert tail(n, k, rate) == pytest.approx(binom.cdf(k, n, rate), rel=1e-8)
    bound = beta.ppf(0.95, k + 1, n - k) if k < n else 1.0
    assert most(n, k) == pytest.approx(bound, abs=1e-8)


def test_it_takes_299_right_answers_to_show_one_per_cent() -> None:
    """0.99^299 = 0.0495, 0.99^298 = 0.0500 and a little; by hand: ln 0.05 / ln 0.99 = 298.07."""
    assert [fewest(rate) for rate in (0.01, 0.02, 0.05)] == [299, 149, 59]
    assert proves(299, 0, 0.01)
    assert not proves(298, 0, 0.01)
    assert not proves(0, 0, 0.01)
    assert most(0, 0) == 1


def test_the_laxest_level_that_is_shown_is_taken_and_nothing_below_one_that_fails() -> None:
    confidence = np.repeat([0.99, 0.9, 0.7, 0.5], [70, 70, 10, 400])
    wrong = np.zeros(550, bool)
    # By hand: 140 right answers show 5 %; with 10 wrong ones more they do not, and below, where
    # 10 of 550 would, nothing is asked any more.
    wrong[140:150] = True
    level = threshold(*flat(confidence, wrong), 0.05)
    assert 0.7 < level <= 0.9
    assert most(550, 10) < 0.05
    assert threshold(*flat(confidence, ~wrong), 0.05) == NEVER
    assert threshold(*flat(confidence[:58], wrong[:58]), 0.05) == NEVER


def test_each_level_counts_those_that_reach_it() -> None:
    confidence, wrong = np.array([0.2, 0.999, 0.6, 0.0]), np.array([True, False, True, True])
    images, errors = reached(*flat(confidence, wrong))
    for level, n, k in zip(LEVELS, images, errors, strict=True):
        assert (n, k) == ((confidence >= level).sum(), wrong[confidence >= level].sum())


def flat(*each: np.ndarray) -> list[np.ndarray]:
    """Of classes without groups: one level."""
    return [values[:, None] for values in each]


FLAT = Groups(("",) * 3)


def population(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidences and whether wrong: an answer of log-odds x is wrong with 1 / (1 + e^(x + 1))."""
    x = 2.5 + 2 * rng.standard_normal(n)
    return 1 / (1 + np.exp(-x)), rng.random(n) < 1 / (1 + np.exp(x + 1))


@pytest.mark.parametrize("rate", [0.02, 0.05])
def test_a_promise_is_broken_in_no_more_than_one_of_twenty_choices_of_images(rate: float) -> None:
    rng = np.random.default_rng(0)
    given, errors = reached(*flat(*population(rng, 400_000)))
    true = dict(zip(LEVELS.tolist(), errors / np.maximum(given, 1), strict=True)) | {NEVER: 0.0}

    draws, broken, naively, answered = 400, 0, 0, 0
    for _ in range(draws):
        confidence, wrong = population(rng, 800)
        level = threshold(*flat(confidence, wrong), rate)
        broken += true[level] > rate
        answered += level < NEVER
        images, errors = reached(*flat(confidence, wrong))
        seems = LEVELS[(images > 0) & (errors <= rate * images)]
        naively += true[float(seems.min())] > rate
    assert answered > 0.6 * draws
    # More than 5 % by chance alone: 31 of 400 with a probability of 0.01.
    assert broken <= binom.ppf(0.99, draws, 0.05)
    assert naively > 0.3 * draws, "the laxest level that looks right is no promise"


def test_classes_with_enough_images_have_a_threshold_of_their_own() -> None:
    """Class 0 is always right, class 1 is wrong where it is less sure, class 2 has few images."""
    confidence = np.concatenate([np.full(200, 0.6), np.full(150, 0.95), np.full(150, 0.6), [0.6]])
    best = np.repeat([0, 1, 2], [200, 300, 1])
    wrong = np.zeros(501, bool)
    wrong[350:400] = True
    made = promised(*flat(confidence), best, *flat(wrong), FLAT, 0.05)
    assert made.least[0] <= 0.6 < made.least[1] <= 0.95
    # The rest is class 2 alone, whose one image shows nothing: all classes together speak for it.
    assert made.least[2] == threshold(*flat(confidence, wrong), 0.05) > 0.6
    shares = np.array([[0.6, 0.3, 0.1], [0.2, 0.6, 0.2], [0.02, 0.97, 0.01], [0.0, 0.0, 1.0]])
    assert made.given(shares).tolist() == [0, -1, 0, 0]
    assert made.kept
    assert not Promise(0.01, (NEVER, NEVER), FLAT).kept


def test_a_class_that_can_t_show_it_alone_makes_the_others_threshold_stricter() -> None:
    """Its surest answers are wrong: it stays with the others, and none of them can be promised."""
    confidence, best = np.full(400, 0.9), np.repeat([0, 1], [200, 200])
    wrong = (best == 1) & (np.arange(400) % 4 == 0)
    wrong[200:260] = True
    made = promised(*flat(confidence), best, *flat(wrong), FLAT, 0.05)
    assert made.least[0] <= 0.9
    assert made.least[1] == made.least[2] == NEVER


def test_others_that_show_nothing_get_the_threshold_of_all_classes_together() -> None:
    """By hand: 12 of 200 wrong show no 5 %, 12 of 600 do."""
    confidence, best = np.full(600, 0.9), np.repeat([0, 1], [400, 200])
    wrong = np.arange(600) >= 588
    assert not proves(200, 12, 0.05)
    assert proves(600, 12, 0.05)
    made = promised(*flat(confidence), best, *flat(wrong), FLAT, 0.05)
    assert max(made.least) <= 0.9
    assert not made.proven
    each = promised(*flat(confidence), np.arange(600) // 200, *flat(wrong & False), FLAT, 0.05)
    assert each.proven
    assert (
        promised(*flat(confidence[400:]), best[400:], *flat(wrong[400:]), FLAT, 0.05).kept is False
    )


WITHIN = ("moths/hawk-moths", "moths/hawk-moths", "moths", "")
"""Of four classes: two in a group in a group, one in the outer group, one alone."""


def test_an_answer_climbs_until_it_is_sure_enough() -> None:
    groups = Groups(WITHIN)
    made = Promise(0.05, (0.8,) * 4, groups)
    lines = {
        (0.9, 0.05, 0.03, 0.02): 0,
        (0.5, 0.4, 0.05, 0.05): 1,  # 0.9 together
        (0.4, 0.3, 0.2, 0.1): 2,  # 0.7 together, 0.9 with the third
        (0.3, 0.3, 0.1, 0.3): -1,  # 0.7 at most
        (0.3, 0.1, 0.5, 0.1): 1,  # the third class's group is the outer one
        (0.3, 0.1, 0.1, 0.5): -1,  # alone, it has nowhere to climb to
    }
    assert made.given(np.array(list(lines))).tolist() == list(lines.values())
    naming = Naming(("deilephila", "hyles", "burnet", "snail"), WITHIN, made.least)
    named = [naming.answer(np.array(line)) for line in lines]
    assert [name for name, _ in named] == ["deilephila", "hawk-moths", "moths", "", "moths", ""]
    assert [share for _, share in named] == pytest.approx([0.9, 0.9, 0.9, 0.7, 0.9, 0.5])
    assert naming.groups == ("hawk-moths", "moths")


def test_a_group_is_right_where_the_class_is_one_of_its_own() -> None:
    groups = Groups(WITHIN)
    wrong = groups.wrong(np.array([0, 0, 0, 2, 3]), np.array([0, 1, 2, 0, 0]))
    wanted = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 1, 1]]
    assert wrong.astype(int).tolist() == wanted


def test_climbing_answers_are_counted_where_they_are_given() -> None:
    """Against counting image by image."""
    rng = np.random.default_rng(1)
    groups, truth = Groups(WITHIN), rng.integers(0, 4, 300)
    probabilities = rng.dirichlet([0.4] * 4, 300)
    best = probabilities.argmax(axis=1)
    confidence, wrong = groups.climbed(probabilities), groups.wrong(best, truth)
    images, errors = reached(confidence, wrong)
    for level, n, k in zip(LEVELS, images, errors, strict=True):
        given = Promise(0.05, (float(level),) * 4, groups).given(probabilities)
        some = given >= 0
        assert (n, k) == (some.sum(), wrong[some, given[some]].sum())

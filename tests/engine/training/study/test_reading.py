"""What a study says, against scipy and figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from engine.training.study.curves import ALL_RIGHT, FEW, more_images, said_of, subset
from engine.training.study.reading import Row, behind, best_of, holm, lead, sentence, sign_test


def rights(images: int, *places: range) -> np.ndarray:
    """Right at the places alone."""
    found = np.zeros(images, bool)
    for place in places:
        found[place.start : place.stop] = True
    return found


def test_holm_by_hand() -> None:
    # Sorted .005, .01, .03, .04: 4 x .005, 3 x .01, 2 x .03, and the last is no less than before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(("one", "other"), [(0, 0), (0, 5), (3, 9), (40, 41), (120, 60)])
def test_the_sign_test_is_scipys(one: int, other: int) -> None:
    first, second = rights(200, range(one)), rights(200, range(one, one + other))
    expected = stats.binomtest(one, one + other).pvalue if one + other else 1.0
    assert sign_test(first, second) == pytest.approx(expected)


def test_the_interval_is_that_of_images_drawn_anew() -> None:
    first, second = rights(179, range(120)), rights(179, range(10, 150))
    mean, low, high = lead(first, second)
    found = stats.bootstrap(
        (second.astype(float) - first,),
        np.mean,
        method="percentile",
        n_resamples=9999,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert mean == pytest.approx(20 / 179)
    assert (low, high) == pytest.approx((found.low, found.high), abs=0.006)


def test_one_row_that_leads_is_named_with_its_lead_and_its_time() -> None:
    rows = [
        Row("Frozen features", rights(200, range(140)), 2.0, plain=True),
        Row("Tuned", rights(200, range(180)), 80.0),
        Row("Worst", rights(200, range(100)), 1.0),
    ]
    assert best_of(rows) == 1
    said = sentence(rows)
    assert said.startswith("Tuned is best here, by 20.0 points (")
    assert " over Frozen features, and took 40 times as long. Which rows are behind is" in said
    assert said.endswith("corrected for 2 comparisons with the best (Holm); the intervals are not.")
    assert "corrected" not in sentence(rows[:2]), "nothing was looked at but the two"
    found = behind(rows)
    assert found[1] is None
    assert [b.difference[0] for b in found if b] == pytest.approx([0.2, 0.4])
    assert not any(b.tied for b in found if b)


def test_ties_are_said_as_ties_and_the_quickest_of_them_named() -> None:
    rows = [
        Row("A", rights(179, range(150)), 30.0),
        Row("B", rights(179, range(2, 151)), 3.0),
        Row("C", rights(179, range(60)), 1.0),
    ]
    assert sentence(rows) == (
        "These two can't be told apart on 179 images: A; B. The quickest of them is B. The other "
        "one is behind A beyond chance. Which rows are behind is corrected for 2 comparisons with "
        "the best (Holm); the intervals are not."
    )
    assert sentence(rows[:2]).startswith("The two can't be told apart on 179 images: A; B.")


def test_of_many_ties_a_few_are_named_the_most_accurate_first() -> None:
    rows = [Row(f"{n}", rights(60, range(30 + n)), n) for n in range(7)]
    assert sentence(rows) == (
        "All seven can't be told apart on 60 images: 6; 5; 4; 3; 3 more. The quickest of them is "
        "0. Which rows are behind is corrected for 6 comparisons with the best (Holm); the "
        "intervals are not."
    )


def test_a_lead_that_one_of_many_has_by_chance_is_a_tie() -> None:
    best, other = rights(100, range(80)), rights(100, range(73))  # 7 to 0: p = 1/64
    assert sign_test(best, other) == pytest.approx(1 / 64)
    found = behind([Row("best", best, 1), *(Row(f"{n}", other, 1) for n in range(4))])
    assert [b.p for b in found if b] == pytest.approx([4 / 64] * 4)
    assert all(b.tied for b in found if b)
    alone = behind([Row("best", best, 1), Row("other", other, 1)])[1]
    assert alone is not None
    assert not alone.tied


def test_of_rows_that_are_alike_the_quickest_is_the_best() -> None:
    right = rights(10, range(5))
    assert best_of([Row("slow", right, 9.0), Row("quick", right, 1.0)]) == 1


def points(images: int, wrong: list[float]) -> np.ndarray:
    """Right answers of each point, wrong in such shares; what is right once stays right."""
    return np.stack([rights(images, range(round(images * (1 - share)))) for share in wrong])


def test_more_images_by_a_power_law_that_is_known() -> None:
    counts = [100, 250, 500, 1000]
    wrong = [0.4 * (count / 100) ** -0.5 for count in counts]
    right = points(20_000, wrong)
    more = more_images(counts, right)
    assert more is not None
    mean, low, high = more
    assert mean == pytest.approx(wrong[-1] * (1 - 2**-0.5), abs=2e-4)  # by hand: 3.7 points
    assert low < mean < high
    assert said_of(right, more).startswith("Twice as many images: about +3.7 points (")


def test_the_line_goes_through_the_last_three_points() -> None:
    counts, wrong = [10, 100, 250, 500], [0.9, 0.4, 0.3, 0.25]
    right = points(1000, wrong)
    assert more_images(counts, right) == more_images(counts[1:], right[1:])
    steeper = points(1000, [0.9, 0.4, 0.3, 0.2])
    assert more_images(counts, steeper)[0] > more_images(counts, right)[0]


def test_images_that_come_and_go_widen_the_interval() -> None:
    """As many are right at each point: the same of them, or others."""
    counts, same = [100, 200, 400], points(400, [0.4, 0.3, 0.2])
    others = same.copy()
    others[-1] = np.roll(same[-1], 80)  # 80 are wrong that were right
    narrow, wide = (more_images(counts, right) for right in (same, others))
    assert narrow[0] == wide[0]
    assert wide[2] - wide[1] > 1.1 * (narrow[2] - narrow[1])


def test_points_beside_the_line_widen_the_interval() -> None:
    counts, on_it = [200, 400, 800], [0.2828, 0.2, 0.1414]
    beside = [0.29, 0.13, 0.1414]
    narrow, wide = (more_images(counts, points(2000, wrong)) for wrong in (on_it, beside))
    assert wide[2] - wide[1] > 1.3 * (narrow[2] - narrow[1])


def test_the_interval_holds_at_its_rate_where_images_come_and_go() -> None:
    rng, held, cases = np.random.default_rng(0), 0, 200
    counts = np.array([25, 50, 100, 200])
    for _ in range(cases):
        # An image is wrong by its own ease and by which images were learnt from.
        ease = rng.normal(size=(1, 120)) + 0.4 * rng.normal(size=(4, 120))
        start, slope = rng.uniform(0.3, 0.6), rng.uniform(0.1, 0.5)
        limits = np.quantile(rng.normal(size=20_000) * 1.077, start * (counts / 25) ** -slope)
        right = ease > limits[:, None]
        _, low, high = more_images(counts[:3].tolist(), right[:3])
        held += low - 1e-9 <= right[3].mean() - right[2].mean() <= high + 1e-9
    assert 0.93 * cases < held <= cases


def test_few_points_promise_nothing() -> None:
    right = points(50, [0.5, 0.4, 0.3, 0.2])
    assert more_images([1, 1, 1, 3], right) is None
    assert said_of(right, None) == FEW


def test_where_all_are_right_there_is_no_gain_to_tell() -> None:
    right = points(40, [0.1, 0.0, 0.0, 0.0])
    assert more_images([1, 2, 4, 8], right) is None
    assert said_of(right, None) == ALL_RIGHT


def test_a_gain_that_so_few_images_cannot_tell_is_said_to_be_none() -> None:
    counts = [10, 25, 50, 100]
    right = points(30, [0.2, 0.2, 0.2, 0.2])
    more = more_images(counts, right)
    assert more is not None
    assert more[1] <= 0
    assert "no gain that 30 images could tell" in said_of(right, more)


def test_larger_shares_hold_the_smaller_ones() -> None:
    train = {1: ["d", "b", "a", "c"], 2: ["x"]}
    assert subset(train, 50) == {1: ["a", "b"], 2: ["x"]}
    assert subset(train, 10) == {1: ["a"], 2: ["x"]}
    assert subset(train, 100) == {1: ["a", "b", "c", "d"], 2: ["x"]}

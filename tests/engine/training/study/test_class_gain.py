"""What more of a class would bring: against a law that is known, and numpy's weighted line."""

from __future__ import annotations

import numpy as np
import pytest

from engine.training.study.class_gain import BY_DRAW, more_right, slope_of

COUNTS = [10, 20, 40, 80]


def test_along_a_power_law_that_is_known() -> None:
    wrong = [round(4000 * 0.4 * (count / 10) ** -0.5) for count in COUNTS]
    mean, low, high = more_right(COUNTS, wrong, 4000, 3.0)
    assert mean == pytest.approx(wrong[-1] / 4000 * (1 - 3**-0.5), abs=0.002)  # by hand
    assert low < mean < high


def test_the_slope_and_its_error_are_those_of_numpys_weighted_line() -> None:
    share = (np.array([9, 7, 6, 4]) + 0.5) / 13
    weights = 1 / ((1 - share) / (12 * share) + BY_DRAW)
    x, z = np.log(COUNTS), np.log(share)
    (slope, _), covariance = np.polyfit(x, z, 1, w=np.sqrt(weights), cov="unscaled")
    assert slope_of(COUNTS, [9, 7, 6, 4], 12) == pytest.approx((slope, covariance[0, 0] ** 0.5))
    # Points that lie further from the line than their numbers allow tell of more doubt.
    assert (
        slope_of(COUNTS, [900, 300, 900, 300], 1200)[1] > 4 * slope_of(COUNTS, [900] * 4, 1200)[1]
    )


@pytest.mark.parametrize("held_out", [12, 60])
def test_the_interval_holds_at_its_rate_for_few_images_too(held_out: int) -> None:
    rng, held = np.random.default_rng(0), 0
    counts = np.array([*COUNTS, 240])
    hard = rng.random((300, held_out))  # an image is wrong until so few of all are
    for each in hard:
        start, slope = rng.uniform(0.6, 0.95), rng.uniform(0.2, 0.7)
        shares = start * (counts / 10) ** -slope
        wrong = [int((each < share).sum()) for share in shares]
        _, low, high = more_right(COUNTS, wrong[:4], held_out, 3.0)
        held += low - 1e-9 <= (wrong[3] - wrong[4]) / held_out <= high + 1e-9
    assert 0.93 * len(hard) < held <= len(hard)


def test_where_nothing_is_wrong_nothing_comes() -> None:
    assert more_right(COUNTS, [4, 2, 1, 0], 12, 2.0)[:2] == pytest.approx([0.0, 0.0])

"""Which cut the sharing curve recommends."""

from __future__ import annotations

import pytest

from engine.errors import BadSetting, Refused
from engine.training.branching.sharing_curve import Point, recommended


def points(*accuracies: float) -> list[Point]:
    share = [0.1, 0.3, 0.6, 1.0]
    return [
        Point(f"cut{i}", s, s, a, (0.0, 1.0), 0.0)
        for i, (s, a) in enumerate(zip(share, accuracies, strict=True))
    ]


@pytest.mark.parametrize(
    ("threshold", "cut"), [(0, "cut1"), (0.5, "cut1"), (1, "cut2"), (2.9, "cut2"), (3, "cut3")]
)
def test_the_cut_that_shares_most_within_the_threshold_is_recommended(threshold: float, cut: str):
    assert recommended(points(0.88, 0.90, 0.89, 0.87), threshold).cut == cut


def test_of_equals_the_one_that_shares_more_is_recommended():
    assert recommended(points(0.9, 0.9, 0.9, 0.8), 0).cut == "cut2"
    with pytest.raises(BadSetting, match="from 0 on"):
        recommended(points(0.9, 0.9, 0.9, 0.8), -1)
    with pytest.raises(Refused, match="no cut"):
        recommended([], 1)

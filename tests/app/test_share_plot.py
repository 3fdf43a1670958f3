"""The sharing curve marks the cut that the engine would take."""

from __future__ import annotations

import random

import pytest

from app.pages.branches.share_plot import recommended
from engine.training.branching.sharing_curve import Point
from engine.training.branching.sharing_curve import recommended as of_engine


@pytest.mark.parametrize("seed", range(20))
def test_the_mark_is_at_the_cut_that_the_engine_takes(seed: int) -> None:
    rng = random.Random(seed)
    points = [
        Point(f"stage{n}", n / 8, round(n / 8, 1), rng.randrange(80, 100) / 100, (0.0, 1.0), 0.0)
        for n in range(1, 9)
    ]
    for threshold in (0.0, 0.5, 1.0, 3.0, 10.0, 100.0):
        marked = recommended([point.plain() for point in points], threshold)
        assert marked == of_engine(points, threshold).cut
    assert recommended([], 1.0) == ""

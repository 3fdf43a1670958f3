"""From what to what the numbers between two layers go, when they get 8 bits."""

from __future__ import annotations

import numpy as np
import pytest

from engine.export.int8.ranges import Histogram


@pytest.mark.parametrize("method", ["percentile", "entropy"])
def test_ranges_leave_out_what_is_rare_and_hold_what_is_not(method: str) -> None:
    rng = np.random.default_rng(0)
    usual, rare = rng.normal(0, 1, 100_000), np.array([400.0])
    counts = Histogram()
    for part in np.array_split(usual, 7):
        counts.add(part.astype(np.float32))
    low, high = counts.range_by(method)
    assert -6 < low < -3
    assert 3 < high < 6
    counts.add(rare.astype(np.float32))
    low, high = counts.range_by(method)
    assert high < 200
    positive = Histogram()
    positive.add(np.minimum(np.abs(usual * 4), 6).astype(np.float32))
    assert positive.range_by(method) == pytest.approx((0, 6), abs=0.01)

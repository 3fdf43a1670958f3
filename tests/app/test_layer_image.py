"""The colours of the plot of stages: where a rate lies on their scale."""

from __future__ import annotations

import pytest

from app.pages.tune.layer_image import Scale


def test_a_scale_goes_from_0_to_1_and_its_marks_lie_where_their_rates_do() -> None:
    for peaks in ([0.1, 0.19], [1e-7, 3e-3, 0.02], [0.0, 0.0]):
        scale = Scale.over(peaks)
        assert (scale.place(scale.low), scale.place(scale.high)) == (0, 1)
        assert scale.place(2 * scale.high) == 1
        marks = scale.ticks(6)
        assert 2 <= len(marks) <= 7
        assert [scale.place(float(text)) for _, text in marks] == pytest.approx(
            [place for place, _ in marks]
        )

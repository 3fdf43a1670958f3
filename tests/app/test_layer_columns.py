"""What the plot of stages keeps of a run that is very long."""

from __future__ import annotations

from pathlib import Path

from app.pages.tune.layer_plot import LayerPlot
from engine.events import LayerState
from tests.helpers.plots import table


def test_a_very_long_run_keeps_as_many_columns_as_a_screen_shows(tmp_path: Path) -> None:
    plot, total = LayerPlot(), 40_000
    for done in range(2, total + 1, 2):
        plot.state(
            LayerState(
                done,
                total,
                ("stem", "head"),
                (done / 1e6, 0.1),
                (False,) * 2,
                (False,) * 2,
                ("Learns.",) * 2,
            )
        )
    rows = table(plot, tmp_path / "t.csv")
    assert 5000 < len(rows) <= 10_001
    plot.read((0, total - 1))
    assert plot.said()[2] == "learning rate 0.04"

"""The curves of a run: over epochs and seconds, of several runs, and of one that goes on."""

from __future__ import annotations

import pytest

from app.widgets.run_curves import PIECES, Curves, overlaid
from tests.helpers.runs import curves, epoch, names, step


def test_curves_over_epochs_and_over_seconds() -> None:
    made = curves(2)
    over = names(made.series("accuracy", "epoch"))
    assert over["validation"] == ((1.0, 4.0), (2.0, 8.0))
    assert over["train"] == ((1.0, 60.0), (2.0, 60.0))
    assert over["old classes"] == (), "there are none that were told"
    assert [x for x, _ in over["train, steps"]] == [n / 4 for n in range(1, 9)]
    over = names(made.series("loss", "seconds"))
    assert over["validation"] == ((0.4, 2.0), (0.8, 2.0))
    assert over["train, steps"][-1] == (0.8, 8.0)


def test_old_and_new_classes_have_their_own_lines() -> None:
    made = Curves()
    made.add(4, epoch(1, 4, old_accuracy=0.25, new_accuracy=0.75))
    over = names(made.series("accuracy", "epoch"))
    assert over["old classes"] == ((1.0, 25.0),)
    assert over["new classes"] == ((1.0, 75.0),)


def test_a_run_that_goes_on_from_a_checkpoint_takes_back_what_came_after_it() -> None:
    made = curves(3)
    made.add(5, step(5, 100.0))
    assert made.steps["step"] == [1, 2, 3, 4, 5]
    assert made.steps["loss"][-1] == 100.0
    made.add(8, epoch(2, 8, 0.9))
    assert [row["epoch"] for row in made.epochs] == [1, 2]
    assert made.best == 0.9


def test_many_steps_are_drawn_as_means() -> None:
    made = curves(1, each=PIECES * 3 + 1)
    points = names(made.series("loss", "epoch"))["train, steps"]
    assert len(points) == PIECES
    assert points[0][1] == 2.0, "the mean of 1, 2 and 3"
    last = PIECES * 3
    assert points[-1][1] == pytest.approx((last - 2 + last - 1 + last + last + 1) / 4)


def test_runs_are_laid_over_each_other_with_lines_that_differ() -> None:
    made = overlaid([(f"run {n}", curves(n)) for n in (1, 2, 3)], "accuracy", "epoch")
    assert [len(series.points) for series in made] == [1, 2, 3]
    assert len({(series.token, series.dash) for series in made}) == 3

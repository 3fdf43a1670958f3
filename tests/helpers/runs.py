"""What runs of tuning tell of themselves, as tests of the Tune page show it."""

from __future__ import annotations

from typing import Any

from app.widgets.line_plot import Series
from app.widgets.run_curves import Curves


def step(number: int, loss: float = 1.0) -> dict[str, float]:
    return {"loss": loss, "accuracy": 0.5, "seconds": number / 10, "rate": 0.1}


def epoch(number: int, done: int, accuracy: float = 0.5, **more: float) -> dict[str, float]:
    return {
        "epoch": float(number),
        "step": done,
        "seconds": done / 10,
        "train_loss": 1.0,
        "train_accuracy": 0.6,
        "validation_loss": 2.0,
        "validation_accuracy": accuracy,
        **more,
    }


def curves(epochs: int, each: int = 4) -> Curves:
    made = Curves()
    made.know_epochs(epochs * each, epochs)
    for number in range(1, epochs * each + 1):
        made.add(number, step(number, float(number)))
        if number % each == 0:
            made.add(number, epoch(number // each, number, number / 100))
    return made


def run(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "title": "",
        "made": "2026-01-01",
        "tuner": "fine_tune",
        "schedule": "none",
        "settings": {"lr": 0.01, "epochs": 3.0},
        "state": "done",
        "epochs_done": 3.0,
        "epochs": 3.0,
        "seconds": 12.0,
        "saved": {"seconds": 1.0, "flops": 2e9},
        "best_accuracy": 0.8,
        "collapsed": False,
        "before": None,
        "after": None,
        "difference": None,
        "images": None,
        **more,
    }


def judged(new: list[float] | None) -> dict[str, Any]:
    return run(
        1,
        before={"accuracy": 0.8, "old_accuracy": 0.9, "new_accuracy": 0.7},
        after={"accuracy": 0.85, "old_accuracy": 0.9, "new_accuracy": 0.8},
        difference={"all": [0.05, 0.01, 0.09], "old": [0.0, -0.01, 0.01], "new": new},
        images=200,
    )


def names(series: list[Series]) -> dict[str, tuple[tuple[float, float], ...]]:
    return {made.name: made.points for made in series}

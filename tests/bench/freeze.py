"""Tuning with and without freezing, one run: seconds, FLOPs and accuracy of each schedule.

    python -m tests.bench.freeze [PHOTOS] [--weights FILE] [--size 96] [--epochs 6] [--seeds 3]
                                 [--each 0]

PHOTOS is a folder of class folders, of which `--each` takes so many images of each class. All
schedules have the same epochs, seeds, rates and images; "seconds" are those of the training's
steps, reading and changing images included. Accuracy is that of the project's learner on the tuned
network's features, on the held-out images: its mean over the seeds, the 95 % interval for so many
images, and how far it is from the unfrozen one's, on average and with the least and the most of
the seeds.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from engine.learners.metrics import accuracy_interval
from tests.bench.common import do, new
from tests.bench.given import parser_of, photos_of

RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "unfrozen": ("none", {"views": 0}),
    "FreezeOut, as published": ("freezeout", {"views": 0}),
    "FreezeOut, prefix kept": ("freezeout", {}),
    "unscaled, t0 = 0.5, prefix kept": ("freezeout", {"t0": 0.5, "scaled": False}),
    "gradual unfreezing": ("gradual", {}),
}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--epochs", type=float, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--each", type=int, default=0, help="images of a class; 0 for all")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        photos = photos_of(options, Path(name))
        if options.each:
            photos = fewer(photos, Path(name) / "fewer", options.each)
        session = new(Path(name), "freeze", weights=options.weights, size=options.size)
        learnt = do(session, "learn_folder", paths=[str(photos)])
        print(f"before tuning: {100 * learnt['accuracy']:.1f} %")
        table(session, options)
        session.close()


def table(session: Any, options: argparse.Namespace) -> None:
    """A line for each schedule; seeds come one after the other, so that a slow minute is shared."""
    given = dict(text.partition("=")[::2] for text in options.set)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in RECIPES}
    for seed in range(options.seeds):
        for name, (schedule, settings) in RECIPES.items():
            asked = {**given, **settings, "seed": seed}
            run = do(
                session,
                "tune",
                schedule=schedule,
                settings=asked,
                epochs=options.epochs,
                adopt="never",
            )
            found[name].append(run)
            print(
                f"  seed {seed}, {name}: {run['seconds']:.0f} s, "
                f"{100 * run['after']['accuracy']:.1f} %",
                flush=True,
            )
    plain = found["unfrozen"]
    print(
        f"{'':34}{'seconds':>8} {'share':>7} {'FLOPs':>7} {'accuracy':>9}   95 % interval  "
        "from unfrozen (seeds)"
    )
    for name, runs in found.items():
        print(f"{name:34}{line_of(runs, plain)}")


def fewer(photos: Path, to: Path, each: int) -> Path:
    """A folder with links to the first images of each class."""
    for folder in sorted(photos.iterdir()):
        (to / folder.name).mkdir(parents=True)
        for file in sorted(folder.iterdir())[:each]:
            (to / folder.name / file.name).symlink_to(file.resolve())
    return to


def accuracies(runs: list[dict[str, Any]]) -> np.ndarray:
    """In percent, one for each seed."""
    return np.array([100 * run["after"]["accuracy"] for run in runs])


def line_of(runs: list[dict[str, Any]], plain: list[dict[str, Any]]) -> str:
    seconds, usual = (np.mean([run["seconds"] for run in each]) for each in (runs, plain))
    share = np.mean([1 - run["saved"]["flops"] / run["full_flops"] for run in runs])
    mean, gains = accuracies(runs).mean(), accuracies(runs) - accuracies(plain)
    images = runs[0]["images"]
    low, high = accuracy_interval(round(images * mean / 100), images) or (0.0, 0.0)
    return (
        f"{seconds:8.1f} {seconds / usual:7.0%} {share:7.0%} {mean:8.1f} %"
        f"   {100 * low:.1f}–{100 * high:.1f}      "
        f"{gains.mean():+.1f} ({gains.min():+.1f} to {gains.max():+.1f})"
    )


if __name__ == "__main__":
    main()

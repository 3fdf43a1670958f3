"""Tuning with and without freezing, one run: seconds, FLOPs and accuracy of four schedules.

    python -m tests.bench.freeze [PHOTOS] [--weights FILE] [--size 96] [--epochs 6] [--seeds 3]

PHOTOS is a folder of class folders. All schedules have the same epochs, seeds, rates and images;
"seconds" are those of the training's steps, reading and changing images included. Accuracy is that
of the project's learner on the tuned network's features, on the held-out images.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from engine.evaluate import accuracy_interval
from tests.bench.common import do, new
from tests.bench.given import parser_of, photos_of

RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "unfrozen": ("none", {"views": 0}),
    "FreezeOut, as published": ("freezeout", {"views": 0}),
    "FreezeOut, prefix kept": ("freezeout", {}),
    "FreezeOut t0 = 0.5, as published": ("freezeout", {"t0": 0.5, "views": 0}),
    "FreezeOut t0 = 0.5, prefix kept": ("freezeout", {"t0": 0.5}),
    "gradual unfreezing": ("gradual", {}),
}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--epochs", type=float, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        photos = photos_of(options, Path(name))
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
            run = do(session, "tune", schedule=schedule, settings=asked, epochs=options.epochs,
                     adopt="never")  # fmt: skip
            found[name].append(run)
            print(f"  seed {seed}, {name}: {run['seconds']:.0f} s, "
                  f"{100 * run['after']['accuracy']:.1f} %", flush=True)  # fmt: skip
    plain = np.mean([run["seconds"] for run in found["unfrozen"]])
    print(f"{'':34}{'seconds':>8} {'share':>7} {'FLOPs':>7} {'accuracy':>9}   95 % interval")
    for name, runs in found.items():
        print(f"{name:34}{line_of(runs, float(plain))}")


def line_of(runs: list[dict[str, Any]], plain: float) -> str:
    seconds = float(np.mean([run["seconds"] for run in runs]))
    flops = [run["saved"]["flops"] for run in runs]
    share = np.mean([1 - saved / run["full_flops"] for saved, run in zip(flops, runs, strict=True)])
    images = sum(run["images"] for run in runs)
    right = round(sum(run["after"]["accuracy"] * run["images"] for run in runs))
    low, high = accuracy_interval(right, images) or (0.0, 0.0)
    return (f"{seconds:8.1f} {seconds / plain:7.0%} {share:7.0%} {100 * right / images:8.1f} %"
            f"   {100 * low:.1f}-{100 * high:.1f}")  # fmt: skip


if __name__ == "__main__":
    main()

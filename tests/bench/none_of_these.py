"""How well images of classes that were never learnt are told from those of the classes.

    python -m tests.bench.none_of_these FOLDER... [--size 128] [--features moments] [--classes 0]
        [--learn 0] [--each 0] [--seeds 3] [--learner slda]

Each FOLDER holds class folders, or parts (train/, test/, ...) that hold them. For each seed four of
ten classes are left out. Of each of the others six of ten images, or `learn` of them, are learnt, a
fifth of the rest is held out for the threshold, and what remains is asked, beside all images of the
classes left out. "alone" is the distance to the nearest class, "weighed" what the program takes.
AUROC is the share of pairs in which the image of a class left out lies farther; then, by the
threshold that was fitted, which share of the known is called none of these wrongly, and of the
others rightly; and that share again where just 5 % of the known would be called so.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from engine.learners import LEARNERS, Task
from engine.learners.confidence import calibrate, calibrated
from engine.learners.metrics import ranked_above
from engine.models.answers import answer
from tests.bench.promise import features_of

SAMPLE = 1500
COLUMNS = ("AUROC", "wrongly", "rightly", "rightly at 5 %")


def main() -> None:
    options = arguments()
    print("| set | known, asked, left out | " + " | ".join(COLUMNS) + " | weights | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for folder in options.folders:
        x, y, names = features_of(options, folder)
        print(line(options, folder.name, x, y, len(names)), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("folders", type=Path, nargs="+")
    add("--weights", default="", help="weights of the backbone; else EfficientNet-Lite0")
    add("--size", type=int, default=128)
    add("--features", default="moments")
    add("--classes", type=int, default=0, help="so many of the classes, the first by name; 0: all")
    add("--each", type=int, default=0, help="so many images of each class; 0: all")
    add("--learn", type=int, default=0, help="so many are learnt of each class; 0: six of ten")
    add("--seeds", type=int, default=3)
    add("--learner", default="slda")
    return parser.parse_args()


def line(
    options: argparse.Namespace, name: str, x: torch.Tensor, y: torch.Tensor, classes: int
) -> str:
    found, facts, seconds = list[np.ndarray](), list[tuple[int, ...]](), list[float]()
    weights = Counter[str]()
    for seed in range(options.seeds):
        figures, counts, took, chosen = measured(options, x, y, classes, seed)
        found.append(figures)
        facts.append(counts)
        seconds.append(took)
        weights[chosen] += 1
    mean = np.mean(found, axis=0)
    cells = [f"{100 * a:.1f} → {100 * b:.1f}" for a, b in zip(*mean, strict=True)]
    known, asked, other = np.mean(facts, axis=0).round().astype(int)
    said = ", ".join(f"{one} ×{n}" for one, n in weights.items())
    return (
        f"| {name} | {known:,}, {asked:,}, {other:,} | {' | '.join(cells)} | {said} "
        f"| {np.mean(seconds):.1f} |"
    )


def measured(
    options: argparse.Namespace, x: torch.Tensor, y: torch.Tensor, classes: int, seed: int
) -> tuple[np.ndarray, tuple[int, int, int], float, str]:
    """The columns by the distance alone and as weighed, float64 (2, COLUMNS); how many images."""
    rng = np.random.default_rng(seed)
    mixed = rng.permutation(classes)
    known, left = mixed[: round(0.6 * classes)], mixed[round(0.6 * classes) :]
    train, held, asked = list[int](), list[int](), list[int]()
    for number in known:
        own = rng.permutation(np.flatnonzero(y.numpy() == number)).tolist()
        learnt = min(options.learn or len(own), round(0.6 * len(own)))
        rest = len(own) - learnt
        train += own[:learnt]
        held += own[learnt : learnt + rest // 5]
        asked += own[learnt + rest // 5 :]
    other = np.flatnonzero(np.isin(y.numpy(), left)).tolist()
    learner = LEARNERS.make(options.learner)
    chosen = sorted(rng.permutation(train)[:SAMPLE].tolist(), key=lambda i: int(y[i]))
    sample = x[chosen], y[chosen]
    new = {int(n): x[[i for i in train if y[i] == n]] for n in sorted(known)}
    for _ in learner.learn(Task(new, *sample)):
        pass
    head, clock = learner.head().eval(), time.process_time()
    rows, evidence = [], None
    for said in (None, learner.left_out(*sample)):
        fitted = calibrate(head, *sample, x[held], y[held], said)
        model = calibrated(head, fitted)
        near, far = (answer(model, x[some]).distances for some in (asked, other))
        rows.append(columns(near, far, fitted.threshold))
        evidence = fitted.evidence
    told = "alone"
    if evidence is not None:
        told = " ".join(f"{w:.3g}" for w in evidence.weights)
    counts = (len(train), len(asked), len(other))
    return np.array(rows), counts, time.process_time() - clock, told


def columns(near: np.ndarray, far: np.ndarray, threshold: float) -> tuple[float, ...]:
    at = np.quantile(near, 0.95)
    return (
        ranked_above(far, near),
        float((near > threshold).mean()),
        float((far > threshold).mean()),
        float((far > at).mean()),
    )


if __name__ == "__main__":
    main()

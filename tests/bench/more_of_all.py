"""Does “Twice as many images: about +…” come true? Parts of a set's images tell what twice as many
would bring; then those are learnt.

    python -m tests.bench.more_of_all [PHOTOS] [--weights FILE] [--size 128] [--classes 10]
                                      [--images 8,16,32,64] [--held 60,200,700] [--seeds 8]
                                      [--kept FILE]

PHOTOS holds train/ and test/ (or val/, or validation/, or several), each a folder of class folders.
For each number of images of a class, number of held-out images and seed, classes and images are
drawn; 10, 25, 50 and 100 % of the part make the curve. By discriminant analysis with its shrinkage
fixed, and by nearest means, of 200 principal components. An interval is to hold what came in 95 of
100 cases. FILE keeps the features, for a next run.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import torch

from engine.images.decode import open_image
from engine.learners import LEARNERS, Task
from engine.models.backbone import Backbone
from engine.models.extractor import Extractor
from engine.training.study.curves import more_images
from tests.bench.given import parser_of
from tests.bench.kept import Arrays, kept
from tests.bench.portfolio import ASKED

DIMENSIONS, FIT_ON = 200, 1500
SHARES = (0.1, 0.25, 0.5, 1.0)
LEARNERS_ASKED = {"slda": {"shrinkage": 0.3}, "ncm": {}}
ROUNDING = 1e-9


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        seen = kept(options, Path(name), looked_at)
    z, y, held = reduced(seen["x"], seen["held"]), seen["y"], seen["held"]
    cases: list[tuple[int, int, bool, float, float]] = []
    numbers = [[int(n) for n in text.split(",")] for text in (options.images, options.held)]
    for images, asked, seed in product(*numbers, range(options.seeds)):
        drawn = draw(y, held, options.classes, images, asked, seed)
        for learner in LEARNERS_ASKED if drawn else ():
            told, came = case(z, y, *drawn, images, learner)
            if told is not None:
                holds = told[1] - ROUNDING <= came <= told[2] + ROUNDING
                cases.append((images, asked, holds, told[2] - told[1], told[0] - came))
    for at, what in enumerate(("images of a class", "held-out images")):
        for number in numbers[at]:
            print_row(f"{number} {what}", [c for c in cases if c[at] == number])
    print_row("all", cases)


def arguments() -> argparse.Namespace:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--images", default="8,16,32,64")
    parser.add_argument("--held", default="60,200,700")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--kept", type=Path)
    return parser.parse_args()


def print_row(what: str, cases: list[tuple[int, int, bool, float, float]]) -> None:
    if cases:
        _, _, holds, wide, off = (np.array(column) for column in zip(*cases, strict=True))
        print(
            f"{what:24} {holds.sum()} of {len(cases)} hold what came ({holds.mean():.0%}), "
            f"{100 * wide.mean():.1f} points wide, told {100 * off.mean():+.1f} too much"
        )


def looked_at(folder: Path, backbone: Backbone) -> Arrays:
    """Features (images, width), class numbers, and which images are held out."""
    extractor, files = Extractor(backbone), sorted(folder.glob("*/*/*"))
    names, made = sorted({file.parent.name for file in files}), []
    for start in range(0, len(files), 64):
        images = [open_image(f, backbone.preprocessing).seen for f in files[start : start + 64]]
        made.append(extractor(np.stack(images))[:, 0])
    y = np.array([names.index(file.parent.name) for file in files])
    held = np.array([file.parts[-3] in ASKED for file in files])
    return {"x": np.concatenate(made), "y": y, "held": held}


def reduced(x: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The principal components of some of the images to learn from: (images, DIMENSIONS)."""
    train = x[~held].astype(np.float64)
    mean, some = train.mean(0), np.random.default_rng(0).permutation(len(train))[:FIT_ON]
    axes = np.linalg.svd(train[some] - mean, full_matrices=False)[2][:DIMENSIONS]
    return np.asarray(((x - mean) @ axes.T).astype(np.float32))


def draw(
    y: np.ndarray, held: np.ndarray, classes: int, images: int, asked: int, seed: int
) -> tuple[dict[int, np.ndarray], np.ndarray] | None:
    """Twice as many images of each class as tell, where there are half as many more at least, and
    what is asked; None where there are too few."""
    rng = np.random.default_rng(1000 * seed + images)
    chosen = sorted(rng.permutation(np.unique(y))[:classes].tolist())
    train = {c: rng.permutation(np.flatnonzero(~held & (y == c)))[: 2 * images] for c in chosen}
    if min(map(len, train.values())) < 1.5 * images:
        return None
    return train, rng.permutation(np.flatnonzero(held & np.isin(y, chosen)))[:asked]


def case(
    z: np.ndarray,
    y: np.ndarray,
    train: dict[int, np.ndarray],
    asked: np.ndarray,
    images: int,
    learner: str,
) -> tuple[list[float] | None, float]:
    """What the rest of the images would bring, as told by a part, and what it brought."""

    def right(part: dict[int, np.ndarray]) -> np.ndarray:
        made = LEARNERS.make(learner, LEARNERS_ASKED[learner])
        new = {c: torch.from_numpy(z[some])[:, None] for c, some in part.items()}
        sample = torch.cat(list(new.values())), torch.tensor([c for c, x in new.items() for _ in x])
        for _ in made.learn(Task(new, *sample)):
            pass
        return np.asarray(made.answers(torch.from_numpy(z[asked])[:, None]) == y[asked])

    parts = [{c: t[: max(1, round(s * images))] for c, t in train.items()} for s in SHARES]
    counts = [sum(map(len, part.values())) for part in parts]
    points, whole = np.stack([right(part) for part in parts]), right(train)
    more = more_images(counts, points, sum(map(len, train.values())) / counts[-1])
    return more, float(whole.mean() - points[-1].mean())


if __name__ == "__main__":
    main()

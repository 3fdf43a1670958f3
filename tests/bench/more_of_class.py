"""Does “100 more images of skirt would bring …” come true? Each class with a part of its images
tells what the rest would bring; then the rest is learnt.

    python -m tests.bench.more_of_class PHOTOS [--weights FILE] [--size 96] [--images 1000]
                                        [--parts 3] [--seeds 3] [--quick]

PHOTOS holds train/ and test/, each a folder of class folders. One class after the other has one of
so many parts of its images, drawn by a seed, and all images of the others are there; all of test/
is held out. An interval is to hold what came in 95 of 100 cases. --quick: many more cases, by a
discriminant analysis of 640 principal components with its shrinkage fixed, in place of the
project's learner.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from engine.learning.material import LearningData
from engine.session import Session
from engine.storage import catalogue
from engine.storage.catalogue import Split
from engine.training.study.class_gain import more_right
from engine.training.study.curves import subset
from engine.training.study.one_class import SHARES, of_project, right_by_share
from tests.bench.common import do, finished, new
from tests.bench.compare import drawn
from tests.bench.given import parser_of, parts_of

DIMENSIONS, SHRINKAGE = 640, 0.3
ROUNDING = 1e-9


def main() -> None:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--classes", default="", help="else all of them")
    parser.add_argument("--images", type=int, default=1000, help="of each class at most")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3, help="draws of the part that is there")
    parser.add_argument("--parts", default="3", help="the part is one of so many; several: 2,3,5")
    parser.add_argument("--features", default="", help="else the usual ones of the network")
    parser.add_argument("--quick", action="store_true", help="another learner, many cases")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder = Path(name)
        parts = parts_of(options, folder)
        every = sorted(path.name for path in (parts / "train").iterdir() if path.is_dir())
        classes = options.classes.split(",") if options.classes else every
        session = new(folder, "more", "", options.weights, options.size, options.features)
        photos = drawn(parts, folder / "photos", classes, options.images, options.seed)
        do(session, "learn_folder", paths=[str(photos)])
        print_cases(session, options)
        session.close()


def print_cases(session: Session, options: argparse.Namespace) -> None:
    """A line for each class and draw, and how many intervals hold what came."""
    data, names = of_project(session), catalogue.class_names(session.require())
    told = held = 0
    right = Quick(data).right if options.quick else partial(by_learner, session, data)
    for number, hashes in sorted(data.train.items()):
        whole = right(number, list(hashes))[-1]
        for part, seed in product(map(int, str(options.parts).split(",")), range(options.seeds)):
            few = part_of(list(hashes), part, seed)
            more, came = case(len(hashes), whole, few, right(number, few))
            if more is None:
                said = "all are right"
            else:
                told += 1
                held += more[1] - ROUNDING <= came <= more[2] + ROUNDING
                said = f"{100 * more[0]:+.1f} ({100 * more[1]:.1f} to {100 * more[2]:.1f})"
            counts = f"{len(few):4} of {len(hashes):4}"
            print(f"{names[number]:12} {counts}  told {said:24} came {100 * came:+.1f}")
    print(f"told {told}, of which {held} hold what came")


def part_of(hashes: list[str], parts: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    count = max(8, len(hashes) // parts)
    return sorted(hashes[at] for at in rng.permutation(len(hashes))[:count])


def case(
    images: int, whole: np.ndarray, few: list[str], right: np.ndarray
) -> tuple[list[float] | None, float]:
    """What the rest of a class's `images` would bring, as told, and what it brought; `right` is
    bool (shares, held-out images), `whole` that of all images."""
    wrong, times = (~right).sum(1).tolist(), images / len(few)
    counts = [len(subset({0: few}, share)[0]) for share in SHARES]
    more = more_right(counts, wrong, right.shape[1], times) if wrong[-1] else None
    return more, float(whole.mean() - right[-1].mean())


def by_learner(session: Session, data: LearningData, number: int, few: list[str]) -> np.ndarray:
    """Which held-out images are right (shares, images), by the project's learner."""
    split = Split({**data.train, number: few}, data.split.validation)
    return np.asarray(finished(right_by_share(session, LearningData(data.features, split), number)))


class Quick:
    """The same by a discriminant analysis in which only what changes is computed anew."""

    def __init__(self, data: LearningData) -> None:
        self.data, every = data, np.concatenate([self.of(h, data) for h in data.train.values()])
        self.mean = every.mean(0)
        self.axes = np.linalg.eigh((every - self.mean).T @ (every - self.mean))[1][:, -DIMENSIONS:]
        self.images = {n: self.seen(hashes) for n, hashes in sorted(data.train.items())}
        self.means = {n: seen.mean(0) for n, seen in self.images.items()}
        self.scatters = {n: scatter(seen) for n, seen in self.images.items()}
        self.total = sum(self.scatters.values())

    def of(self, hashes: Sequence[str], data: LearningData) -> np.ndarray:
        return np.asarray(data.features.get(list(hashes)))[:, 0].astype(np.float32)

    def seen(self, hashes: Sequence[str]) -> np.ndarray:
        return np.asarray((self.of(hashes, self.data) - self.mean) @ self.axes)

    def right(self, number: int, few: list[str]) -> np.ndarray:
        asked = self.seen(self.data.split.validation[number])
        parts = [subset({0: few}, share)[0] for share in SHARES]
        return np.stack([self.answers(number, self.seen(part), asked) for part in parts])

    def answers(self, number: int, part: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Whether each image (images, DIMENSIONS) of a class is right that was learnt from a
        part."""
        count = sum(len(seen) for n, seen in self.images.items() if n != number) + len(part)
        within = (self.total - self.scatters[number] + scatter(part)) / count
        level = np.trace(within) / len(within) * np.eye(len(within), dtype=np.float32)
        means = np.stack([part.mean(0) if n == number else m for n, m in self.means.items()])
        weights = np.linalg.solve((1 - SHRINKAGE) * within + SHRINKAGE * level, means.T)
        logits = asked @ weights - (means.T * weights).sum(0) / 2
        return np.asarray(np.array(list(self.means))[logits.argmax(1)] == number)


def scatter(seen: np.ndarray) -> np.ndarray:
    return np.asarray((seen - seen.mean(0)).T @ (seen - seen.mean(0)))


if __name__ == "__main__":
    main()

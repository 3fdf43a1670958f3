"""Does “100 more images of skirt would bring …” come true? Each class with a part of its images
tells what the rest would bring; then the rest is learnt.

    python -m tests.bench.more_of_class PHOTOS [--weights FILE] [--size 96] [--images 1000]
                                        [--parts 3] [--seeds 3]

PHOTOS holds train/ and test/, each a folder of class folders. One class after the other has one of
so many parts of its images, drawn by a seed, and all images of the others are there; all of test/
is held out. An interval is to hold what came in 95 of 100 cases.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from engine.learning.material import LearningData
from engine.session import Session
from engine.storage import catalogue
from engine.storage.catalogue import Split
from engine.training.study.class_gain import more_right
from engine.training.study.curves import ROUNDING, subset
from engine.training.study.one_class import SHARES, of_project, right_by_share
from tests.bench.common import do, finished, new
from tests.bench.compare import drawn
from tests.bench.given import parser_of, parts_of


def main() -> None:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--classes", default="", help="else all of them")
    parser.add_argument("--images", type=int, default=1000, help="of each class at most")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3, help="draws of the part that is there")
    parser.add_argument("--parts", type=int, default=3, help="the part is one of so many")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder = Path(name)
        parts = parts_of(options, folder)
        every = sorted(path.name for path in (parts / "train").iterdir() if path.is_dir())
        classes = options.classes.split(",") if options.classes else every
        session = new(folder, "more", weights=options.weights, size=options.size)
        photos = drawn(parts, folder / "photos", classes, options.images, options.seed)
        do(session, "learn_folder", paths=[str(photos)])
        print_cases(session, options)
        session.close()


def print_cases(session: Session, options: argparse.Namespace) -> None:
    """A line for each class and draw, and how many intervals hold what came."""
    data, names = of_project(session), catalogue.class_names(session.require())
    told = held = 0
    for number, hashes in sorted(data.train.items()):
        for seed in range(options.seeds):
            few = part_of(list(hashes), options.parts, seed)
            more, came = case(session, data, number, few)
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
    session: Session, data: LearningData, number: int, few: list[str]
) -> tuple[list[float] | None, float]:
    """What the rest of a class's images would bring, as told, and what it brought."""
    whole = list(data.train[number])
    split = Split({**data.train, number: few}, data.split.validation)
    right = finished(right_by_share(session, LearningData(data.features, split), number))
    all_of_them = finished(right_by_share(session, data, number))[-1]
    counts = [len(subset({number: few}, share)[number]) for share in SHARES]
    wrong, times = (~right).sum(1).tolist(), len(whole) / len(few)
    more = more_right(counts, wrong, right.shape[1], times) if wrong[-1] else None
    return more, float(all_of_them.mean() - right[-1].mean())


if __name__ == "__main__":
    main()

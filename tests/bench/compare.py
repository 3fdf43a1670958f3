"""Strategies on two classes with few images: is their order that of Sarkar's guide?

    python -m tests.bench.compare PHOTOS [--weights FILE] [--classes t-shirt,longsleeve]
                                  [--images 30] [--size 96] [--seed 0] [--strategies NAMES]
                                  [--seconds N]

PHOTOS holds train/ and test/, each a folder of class folders. Of train/ so many images of each
class are drawn and learnt from, all of test/'s are held out. The guide's figures are of dogs
against cats, 3,000 images, VGG-16 (Hands-On Transfer Learning with Python, 2018). Seconds are of
learning.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from app.cli.compare import agreement, text
from app.study_files import by_rank
from engine.events import Ended
from engine.results.compare import SideBySide, Study
from tests.bench.common import do, new
from tests.bench.given import parser_of, parts_of

GUIDE = {
    "scratch": 0.722,
    "scratch_augmented": 0.820,
    "head": 0.872,
    "head_augmented": 0.90,
    "last_3": 0.961,
}
"""Accuracies of the guide by the strategy that is like it; from the worst to the best."""


def main() -> None:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--classes", default="", help="else the first two")
    parser.add_argument("--images", type=int, default=30, help="of each class to learn from")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strategies", default=",".join(["slda", *GUIDE, "all_stages"]))
    parser.add_argument("--seconds", type=float, default=0, help="for each, instead of epochs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        photos = drawn(parts_of(options, Path(name)), Path(name) / "photos", options)
        session = new(Path(name), "compare", weights=options.weights, size=options.size)
        do(session, "learn_folder", paths=[str(photos)])
        asked = options.strategies.split(",")
        budget = {"seed": options.seed, "seconds": options.seconds}
        study = Ended("done", "", do(session, "compare", strategies=asked, **budget))
        print(text(study.of(Study)), "\n")
        best, second = (row["name"] for row in by_rank(study.of(Study))[:2])
        both = do(session, "side_by_side", first=best, second=second, limit=0)
        print(agreement(Ended("done", "", both).of(SideBySide)), "\n")
        session.close()
    print_order(study.of(Study))


def drawn(parts: Path, to: Path, options: argparse.Namespace) -> Path:
    """A folder with links to the images, in the two parts that a project keeps apart."""
    rng = random.Random(options.seed)
    folders = sorted(path.name for path in (parts / "train").iterdir() if path.is_dir())
    for kind in options.classes.split(",") if options.classes else folders[:2]:
        train = sorted((parts / "train" / kind).iterdir())
        chosen = {"train": rng.sample(train, min(options.images, len(train)))}
        chosen["validation"] = sorted((parts / "test" / kind).iterdir())
        for part, files in chosen.items():
            (to / part / kind).mkdir(parents=True)
            for file in files:
                (to / part / kind / file.name).symlink_to(file.resolve())
    return to


def print_order(study: Study) -> None:
    """The guide's strategies in its order, beside what they reached here."""
    here = {row["name"]: row["accuracy"] for row in study["rows"]}
    common = [name for name in GUIDE if name in here]
    for name in common:
        print(f"{name:18} guide {100 * GUIDE[name]:5.1f} %   here {100 * here[name]:5.1f} %")
    pairs = [(a, b) for at, a in enumerate(common) for b in common[at + 1 :]]
    as_there = sum(here[a] < here[b] for a, b in pairs)
    print(f"of {len(pairs)} pairs {as_there} are in the guide's order")


if __name__ == "__main__":
    main()

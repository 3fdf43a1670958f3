"""Learning classes step by step: accuracy after each step, for each learner, and what it took.

    python -m tests.bench.continual [PHOTOS] [--weights FILE | --backbone NAME] [--size 96]

PHOTOS holds train/ and test/, each a folder of class folders. The classes are learnt in steps of
`--step` in the order of their names; after each step test/ is scored on the classes seen so far.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from engine.learners import LEARNERS
from tests.bench.common import do, new, timed
from tests.bench.given import parser_of, parts_of


def main() -> None:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--backbone", default="")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--step", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options.photos = parts_of(options, Path(folder))
        names = sorted(p.name for p in (options.photos / "train").iterdir())
        parts = [names[i : i + options.step] for i in range(0, len(names), options.step)]
        print(
            "learner  " + "".join(f"{(i + 1) * options.step:>7}" for i in range(len(parts))),
            "   mean  seconds",
            sep="",
        )
        for learner in LEARNERS:
            run(options, learner, parts, Path(folder))


def run(options: argparse.Namespace, learner: str, parts: list[list[str]], folder: Path) -> None:
    """Prints one learner's line: accuracy in percent after each step, their mean, and seconds."""
    session = new(folder, learner, options.backbone, options.weights, options.size)
    line, seconds = [], 0.0
    for part in parts:
        paths = [str(options.photos / "train" / name) for name in part]
        took, _ = timed(lambda p=paths: do(session, "learn_folder", paths=p, learner=learner))
        seconds += took
        scored = do(session, "score", test=str(options.photos / "test"))
        line.append(100 * scored["accuracy"])
    session.close()
    shown = "".join(f"{a:7.1f}" for a in line)
    print(f"{learner:9}{shown}{sum(line) / len(line):7.1f}{seconds:9.1f}", flush=True)


if __name__ == "__main__":
    main()

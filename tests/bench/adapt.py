"""Adapting on images without classes against the pretrained start, judged on images never seen.

    python -m tests.bench.adapt [PHOTOS] [--weights FILE] [--size 128] [--classes 20] [--images 60]
                                [--known 10] [--epochs 10] [--seeds 1] [--only VICReg]

PHOTOS holds train/ and test/, each a folder of class folders. Of each of so many classes `--known`
images are learnt with their class and as many are held out; `--images` more are a folder without
classes, on which each way adapts the network. "held out" is what a person is told and what decides
whether the network is used; "test" is the share of test/ that the project answers rightly with the
adapted network, whether it would be used or not, and "points" that less the network's in use, with
the least and the most of the seeds. Seconds are of the processor, all threads together, from the
first image to the verdict.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.common import do, new
from tests.bench.given import parser_of, parts_of
from tests.bench.presets import accuracy

WAYS: dict[str, dict[str, Any]] = {
    "SimSiam": {"method": "simsiam"},
    "VICReg": {"method": "vicreg"},
    "from nothing, SimSiam": {"method": "simsiam", "settings": {"start": "nothing", "lr": 0.03}},
}


def main() -> None:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--images", type=int, default=60, help="of each class, without it")
    parser.add_argument("--known", type=int, default=10, help="of each class, with it")
    parser.add_argument("--epochs", type=float, default=10)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default="", help="ways whose name begins so")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        photos = parts_of(options, Path(name))
        for seed in range(options.seeds):
            for way, run in of_seed(options, photos, Path(name) / str(seed), seed):
                found.setdefault(way, []).append(run)
                print(f"  seed {seed}, {way}: {run}", flush=True)
    print_table(found)


def of_seed(
    options: argparse.Namespace, photos: Path, here: Path, seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each way on one draw of images, in a project of its own."""
    divide(options, photos, here, seed)
    session = new(here, "adapt", weights=options.weights, size=options.size)
    do(session, "learn_folder", paths=[str(here / "known")])
    before = accuracy(session, here / "test")
    given = dict(text.partition("=")[::2] for text in options.set)
    for way, asked in WAYS.items():
        if not way.startswith(options.only):
            continue
        clock = time.process_time()
        settings = {**asked.get("settings", {}), **given, "seed": seed}
        run = do(
            session,
            "adapt",
            images=str(here / "unlabelled"),
            method=asked["method"],
            settings=settings,
            epochs=options.epochs,
            adopt="never",
        )
        seconds = time.process_time() - clock
        do(session, "adopt_run", run=run["run"])
        after = accuracy(session, here / "test")
        do(session, "undo")
        yield way, figures(run, before, after, seconds)
    session.close()


def figures(run: dict[str, Any], before: float, after: float, seconds: float) -> dict[str, Any]:
    held = [run[when]["accuracy"] for when in ("before", "after")]
    return {
        "held out": [round(100 * share, 1) for share in held],
        "test": [round(100 * share, 1) for share in (before, after)],
        "used": held[1] > held[0],
        "spread": round(run["unlabelled"]["spread"], 2),
        "seconds": round(seconds),
    }


def divide(options: argparse.Namespace, photos: Path, here: Path, seed: int) -> None:
    """Links to images: known/train, known/validation and test in class folders, the rest of those
    drawn in one folder without classes."""
    rng, known = random.Random(seed), options.known
    for folder in sorted((photos / "train").iterdir())[: options.classes]:
        files = sorted(folder.iterdir())
        rng.shuffle(files)
        parts = {
            here / "known" / "train" / folder.name: files[:known],
            here / "known" / "validation" / folder.name: files[known : 2 * known],
            here / "unlabelled": files[2 * known : 2 * known + options.images],
            here / "test" / folder.name: sorted((photos / "test" / folder.name).iterdir()),
        }
        for to, some in parts.items():
            to.mkdir(parents=True, exist_ok=True)
            for file in some:
                (to / f"{folder.name}-{file.name}").symlink_to(file.resolve())


def print_table(found: dict[str, list[dict[str, Any]]]) -> None:
    print(f"{'':24}{'held out':>18}{'test':>18}{'points (seeds)':>26}{'used':>7}{'seconds':>9}")
    for way, runs in found.items():
        held, test = (mean_pair(runs, name) for name in ("held out", "test"))
        gains = [run["test"][1] - run["test"][0] for run in runs]
        span = f"{sum(gains) / len(gains):+.1f} ({min(gains):+.1f} to {max(gains):+.1f})"
        used = f"{sum(run['used'] for run in runs)}/{len(runs)}"
        seconds = sum(run["seconds"] for run in runs) / len(runs)
        print(f"{way:24}{held:>18}{test:>18}{span:>26}{used:>7}{seconds:>9.0f}")


def mean_pair(runs: list[dict[str, Any]], name: str) -> str:
    before, after = (sum(run[name][at] for run in runs) / len(runs) for at in (0, 1))
    return f"{before:.1f} → {after:.1f} %"


if __name__ == "__main__":
    main()

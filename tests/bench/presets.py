"""What tuning brings on few images and on many: each preset against the network in use.

    python -m tests.bench.presets PHOTOS --weights FILE [--size 96] [--images 40,130,800]
                                  [--seeds 3] [--only quick,thorough]

PHOTOS holds train/ and test/, each a folder of class folders; of train/ so many images are drawn,
as many of each class as there are, anew for each seed. "as before" is what the window proposed
before there were presets (batches of 2 for 130 images), "defaults" what `espalier tune` does
without options. Points are those of test/, which no run has seen, over the network in use; "held
out" is the difference that a person is told, with its 95 % interval, and the verdict. A network
that is used though it loses is counted under "lost unasked": with `--adopt clearly`, the window's
choice, and with `better`, the command line's. Seconds are those of training's steps.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.learning.comparison import better, clearly_better
from engine.training.presets import PRESETS
from tests.bench.common import do, new, predictions
from tests.bench.given import parser_of, parts_of

BEFORE, DEFAULTS = "as before", "defaults"


@dataclass(frozen=True)
class Run:
    """What one run brought: `gain` in points on test/, and what a person is told."""

    gain: float
    told: list[float]
    clearly: bool
    better: bool
    seconds: float

    @property
    def verdict(self) -> str:
        _, low, high = self.told
        return "better" if low > 0 else "worse" if high < 0 else "not clear"


def main() -> None:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--images", default="40,130,800", help="how many are drawn of train/")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="some of the ways alone, comma-separated")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        photos = parts_of(options, Path(name))
        for count in map(int, options.images.split(",")):
            runs: dict[str, list[Run]] = {}
            for seed in range(options.seeds):
                for way, run in of_subset(options, photos, Path(name), count, seed):
                    runs.setdefault(way, []).append(run)
                    print(f"  {count} images, seed {seed}, {way}: {line_of(run)}", flush=True)
            print_table(count, runs)


def of_subset(
    options: argparse.Namespace, photos: Path, folder: Path, count: int, seed: int
) -> list[tuple[str, Run]]:
    """Each way to tune on one drawn subset, in a project of its own."""
    here = folder / f"{count}-{seed}"
    chosen = drawn(photos / "train", here / "photos", count, seed)
    session = new(here, "presets", weights=options.weights, size=options.size)
    do(session, "learn_folder", paths=[str(chosen)])
    before, images = accuracy(session, photos / "test"), do(session, "tuning_choices")["pictures"]
    ways = {BEFORE: as_before(images), DEFAULTS: {}}
    ways |= {preset.name: {"preset": preset.name} for preset in PRESETS}
    wanted = options.only.split(",") if options.only else list(ways)
    found = []
    for way in (way for way in wanted if way != DEFAULTS or images >= 32):
        settings = {**ways[way].get("settings", {}), "seed": seed}
        preset = ways[way].get("preset", "")
        run = do(session, "tune", preset=preset, settings=settings, adopt="never")
        do(session, "adopt_run", run=run["run"])
        gain = 100 * (accuracy(session, photos / "test") - before)
        do(session, "undo")
        told = [100 * value for value in run["difference"]["all"]]
        found.append((way, Run(gain, told, clearly_better(run), better(run), run["seconds"])))
    session.close()
    return found


def as_before(images: int) -> dict[str, Any]:
    """What the form proposed: an epoch had at least 40 steps, whatever that made of a batch."""
    batch = min(32, 2 ** max(1, int(math.log2(max(2, images / 40)))))
    return {"settings": {"batch": batch, "lr": float(f"{0.003 * batch / 32:.2g}")}}


def drawn(photos: Path, to: Path, count: int, seed: int) -> Path:
    """A folder with links to so many images, class by class in turn."""
    rng, classes = random.Random(seed), []
    for folder in sorted(path for path in photos.iterdir() if path.is_dir()):
        files = sorted(folder.iterdir())
        rng.shuffle(files)
        classes.append(files)
    most = max(map(len, classes))
    turns = [files[turn] for turn in range(most) for files in classes if turn < len(files)]
    for file in turns[:count]:
        link = to / file.parent.name / file.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.resolve())
    return to


def accuracy(session: Any, test: Path) -> float:
    answers = predictions(session, test)
    right = [max(a, key=lambda c: a[c]) == Path(path).parent.name for path, a in answers.items()]
    return sum(right) / len(right)


def line_of(run: Run) -> str:
    mean, low, high = run.told
    return (
        f"{run.gain:+.1f} points, held out {mean:+.1f} ({low:+.1f} to {high:+.1f}), "
        f"{run.verdict}, {run.seconds:.0f} s"
    )


def print_table(count: int, runs: dict[str, list[Run]]) -> None:
    print(
        f"{count:,} images {'points':>10} {'of seeds':>18} {'lost unasked':>22} {'seconds':>9}\n"
        f"{'':36} {'clearly / better':>22}"
    )
    for way, found in runs.items():
        gains = [run.gain for run in found]
        clearly = sum(run.gain < 0 and run.clearly for run in found)
        at_all = sum(run.gain < 0 and run.better for run in found)
        seconds = sum(run.seconds for run in found) / len(found)
        print(
            f"{way:12} {sum(gains) / len(gains):+9.1f} {min(gains):+9.1f} to {max(gains):+.1f} "
            f"{clearly:>12} / {at_all} {seconds:>14.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

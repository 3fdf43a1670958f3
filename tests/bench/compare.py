"""Strategies on few images: the whole table, and whether its order is that of Sarkar's guide.

    python -m tests.bench.compare PHOTOS [--weights FILE] [--classes t-shirt,longsleeve]...
                                  [--images 30] [--size 96] [--seeds 3] [--strategies NAMES]
                                  [--epochs N | --seconds N] [--folder DIR] [--kills N]

PHOTOS holds train/ and test/, each a folder of class folders. For each of --classes, and for each
seed, so many images of each class are drawn from train/ and learnt from; all of test/'s are held
out. Figures are means of the seeds; an interval comes from drawing seeds and images anew, for all
rows the same. The guide's figures are of dogs against cats, 3,000 images, VGG-16 (Hands-On Transfer
Learning with Python, 2018). Seconds are of learning. In --folder all is kept, so that what was
stopped goes on, and more strategies can be asked for. With --kills the first study is done once
more, in a process that is killed so often, and compared.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.cli.compare import agreement
from app.cli.terminal import columns
from engine.events import Ended
from engine.results.compare import SideBySide, StudyRow
from engine.session import Session
from engine.training.study import record
from tests.bench.common import do, new
from tests.bench.given import parser_of, parts_of
from tests.bench.killed_study import print_killed

GUIDE = {
    "scratch": 0.722,
    "scratch_augmented": 0.820,
    "head": 0.872,
    "head_augmented": 0.90,
    "last_3": 0.961,
}
"""Accuracies of the guide by the strategy that is like it; from the worst to the best."""
DRAWS = 4000
EVERY = "all"


@dataclass(frozen=True)
class Found:
    """What the seeds brought: their rows by name, and `right`, bool (seeds, images), of each."""

    rows: list[dict[str, StudyRow]]
    right: dict[str, np.ndarray]
    draws: np.ndarray

    @property
    def ranked(self) -> list[str]:
        return sorted(self.right, key=lambda name: -self.right[name].mean())

    def drawn(self, name: str) -> np.ndarray:
        """Accuracies (draws,) for seeds and images drawn anew."""
        return np.asarray((self.draws * self.right[name]).sum((1, 2)))

    def mean(self, name: str, figure: str) -> float:
        facts: list[dict[str, Any]] = [dict(rows[name]) for rows in self.rows]
        return float(np.mean([float(each[figure] or np.nan) for each in facts]))


def main() -> None:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--classes", action="append", help="else the first two; all: all of them")
    parser.add_argument("--images", type=int, default=30, help="of each class to learn from")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--strategies", default=",".join(["slda", *GUIDE, "all_stages"]))
    parser.add_argument("--epochs", type=float, default=0, help="else as suits the images")
    parser.add_argument("--seconds", type=float, default=0, help="for each, instead of epochs")
    parser.add_argument("--folder", type=Path, help="where projects are kept; else nowhere")
    parser.add_argument("--kills", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        place = options.folder or Path(name)
        parts = parts_of(options, Path(name))
        for number, classes in enumerate(options.classes or [""]):
            print_set(options, parts, place, classes)
            if options.kills and not number:
                first = folder_of(place, parts, classes, 0)
                print_killed(first, asked(options, 0), options.kills, Path(name))


def print_set(options: argparse.Namespace, parts: Path, place: Path, classes: str) -> None:
    """The studies of all seeds on these classes, and what they say together."""
    named, rows, right = folders_of(parts, classes), [], []
    print(f"\n{len(named)} classes, {options.images} images of each to learn from", flush=True)
    for seed in range(options.seeds):
        session = project_in(options, parts, folder_of(place, parts, classes, seed), named, seed)
        study = do(session, "compare", **asked(options, seed))
        rows.append({row["name"]: row for row in study["rows"]})
        right.append(right_by_image(session, list(rows[-1])))
        print(f"seed {seed}, {study['images']} held out: {study['said']}", flush=True)
        for item in study["left_out"] if not seed else ():
            print(f"  {item['title']}: {item['why']}")
        best, second = sorted(rows[-1], key=lambda name: -rows[-1][name]["accuracy"])[:2]
        both = do(session, "side_by_side", first=best, second=second, limit=0)
        session.close()
    print(agreement(Ended("done", "", both).of(SideBySide)), "\n")
    found = together(rows, right)
    print(columns(lines_of(found)), "\n")
    print_order(found)


def asked(options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """The settings of a study."""
    budget = {"seed": seed, "seconds": options.seconds, "epochs": options.epochs}
    return {"strategies": options.strategies.split(","), "shares": [100.0], "anew": True, **budget}


def folders_of(parts: Path, classes: str) -> list[str]:
    every = sorted(path.name for path in (parts / "train").iterdir() if path.is_dir())
    return every if classes == EVERY else classes.split(",") if classes else every[:2]


def folder_of(place: Path, parts: Path, classes: str, seed: int) -> Path:
    return place / f"{'-'.join(folders_of(parts, classes))}-{seed}"


def project_in(
    options: argparse.Namespace, parts: Path, folder: Path, classes: Sequence[str], seed: int
) -> Session:
    """A session with the project that lies there, or with a new one."""
    path, photos = folder / "compare.espalier", folder / "photos"
    if path.exists():
        session = Session()
        do(session, "open_project", path=str(path))
    else:
        session = new(folder, path.stem, weights=options.weights, size=options.size)
    if not do(session, "list_steps")["steps"]:  # new, or killed before it had learnt
        shutil.rmtree(photos, ignore_errors=True)
        drawn(parts, photos, classes, options.images, seed)
        do(session, "learn_folder", paths=[str(photos)])
    return session


def drawn(parts: Path, to: Path, classes: Sequence[str], images: int, seed: int) -> Path:
    """A folder with links to the images, in the two parts that a project keeps apart."""
    rng = random.Random(seed)
    for kind in classes:
        train = sorted((parts / "train" / kind).iterdir())
        chosen = {"train": rng.sample(train, min(images, len(train)))}
        chosen["validation"] = sorted((parts / "test" / kind).iterdir())
        for part, files in chosen.items():
            (to / part / kind).mkdir(parents=True)
            for file in files:
                (to / part / kind / file.name).symlink_to(file.resolve())
    return to


# What they say together.


def right_by_image(session: Session, names: Sequence[str]) -> dict[str, dict[str, bool]]:
    """By row, whether each held-out image, by its hash, is right."""
    project = session.require()
    hashes, truth = record.held_out(project)
    found = {}
    for name in names:
        right = record.answers(project, name).answers == truth
        found[name] = dict(zip(hashes, right.tolist(), strict=True))
    return found


def together(rows: list[dict[str, StudyRow]], right: list[dict[str, dict[str, bool]]]) -> Found:
    """The rows that all seeds have, on the images that all seeds hold out."""
    names = [name for name in rows[0] if all(name in row for row in rows)]
    hashes = sorted(set.intersection(*(set(seed[names[0]]) for seed in right)))
    found = {n: np.array([[seed[n][h] for h in hashes] for seed in right]) for n in names}
    rng = np.random.default_rng(0)
    seeds = rng.multinomial(len(rows), [1 / len(rows)] * len(rows), DRAWS)
    images = rng.multinomial(len(hashes), [1 / len(hashes)] * len(hashes), DRAWS)
    draws = seeds[:, :, None] * images[:, None] / (len(rows) * len(hashes))
    return Found(rows, found, draws)


def lines_of(found: Found) -> list[tuple[str, ...]]:
    """The best first, each beside it."""
    heads = (
        "strategy",
        "guide",
        "accuracy",
        "95 % interval",
        "seeds",
        "behind by",
        "95 % interval",
    )
    costs = ("seconds", "weights trained", "M MACs", "p50 ms", "export MB")
    lines: list[tuple[str, ...]] = [(*heads, *costs)]
    best = found.drawn(found.ranked[0])
    for name in found.ranked:
        each = sorted(found.right[name].mean(1))
        drawn, behind = found.drawn(name), found.right[found.ranked[0]].mean()
        behind = behind - found.right[name].mean()
        lines.append(
            (
                found.rows[0][name]["title"],
                f"{100 * GUIDE[name]:.1f}" if name in GUIDE else "",
                f"{100 * found.right[name].mean():.1f}",
                ends_of(drawn),
                f"{100 * each[0]:.1f} to {100 * each[-1]:.1f}",
                f"{100 * behind:.1f}",
                ends_of(best - drawn),
                f"{found.mean(name, 'seconds'):.1f}",
                f"{found.rows[0][name]['trained']:,}",
                f"{found.rows[0][name]['macs'] / 1e6:.0f}",
                f"{found.mean(name, 'p50'):.1f}",
                f"{found.mean(name, 'export') / 1e6:.1f}",
            )
        )
    return lines


def ends_of(drawn: np.ndarray) -> str:
    low, high = 100 * np.quantile(drawn, [0.025, 0.975])
    return f"{low:.1f} to {high:.1f}"


def print_order(found: Found) -> None:
    """The guide's strategies in its order; which pairs lie the other way, and whether beyond
    chance."""
    common = [name for name in GUIDE if name in found.right]
    for name in common:
        here = found.right[name].mean()
        print(f"{name:18} guide {100 * GUIDE[name]:5.1f} %   here {100 * here:5.1f} %")
    pairs = [(a, b) for at, a in enumerate(common) for b in common[at + 1 :]]
    other = [(a, b) for a, b in pairs if found.right[a].mean() >= found.right[b].mean()]
    print(f"of {len(pairs)} pairs {len(pairs) - len(other)} are in the guide's order")
    for a, b in other:
        gain = found.drawn(b) - found.drawn(a)
        print(f"  not {a} below {b}: {100 * gain.mean():+.1f} ({ends_of(gain)})")


if __name__ == "__main__":
    main()

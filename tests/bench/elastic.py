"""What Specialise finds for some latencies, beside whole networks at lower resolutions.

    python -m tests.bench.elastic PHOTOS [--weights FILE ...] [--targets 1.5,2.5,4,6]
                                  [--images 1000] [--classes 20] [--seed 0] [--subsamples 4]
                                  [--sizes 64,96,128,160,192,224] [--networks a,b] [--train]

PHOTOS holds train/ and test/ (or validation/, or val/, or several), each a folder of class folders;
so many photos of train/, of so many classes drawn by the seed (all without it), make a project with
EfficientNet-Lite0. Without PHOTOS they are drawn. FILEs hold weights of MobileNetV2, V3 or others,
which then stand beside it. For each target the search's network and all whole ones are judged on
the photos of the other folders, which the search has not seen, with a head from the same photos,
and with --subsamples in the mean of heads from so many draws of six tenths of them ("sub").
Latencies are of one thread, interleaved in one run: of a small network a little more than alone, as
the search times it, for its weights come from far. "lead" is the difference to the best whole
network that is as fast, with its 95 % interval (paired bootstrap): among those with pooled
features, among all, and with --train among those, too, that were trained a little as all that was
found is. With --features pooled the project's have none of an earlier stage.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from engine.images.decode import open_image
from engine.learners import LEARNERS, Task
from engine.learners.metrics import difference_interval
from engine.models.backbone import Backbone
from engine.models.backbones import load_backbone
from engine.models.backbones.base import BACKBONES
from engine.models.elastic.architecture import TRAINED, ElasticArchitecture
from engine.models.extractor import Extractor
from engine.models.features import BASES
from engine.models.growth import POOLED
from engine.models.timing import Timed
from engine.search.elastic import using
from engine.search.elastic.choice import choice_for, title_for
from engine.search.elastic.trained import can_learn
from engine.session import Session
from engine.system.paths import weights_folder
from tests.bench.common import do, finished, new, timed
from tests.bench.given import parser_of, parts_of

ROUNDS = 60
PART = 0.6
ASKED = ("validation", "test", "val")
NETWORKS = (
    "efficientnet_lite0",
    "efficientnet_lite1",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
)


@dataclass
class Row:
    """A network, and which of the judging photos it has right."""

    name: str
    backbone: Backbone
    right: np.ndarray
    sub: float
    """The accuracy of heads from a part of the photos, in the mean."""
    whole: str = ""
    """The kind of features of a whole network, or that it was trained; empty of others."""


@dataclass
class Judge:
    """Photos to learn from and to judge by, with their class numbers."""

    train: list[Path]
    test: list[Path]
    subsamples: int = 0

    def row(self, name: str, network: Backbone, whole: str = "") -> Row:
        """A network with heads from all photos, and from some draws of them."""
        extractor, names = Extractor(network), sorted({p.parent.name for p in self.train})

        def features(paths: Sequence[Path]) -> tuple[torch.Tensor, torch.Tensor]:
            pixels = np.stack([open_image(p, network.preprocessing).seen for p in paths])
            classes = torch.tensor([names.index(p.parent.name) for p in paths])
            return torch.from_numpy(extractor(pixels)), classes

        (known, classes), (asked, truth) = features(self.train), features(self.test)

        def right(rows: torch.Tensor) -> np.ndarray:
            learner, there = LEARNERS.make("slda"), classes[rows]
            new = {n: known[rows][there == n] for n in there.unique().tolist()}
            for _ in learner.learn(Task(new, known[rows], there, network.moments)):
                pass
            return np.asarray(learner.answers(asked) == truth.numpy())

        draws = [part_of(classes, seed) for seed in range(self.subsamples)]
        sub = float(np.mean([right(rows).mean() for rows in draws])) if draws else 0.0
        return Row(name, network, right(torch.arange(len(classes))), sub, whole)


def part_of(classes: torch.Tensor, seed: int) -> torch.Tensor:
    """Rows of six tenths of each class's images."""
    source, found = torch.Generator().manual_seed(seed), []
    for number in classes.unique():
        (rows,) = torch.where(classes == number)
        found.append(rows[torch.randperm(len(rows), generator=source)[: round(PART * len(rows))]])
    return torch.cat(found).sort().values


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        here = Path(name)
        os.environ["ESPALIER_HOME"] = str(here / "home")
        for file in options.more:
            put(file)
        judge = judge_of(parts_of(options, here), options)
        session = new(here, "elastic", size=224, features=options.features)
        do(session, "learn_folder", paths=[str(linked(judge.train, here / "photos"))])
        targets = [float(target) for target in options.targets.split(",")]
        sizes = [int(size) for size in options.sizes.split(",")]
        rows = list(found(session, judge, targets, options.train))
        rows += list(whole(judge, options.networks.split(","), sizes))
        if options.train:
            rows += list(trained(session, judge, sizes))
        session.close()
        print_rows(rows)


def arguments() -> argparse.Namespace:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--targets", default="1.5,2.5,4,6")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--classes", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--subsamples", type=int, default=0)
    parser.add_argument("--sizes", default="64,96,128,160,192,224")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--features", default="", help="the project's, such as pooled or moments")
    parser.add_argument("--train", action="store_true", help="with the little training, too")
    options = parser.parse_args()
    options.more = [Path(file) for file in options.weights.split(",") if file]
    return options


def put(file: Path) -> None:
    """Weights where a project finds them, under the name that they have there."""
    weights_folder().mkdir(parents=True, exist_ok=True)
    name = load_backbone("", file).name
    shutil.copy(file, weights_folder() / BACKBONES.make(name).facts()["file"])


def judge_of(photos: Path, options: argparse.Namespace) -> Judge:
    """So many photos of train/, as many of each class as there are, and all that are to judge."""
    rng, classes = random.Random(options.seed), []
    folders = sorted(path for path in (photos / "train").iterdir() if path.is_dir())
    if options.classes:
        folders = sorted(rng.sample(folders, min(options.classes, len(folders))))
    for folder in folders:
        files = sorted(folder.iterdir())
        rng.shuffle(files)
        classes.append(files)
    turns = [files[n] for n in range(max(map(len, classes))) for files in classes if n < len(files)]
    asked = [photos / part / folder.name for part in ASKED for folder in folders]
    judges = [file for folder in asked if folder.is_dir() for file in sorted(folder.iterdir())]
    return Judge(turns[: options.images], judges, options.subsamples)


def linked(files: Sequence[Path], to: Path) -> Path:
    for file in files:
        link = to / file.parent.name / file.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.resolve())
    return to


def found(session: Session, judge: Judge, targets: Sequence[float], train: bool) -> Iterator[Row]:
    """What the search finds for each target, and what comes of it by a little training."""
    seconds, _ = timed(lambda: do(session, "make_elastic"))
    print(f"made elastic in {seconds:.0f} s", flush=True)
    for target in targets:
        seconds, result = timed(partial(do, session, "specialise", latency_ms=target))
        ms = result["measured_ms"]["p50"]
        print(f"{target:g} ms: {result['title']}, {ms:.2f} ms, {seconds:.0f} s", flush=True)
        yield judge.row(result["title"], network_of(session, result["architecture"]))
        if train:
            yield from taught(session, judge, result["architecture"], "")


def network_of(session: Session, architecture: str) -> Backbone:
    choice = choice_for(session, (), {}, 0)
    return finished(using.found(choice, ElasticArchitecture.parse(architecture))).backbone


def taught(session: Session, judge: Judge, architecture: str, whole: str) -> Iterator[Row]:
    """A network that was trained a little, if that was kept."""
    wanted, clock = ElasticArchitecture.parse(architecture), time.process_time()
    if not can_learn(choice_for(session, (), {}, 0), wanted):
        return
    result = do(session, "train_form", architecture=architecture)
    wanted = ElasticArchitecture.parse(result["architecture"])
    change = f"error {result['before']:.3f} -> {result['after']:.3f}"
    took = time.process_time() - clock
    print(f"trained {architecture[:40]}: {change}, {took:.0f} s of processor", flush=True)
    if result["kept"]:
        yield judge.row(title_for(wanted), network_of(session, str(wanted)), whole)


def trained(session: Session, judge: Judge, sizes: Sequence[int]) -> Iterator[Row]:
    """Whole networks that were measured from the start, each trained a little."""
    for row in do(session, "candidates")["rows"]:
        wanted = ElasticArchitecture.parse(row["architecture"])
        if not wanted.shares and wanted.resolution in sizes:
            yield from taught(session, judge, str(wanted), TRAINED)


def whole(judge: Judge, names: Sequence[str], sizes: Sequence[int]) -> Iterator[Row]:
    """Whole networks at each size, with pooled features and with moments; those whose weights are
    not here are left out."""
    for name in names:
        if BACKBONES.make(name).found() is None:
            continue
        for kind, size in ((kind, size) for kind in BASES for size in sizes):
            title = f"{BACKBONES.make(name).title} {size}{', moments' if kind != POOLED else ''}"
            yield judge.row(title, load_backbone(name, None, size, kind), kind)


def print_rows(rows: Sequence[Row]) -> None:
    """Times all networks in turns, and prints them by latency."""
    runs = []
    for row in rows:
        session = Extractor(row.backbone).session(1)
        size = row.backbone.preprocessing.size
        assert session is not None
        runs.append(Timed(session, {"pixels": np.zeros((1, size, size, 3), np.uint8)}))
    for _ in range(ROUNDS):
        for run in runs:
            run.round()
    ms = [1000 * float(np.median(run.seconds)) for run in runs]
    print(f"{'network':44} {'ms':>6} {'accuracy':>9} {'sub':>6}   lead over the best as fast")
    judged_by = [(POOLED,), BASES]
    judged_by += [(*BASES, TRAINED)] if any(row.whole == TRAINED for row in rows) else []
    for at in sorted(range(len(rows)), key=lambda n: ms[n]):
        row = rows[at]
        told = "" if row.whole else "; ".join(lead(rows, ms, at, kinds) for kinds in judged_by)
        right = f"{100 * row.right.mean():8.1f} %"
        print(f"{row.name:44} {ms[at]:6.2f} {right} {100 * row.sub:5.1f}   {told}")


def lead(rows: Sequence[Row], ms: Sequence[float], at: int, kinds: Sequence[str]) -> str:
    """Over the best whole network with these kinds of features that is as fast."""
    as_fast = [n for n, row in enumerate(rows) if row.whole in kinds and ms[n] <= ms[at]]
    if not as_fast:
        return "none is as fast"
    best = max(as_fast, key=lambda n: rows[n].right.mean())
    low, high = difference_interval(list(rows[best].right), list(rows[at].right)) or (0.0, 0.0)
    points = 100 * (rows[at].right.mean() - rows[best].right.mean())
    return f"{points:+.1f} ({100 * low:+.1f} to {100 * high:+.1f}) over {rows[best].name}"


if __name__ == "__main__":
    main()

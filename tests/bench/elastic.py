"""What Specialise finds for some latencies, beside whole networks at lower resolutions.

    python -m tests.bench.elastic PHOTOS [--weights FILE] [--targets 1.5,2.5,4,6] [--images 1000]
                                  [--sizes 64,96,128,160,192,224] [--networks a,b]

PHOTOS holds train/ and test/ (and validation/), each a folder of class folders; so many photos of
train/ make a project with EfficientNet-Lite0. FILE holds weights of MobileNetV2, which then stands
beside it. For each target the search's network and all whole ones are judged on the photos of test/
and validation/, which the search has not seen, with a head from the same photos. Latencies are of
one thread, interleaved in one run: of a small network a little more than alone, as the search times
it, for its weights come from far. "lead" is the difference to the best whole network that is as
fast, with its 95 % interval (paired bootstrap): among those with pooled features, and among all.
With --features pooled the project's have none of an earlier stage.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from engine.images.decode import open_image
from engine.learners import LEARNERS, Task
from engine.learners.metrics import difference_interval
from engine.models.backbone import Backbone
from engine.models.backbones import load_backbone
from engine.models.backbones.base import BACKBONES
from engine.models.elastic.architecture import ElasticArchitecture
from engine.models.extractor import Extractor
from engine.models.features import KINDS
from engine.models.growth import POOLED, STAGES
from engine.models.timing import Timed
from engine.search.elastic import using
from engine.search.elastic.choice import choice_for
from engine.session import Session
from engine.system.paths import weights_folder
from tests.bench.common import do, finished, new, timed
from tests.bench.given import parser_of, parts_of

ROUNDS = 60


@dataclass
class Row:
    """A network, which of the judging photos it has right, and what it took to make."""

    name: str
    backbone: Backbone
    right: np.ndarray
    whole: str
    """The kind of features of a whole network; empty of others."""
    seconds: float = 0.0
    target: float = 0.0


@dataclass
class Judge:
    """Photos to learn from and to judge by, with their class numbers."""

    train: list[Path]
    test: list[Path]

    def right(self, network: Backbone) -> np.ndarray:
        extractor, names = Extractor(network), sorted({p.parent.name for p in self.train})

        def features(paths: Sequence[Path]) -> tuple[torch.Tensor, torch.Tensor]:
            pixels = np.stack([open_image(p, network.preprocessing).seen for p in paths])
            classes = torch.tensor([names.index(p.parent.name) for p in paths])
            return torch.from_numpy(extractor(pixels)), classes

        (known, classes), (asked, truth) = features(self.train), features(self.test)
        learner = LEARNERS.make("slda")
        new = {n: known[classes == n] for n in classes.unique().tolist()}
        for _ in learner.learn(Task(new, known, classes, network.moments)):
            pass
        return learner.answers(asked) == truth.numpy()


def main() -> None:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--targets", default="1.5,2.5,4,6")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--sizes", default="64,96,128,160,192,224")
    parser.add_argument("--networks", default="efficientnet_lite0,efficientnet_lite1,mobilenet_v2")
    parser.add_argument("--features", default="", help="the project's: pooled or stages")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        here = Path(name)
        os.environ["ESPALIER_HOME"] = str(here / "home")
        if options.weights:
            weights_folder().mkdir(parents=True, exist_ok=True)
            file = BACKBONES.make("mobilenet_v2").facts()["file"]
            shutil.copy(options.weights, weights_folder() / file)
        judge = judge_of(parts_of(options, here), options.images)
        session = new(here, "elastic", size=224, features=options.features)
        do(session, "learn_folder", paths=[str(linked(judge.train, here / "photos"))])
        targets = [float(target) for target in options.targets.split(",")]
        rows = list(found(session, judge, targets))
        session.close()
        sizes = [int(size) for size in options.sizes.split(",")]
        rows += whole(judge, options.networks.split(","), sizes, Path(options.weights or ""))
        print_rows(rows)


def judge_of(photos: Path, count: int) -> Judge:
    """So many photos of train/, as many of each class as there are, and all that are to judge."""
    rng, classes = random.Random(0), []
    for folder in sorted(path for path in (photos / "train").iterdir() if path.is_dir()):
        files = sorted(folder.iterdir())
        rng.shuffle(files)
        classes.append(files)
    turns = [files[n] for n in range(max(map(len, classes))) for files in classes if n < len(files)]
    judges = [p for part in ("validation", "test") for p in sorted((photos / part).glob("*/*"))]
    return Judge(turns[:count], judges)


def linked(files: Sequence[Path], to: Path) -> Path:
    for file in files:
        link = to / file.parent.name / file.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.resolve())
    return to


def found(session: Session, judge: Judge, targets: Sequence[float]) -> Iterator[Row]:
    """What the search finds for each target."""
    seconds, _ = timed(lambda: do(session, "make_elastic"))
    print(f"made elastic in {seconds:.0f} s", flush=True)
    for target in targets:
        seconds, result = timed(lambda t=target: do(session, "specialise", latency_ms=t))
        choice = choice_for(session, (), {}, 0)
        wanted = ElasticArchitecture.parse(result["architecture"])
        network = finished(using.found(choice, wanted)).backbone
        ms = result["measured_ms"]["p50"]
        print(f"{target:g} ms: {result['title']}, {ms:.2f} ms, {seconds:.0f} s", flush=True)
        yield Row(result["title"], network, judge.right(network), "", seconds, target)


def whole(judge: Judge, names: Sequence[str], sizes: Sequence[int], weights: Path) -> list[Row]:
    """Whole networks at each size; MobileNetV2 only where its weights were given."""
    rows = []
    for name, kind in ((name, kind) for name in names for kind in KINDS):
        given = weights if name == "mobilenet_v2" else None
        for size in sizes if given is None or given.is_file() else ():
            network = load_backbone(name, given, size, kind)
            title = f"{BACKBONES.make(name).title} {size}{', stages' if kind == STAGES else ''}"
            rows.append(Row(title, network, judge.right(network), kind))
    return rows


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
    print(f"{'network':44} {'ms':>6} {'accuracy':>9}   lead over the best whole one as fast")
    for at in sorted(range(len(rows)), key=lambda n: ms[n]):
        row = rows[at]
        leads = (lead(rows, ms, at, kinds) for kinds in ((POOLED,), KINDS))
        told = "" if row.whole else "; ".join(leads)
        print(f"{row.name:44} {ms[at]:6.2f} {100 * row.right.mean():8.1f} %   {told}")


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

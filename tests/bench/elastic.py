"""A pretrained network folded to so much of its operations, beside the same at lower resolutions.

    python -m tests.bench.elastic PHOTOS [--backbone efficientnet_lite0] [--weights FILE]
                                  [--sizes 96,128] [--budgets 0.75,0.5] [--images 1000]

PHOTOS holds train/ and test/, each a folder of class folders. Folded on photos of train/ without
their classes; the head is learnt from the same with them, and judged on test/. Latencies are of
one thread, interleaved in one run (low percentile and median). "error" is that of the features
beside the whole network's at the same size, on photos that had no part in the fold.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from engine.images.decode import open_image
from engine.learners import LEARNERS, Task
from engine.models.backbone import Backbone
from engine.models.backbones import load_backbone
from engine.models.elastic import passes
from engine.models.elastic.blocks import blocks_of, layers_of, rebuilt
from engine.models.extractor import Extractor
from engine.models.timing import Timed
from engine.models.trunk import Normalise
from tests.bench.common import timed
from tests.bench.given import parser_of, parts_of

BATCH, HELD_OUT, ROUNDS = 32, 128, 40


@dataclass
class Photos:
    """Pixels uint8 (n, size, size, 3) and class numbers (n,) to learn from and to judge by."""

    train: np.ndarray
    classes: np.ndarray
    test: np.ndarray
    truth: np.ndarray


@dataclass
class Row:
    name: str
    backbone: Backbone
    seconds: float
    accuracy: float
    error: float


def main() -> None:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--sizes", default="96,128")
    parser.add_argument("--budgets", default="0.75,0.5")
    parser.add_argument("--images", type=int, default=1000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    weights = Path(options.weights) if options.weights else None
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder, rows = parts_of(options, Path(name)), list[Row]()
        for size in map(int, options.sizes.split(",")):
            whole = load_backbone("" if weights else options.backbone, weights, size)
            photos = photos_for(folder, whole, options.images)
            rows += rows_at(whole, photos, [float(b) for b in options.budgets.split(",")])
        print_rows(rows)


def photos_for(folder: Path, network: Backbone, count: int) -> Photos:
    """So many photos of train/, and all of test/."""

    def read(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
        seen = [open_image(path, network.preprocessing).seen for path in paths]
        return np.stack(seen), np.array([names.index(path.parent.name) for path in paths])

    train, test = (sorted((folder / part).glob("*/*")) for part in ("train", "test"))
    names = sorted({path.parent.name for path in train})
    random.Random(0).shuffle(train)
    return Photos(*read(train[:count]), *read(test))


def rows_at(whole: Backbone, photos: Photos, budgets: Sequence[float]) -> list[Row]:
    """The whole network at its size, and folded to shares of its blocks' operations."""
    size = whole.preprocessing.size
    few = photos.test[:HELD_OUT]
    expected = Extractor(whole)(few)[:, 0]
    rows = [Row(f"whole, {size}", whole, 0.0, accuracy(whole, photos), 0.0)]
    batches = seen(whole, photos.train)
    seconds, moments = timed(lambda: last(passes.measured(whole.stages, batches)))
    more, orders = timed(lambda: passes.orders_of(whole.stages, moments))
    held_out = torch.cat(seen(whole, few))
    most, known = timed(lambda: last(passes.sensitivities(whole.stages, moments, orders, held_out)))
    print(f"{size} pixels: pass {seconds:.1f} s, orders {more:.1f} s, shares {most:.1f} s")
    operations = macs_of(whole)
    for budget in budgets:
        shares = passes.allotted(
            known.errors, lambda p, s: operations[p] * s, budget * sum(operations.values())
        )
        begun = time.perf_counter()
        made = last(passes.folded(whole.stages, orders, shares, batches))
        took = time.perf_counter() - begun
        small = replace(whole, stages=rebuilt(whole.stages, made), digest=f"{budget} {size}")
        features = torch.from_numpy(Extractor(small)(few)[:, 0])
        error = passes.feature_error(features, torch.from_numpy(expected))
        rows.append(Row(f"{budget:g}, {size}", small, took, accuracy(small, photos), error))
    return rows


def seen(network: Backbone, pixels: np.ndarray) -> list[torch.Tensor]:
    normalise = Normalise(network.preprocessing)
    parts = (torch.from_numpy(pixels[at : at + BATCH]) for at in range(0, len(pixels), BATCH))
    return [normalise(part).contiguous(memory_format=torch.channels_last) for part in parts]


def last(states):
    """What a pass had found at its end."""
    *_, found = states
    return found


def macs_of(network: Backbone) -> dict[str, int]:
    """Multiplications in each block's middle, for one image."""
    found: dict[str, int] = {}
    x = torch.zeros(1, 3, network.preprocessing.size, network.preprocessing.size)
    blocks = blocks_of(network.stages)
    with torch.inference_mode():
        for place, module in passes.steps_of(network.stages):
            y = module(x)
            if place in blocks and (layers := layers_of(module)) is not None:
                inner = y[0, 0].numel() * (layers.depthwise.weight[0].numel() + y.shape[1])
                found[place] = layers.width * (x[0].numel() + inner)
            x = y
    return found


def accuracy(network: Backbone, photos: Photos) -> float:
    extractor = Extractor(network)
    known, asked = (torch.from_numpy(extractor(p)) for p in (photos.train, photos.test))
    classes = torch.from_numpy(photos.classes)
    learner = LEARNERS.make("slda")
    new = {n: known[classes == n] for n in classes.unique().tolist()}
    for _ in learner.learn(Task(new, known, classes)):
        pass
    return float((learner.answers(asked) == photos.truth).mean())


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
    order = sorted(range(len(rows)), key=lambda at: np.median(runs[at].seconds))
    print("network       ms (p20)  ms (p50)  accuracy  error   fold")
    for at in order:
        low, middle = 1000 * np.quantile(runs[at].seconds, [0.2, 0.5])
        row = rows[at]
        print(
            f"{row.name:12} {low:9.2f} {middle:9.2f} {100 * row.accuracy:8.1f} % {row.error:6.3f} "
            f"{row.seconds:5.1f} s"
        )


if __name__ == "__main__":
    main()

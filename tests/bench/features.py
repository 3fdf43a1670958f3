"""What a kind of features brings beside another: moments of an earlier stage beside pooled ones.

    python -m tests.bench.features [PHOTOS] [--networks a,b] [--weights FILE] [--sizes 128,224]
                                   [--classes 20] [--images 100] [--match REGEX] [--seeds 1]
                                   [--learner slda] [--half] [--kinds pooled,moments]

PHOTOS holds train/ and test/ (or val/, or validation/, or several), each a folder of class
folders. Of the classes whose names fit REGEX so many are drawn for each seed, and of each so many
photos of train/; all photos of these classes in the other folders are asked. FILE holds
MobileNetV2's weights. The first kind is compared with each of the others: "gain" is of the same
photos, with its 95 % interval (paired bootstrap); "pass" is the processor's time for a pass beside
the first kind's, the median of what two interleaved runs in turn had, in brackets from the lower to
the upper quarter: it grows little with what else runs here. With --half it is also told how many
answers change where the features that are learnt from are kept in 16 bits, which would halve the
cache, and how many of them are then right.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import time
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
from engine.models.extractor import Extractor
from engine.models.features import with_features
from engine.models.growth import MOMENTS, POOLED
from tests.bench.given import parser_of, parts_of

ASKED = ("test", "val", "validation")
ROUNDS = 15


@dataclass
class Photos:
    """Decoded photos with their class numbers."""

    pixels: np.ndarray
    classes: torch.Tensor


def main() -> None:
    options = arguments()
    print(f"{'network':20}{'size':>6}{'seed':>6}  {'kind':22}right  gain              pass")
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder = parts_of(options, Path(name))
        for network in options.networks.split(","):
            for size in map(int, options.sizes.split(",")):
                file = Path(options.weights) if network == "mobilenet_v2" else None
                backbone = load_backbone(network, file, size)
                for seed in range(options.seeds):
                    for told in rows(options, folder, backbone, seed):
                        print(f"{network:20}{size:>6}{seed:>6}  {told}", flush=True)


def arguments() -> argparse.Namespace:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--networks", default="efficientnet_lite0")
    parser.add_argument("--sizes", default="128")
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--match", default="")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--learner", default="slda")
    parser.add_argument("--half", action="store_true")
    parser.add_argument("--kinds", default=f"{POOLED},{MOMENTS}")
    return parser.parse_args()


def rows(options: argparse.Namespace, folder: Path, pooled: Backbone, seed: int) -> Iterator[str]:
    """What is told of each kind, the first one alone and the others beside it."""
    learn, ask = drawn(options, folder, seed)
    known, asked = photos(learn, pooled), photos(ask, pooled)
    first: tuple[Extractor, np.ndarray] | None = None
    for kind in options.kinds.split(","):
        extractor = Extractor(with_features(pooled, kind))
        found = right(options.learner, extractor, known, asked)
        told = f"{kind:22}{100 * found.mean():5.1f}"
        if first is None:
            first = extractor, found
            yield f"{told}  of {len(ask)} asked"
            continue
        low, high = difference_interval(first[1].tolist(), found.tolist()) or (0.0, 0.0)
        gain = 100 * (found.mean() - first[1].mean())
        ratio = pass_ratio((first[0], extractor), asked.pixels[:64])
        halves = in_half(options.learner, extractor, known, asked) if options.half else ""
        yield f"{told}{gain:+6.1f} ({100 * low:+.1f} to {100 * high:+.1f})  {ratio}{halves}"


def drawn(options: argparse.Namespace, folder: Path, seed: int) -> tuple[list[Path], list[Path]]:
    """Photos to learn from and to ask, of some classes."""
    rng = random.Random(seed)
    names = sorted(p.name for p in (folder / "train").iterdir() if re.match(options.match, p.name))
    chosen = sorted(rng.sample(names, min(options.classes, len(names))))
    learn = []
    for name in chosen:
        files = sorted((folder / "train" / name).iterdir())
        learn += rng.sample(files, min(options.images, len(files)))
    parts = [folder / part / name for part in ASKED for name in chosen]
    return learn, [file for part in parts if part.is_dir() for file in sorted(part.iterdir())]


def photos(files: Sequence[Path], backbone: Backbone) -> Photos:
    names = sorted({file.parent.name for file in files})
    pixels = np.stack([open_image(file, backbone.preprocessing).seen for file in files])
    return Photos(pixels, torch.tensor([names.index(file.parent.name) for file in files]))


def right(learner: str, extractor: Extractor, known: Photos, asked: Photos) -> np.ndarray:
    """Which of the photos that are asked are answered rightly."""
    return np.asarray(answers(learner, extractor, known, asked) == asked.classes.numpy())


def in_half(learner: str, extractor: Extractor, known: Photos, asked: Photos) -> str:
    """What becomes of the answers where the features that are learnt from have 16 bits."""
    whole = answers(learner, extractor, known, asked)
    half = answers(learner, extractor, known, asked, half=True)
    truth = asked.classes.numpy()
    before, after = (100 * float((found == truth).mean()) for found in (whole, half))
    differ = int((whole != half).sum())
    return f"  16 bits: {differ} of {len(truth)} answers differ, {before:.2f} -> {after:.2f} right"


def answers(
    learner: str, extractor: Extractor, known: Photos, asked: Photos, half: bool = False
) -> np.ndarray:
    """The classes that are answered; those learnt from are rounded to 16 bits if `half`."""
    method = LEARNERS.make(learner)
    features = torch.from_numpy(extractor(known.pixels, method.views))
    features = features.half().float() if half else features
    new = {n: features[known.classes == n] for n in known.classes.unique().tolist()}
    moments = extractor.backbone.moments
    for _ in method.learn(Task(new, features, known.classes, moments)):
        pass
    return method.answers(torch.from_numpy(extractor(asked.pixels, method.views)))


def pass_ratio(extractors: Sequence[Extractor], pixels: np.ndarray) -> str:
    times: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for extractor, found in zip(extractors, times, strict=True):
            clock = time.process_time()
            extractor(pixels)
            found.append(time.process_time() - clock)
    first, second = (np.array(found) for found in times)
    low, middle, high = np.quantile(second / first, (0.25, 0.5, 0.75))
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()

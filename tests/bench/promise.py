"""Promises of how many answers are wrong: how often they are kept, and how much is answered.

    python -m tests.bench.promise [PHOTOS] [--weights FILE] [--size 128] [--learn 0.4]
        [--classes 0] [--groups tops=shirt+t-shirt,legs=pants+skirt] [--held 300,1000]
        [--rates 1,2,5] [--resamples 1000] [--left-out 0] [--features moments]

PHOTOS holds class folders, or folders of these (train/, test/), which are put together. A share
`learn` of them is learnt; the others are the population, whose truth is known. For each resample so
many of it as `held` says are drawn with replacement, to fit the temperature and to prove the
promise on; the promise is kept where its answers on the whole population are wrong at most so
often. A test half would add its own chance to that, and be luckier where the other is not.

"answered" is the mean share of the population; "softmax" the share that the laxest threshold on
plain softmax would answer, chosen with the truth known so that it is wrong as often as the promise
was. "looks right" takes the laxest threshold at which the drawn images are wrong at most so often.
Of classes within
`groups` an unsure answer is the group's name, where that is sure enough; softmax has classes alone.
With `left-out`, so many times other images are learnt, and learnt images, each left out, prove the
promise instead of held-out ones.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from engine.errors import UnusableImage
from engine.images.decode import open_many
from engine.images.folders import find_images
from engine.learners import LEARNERS, Learner, Task
from engine.learners.confidence import temperature
from engine.learners.heads import logits_of
from engine.learners.promise import LEVELS, NEVER, promised, reached
from engine.models.backbone import Backbone
from engine.models.backbones import load_backbone
from engine.models.extractor import Extractor
from engine.system.groups import Groups, level_of
from tests.bench.given import parser_of, photos_of

BATCH = 64


@dataclass
class Population:
    """Images that were not learnt, as arrays: logits, answers' places, and whether wrong."""

    logits: torch.Tensor
    truth: torch.Tensor
    groups: Groups

    def __post_init__(self) -> None:
        self.best = self.logits.argmax(dim=1).numpy()
        self.wrong = self.groups.wrong(self.best, self.truth.numpy())

    def confidence(self, heat: float = 1.0) -> np.ndarray:
        """Of the class and what it is within: (images, levels)."""
        return self.groups.climbed((self.logits / heat).softmax(dim=1).numpy())

    def given(self, confidence: np.ndarray, least: np.ndarray) -> tuple[float, float]:
        """The share that is answered, and which share of the answers is wrong."""
        level = level_of(confidence, least[self.best])
        wrong = self.wrong[np.arange(len(level)), level][level >= 0]
        return float((level >= 0).mean()), float(wrong.mean()) if len(wrong) else 0.0


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        features, classes, names = features_of(options, photos_of(options, Path(name)))
    held = [int(n) for n in options.held.split(",")]
    rates = [float(r) / 100 for r in options.rates.split(",")]
    rng = np.random.default_rng(0)
    within = within_of(options.groups, names)
    moments = backbone_of(options).moments
    learner, _, population = learnt(features, classes, within, options.learn, moments, rng)
    right = 1 - population.wrong[:, 0].mean()
    print(f"{len(learner.classes)} classes, {len(population.wrong):,} images, {right:.1%} right\n")
    print("| promise | test images | kept | answered | softmax | looks right: kept, answered |")
    print("|---|---|---|---|---|---|")
    for rate in rates:
        for n in held:
            print(line(population, rate, n, options.resamples, rng), flush=True)
    if options.left_out:
        left_out(options, features, classes, within, rates)


def arguments() -> argparse.Namespace:
    parser = parser_of(__doc__ or "")
    add = parser.add_argument
    add("--size", type=int, default=128)
    add("--learn", type=float, default=0.4, help="the share of the images that is learnt")
    add("--classes", type=int, default=0, help="so many of the classes, the first by name; 0: all")
    add("--groups", default="", help="NAME=CLASS+CLASS, and so on with commas between")
    add("--held", default="300,1000")
    add("--rates", default="1,2,5", help="in per cent")
    add("--resamples", type=int, default=1000)
    add("--features", default="moments", help="of EfficientNet-Lite0: moments or pooled")
    add("--left-out", type=int, default=0, help="so many draws of what is learnt")
    return parser.parse_args()


def within_of(groups: str, names: list[str]) -> list[str]:
    """For each class the group that it is within."""
    found = dict.fromkeys(names, "")
    for group in filter(None, groups.split(",")):
        name, _, members = group.partition("=")
        found |= dict.fromkeys(members.split("+"), name)
    return [found[name] for name in names]


def features_of(
    options: argparse.Namespace, photos: Path
) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    """Features (images, 1, width) of all images that open, mixed, their classes' numbers, and the
    names of these."""
    parts = [photos] if any(file.is_file() for file in photos.glob("*/*")) else photos.iterdir()
    found: dict[str, list[Path]] = {}
    for part in sorted(path for path in parts if path.is_dir()):
        for name, files in find_images([part]).classes.items():
            found.setdefault(name, []).extend(path for path, _ in files)
    names = sorted(found)[: options.classes or None]
    each = getattr(options, "each", 0) or None
    of = [(path, number) for number, name in enumerate(names) for path in found[name][:each]]
    random.Random(0).shuffle(of)
    backbone = backbone_of(options)
    extractor, numbers = Extractor(backbone), dict(of)
    parts, kept = [], []
    for some in batches(open_many(iter(numbers), backbone.preprocessing)):
        parts.append(extractor(np.stack([pixels for _, pixels in some])))
        kept += [numbers[path] for path, _ in some]
    return torch.from_numpy(np.concatenate(parts)), torch.tensor(kept), names


def backbone_of(options: argparse.Namespace) -> Backbone:
    """The network from a file of weights, or Lite0 with its usual features."""
    weights = Path(options.weights) if options.weights else None
    kind = "pooled" if weights else options.features
    return load_backbone("" if weights else "efficientnet_lite0", weights, options.size, kind)


def batches(opened: Iterator) -> Iterator[list[tuple[Path, np.ndarray]]]:
    batch: list[tuple[Path, np.ndarray]] = []
    for path, image in opened:
        if not isinstance(image, UnusableImage):
            batch.append((path, image.seen))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def learnt(
    features: torch.Tensor,
    classes: torch.Tensor,
    within: list[str],
    share: float,
    moments: int,
    rng: np.random.Generator,
) -> tuple[Learner, np.ndarray, Population]:
    """A learner that learnt a share of the images, which, and what it says of the others; the last
    `moments` of the features are those of an earlier stage."""
    order = rng.permutation(len(classes))
    mine, others = np.split(order, [round(share * len(order))])
    learner = LEARNERS.make("slda")
    x, y = features[mine], classes[mine]
    task = Task({int(c): x[y == c] for c in y.unique()}, x[:1500], y[:1500], moments)
    for _ in learner.learn(task):
        pass
    known = torch.tensor(learner.classes)
    others = others[np.isin(classes[others].numpy(), known.numpy())]
    logits = logits_of(learner.head().eval(), features[others]).double()
    groups = Groups(tuple(within[number] for number in learner.classes))
    return learner, mine, Population(logits, torch.searchsorted(known, classes[others]), groups)


def line(
    population: Population, rate: float, n: int, resamples: int, rng: np.random.Generator
) -> str:
    """A row of the table: means over resamples."""
    size = len(population.best)
    softmax_of = population.logits.softmax(dim=1).amax(dim=1).numpy()
    plain = np.argsort(-softmax_of, kind="stable")
    risks = np.cumsum(population.wrong[plain, 0]) / np.arange(1, size + 1)
    kept, answered, softmax, looks, looks_answered = ([] for _ in range(5))
    for _ in range(resamples):
        drawn = rng.integers(0, size, n)
        heat = temperature(population.logits[drawn], population.truth[drawn])
        confidence = population.confidence(heat)
        proof = confidence[drawn], population.best[drawn], population.wrong[drawn]
        share, risk = population.given(
            confidence, np.array(promised(*proof, population.groups, rate).least)
        )
        kept.append(risk <= rate)
        answered.append(share)
        as_often = np.flatnonzero(risks <= risk)
        softmax.append((as_often[-1] + 1) / size if share and len(as_often) else 0.0)
        images, errors = reached(proof[0], proof[2])
        seems = LEVELS[(images > 0) & (errors <= rate * images)]
        level = seems.min() if len(seems) else NEVER
        share, risk = population.given(confidence, np.full(population.groups.classes, level))
        looks.append(risk <= rate)
        looks_answered.append(share)
    means = [float(np.mean(each)) for each in (kept, answered, softmax, looks, looks_answered)]
    told = [f"{mean:.1%}" for mean in means]
    return f"| {rate:.0%} | {n:,} | {told[0]} | {told[1]} | {told[2]} | {told[3]}, {told[4]} |"


def left_out(
    options: argparse.Namespace,
    features: torch.Tensor,
    classes: torch.Tensor,
    within: list[str],
    rates: list[float],
) -> None:
    """Promises proven on learnt images, each left out: how often they are kept, and the share that
    is answered."""
    found: dict[float, list[tuple[bool, float]]] = {rate: [] for rate in rates}
    moments = backbone_of(options).moments
    for seed in range(options.left_out):
        rng = np.random.default_rng(seed)
        learner, mine, population = learnt(features, classes, within, options.learn, moments, rng)
        logits = learner.left_out(features[mine], classes[mine])
        assert logits is not None  # discriminant analysis has a closed form
        truth = torch.searchsorted(torch.tensor(learner.classes), classes[mine])
        own = Population(logits, truth, population.groups)
        heat = temperature(logits, truth)
        for rate in rates:
            made = promised(own.confidence(heat), own.best, own.wrong, own.groups, rate)
            share, risk = population.given(population.confidence(heat), np.array(made.least))
            found[rate].append((risk <= rate, share))
    means = {rate: np.mean(each, axis=0) for rate, each in found.items()}
    told = (f"{rate:.0%}: {kept:.1%}, {share:.1%}" for rate, (kept, share) in means.items())
    of = f"{len(mine):,} learnt images, each left out, {options.left_out} draws"
    print(f"\nby {of}, kept and answered: {'; '.join(told)}")


if __name__ == "__main__":
    main()

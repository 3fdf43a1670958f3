"""Branches for later classes, against training the same upper stages anew on all images seen.

    python -m tests.bench.branches [PHOTOS] [--weights FILE] [--size 96] [--steps 5] [--classes 20]

PHOTOS holds train/ and test/, each a folder of class folders. The first step's classes are learnt
by the network as it is, each later step grows a branch, which sees `--memory` earlier images beside
each new one. After each step test/ is scored on the classes seen so far: the network as it is; the
branched one with one exact head, with a head for each branch that leaves the earlier logits as they
are (joined), and with heads that never saw the other branches' classes (apart); and the upper
stages trained anew on all images seen, by the same recipe, alone and with the original ones beside
them (anew+). The largest difference of earlier classes' logits before and after must be 0.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.images.decode import open_many
from engine.learners import LEARNERS
from engine.learners.heads import logits_of
from engine.learners.metrics import accuracy_interval
from engine.learning.material import learning_data
from engine.models.backbone import Backbone, Stage
from engine.models.branches import branches_of, plain
from engine.session import Session
from engine.storage import catalogue, steps
from engine.training.branching import heads
from engine.training.branching.grow import ground_of
from engine.training.branching.options import CALIBRATED, MEMORY, BranchOptions
from engine.training.branching.training import raised
from tests.bench.common import do, finished, new, timed
from tests.bench.given import parser_of, parts_of


@dataclass
class Bench:
    """The project that grows, and the test images of the classes seen so far."""

    session: Session
    photos: Path
    seen: list[str] = field(default_factory=list)
    pixels: np.ndarray | None = None
    truth: list[int] = field(default_factory=list)

    def see(self, names: Sequence[str]) -> None:
        """Adds the test images of new classes, which the project knows by now."""
        numbers = {name: n for n, name in catalogue.class_names(self.session.require()).items()}
        preprocessing = plain(self.session.backbone()).preprocessing
        found = [] if self.pixels is None else [self.pixels]
        for name in names:
            files = sorted((self.photos / "test" / name).iterdir())
            more = [image.pixels for _, image in open_many(files, preprocessing)]
            found.append(np.stack(more))
            self.truth += [numbers[name]] * len(more)
        self.seen += names
        self.pixels = np.concatenate(found)

    def train(self) -> Mapping[int, Sequence[str]]:
        return catalogue.to_learn(self.session.require()).train

    def exact(self, backbone: Backbone) -> tuple[float, float]:
        """Accuracy on test images of one closed-form head on a network's features; seconds."""
        extractor, project = self.session.extractor_of(backbone), self.session.require()
        material = finished(learning_data(project, extractor, 1))
        learner, task = LEARNERS.make(*heads.exact_choice(project)), material.task()
        seconds, _ = timed(lambda: list(learner.learn(task)))
        logits = logits_of(learner.head(), torch.from_numpy(extractor(self.pixels)))
        return self.accuracy(logits, learner.classes), seconds

    def apart(self) -> float:
        """The same with a head for each branch that never saw the others' classes (the paper's)."""
        project, extractor = self.session.require(), self.session.extractor()
        settings = {**heads.split_settings(project, extractor.backbone), "wide": False}
        learner = LEARNERS.make(heads.PER_BRANCH, settings)
        material = finished(learning_data(project, extractor, 1))
        finished(heads.taught(learner, material, material.train))
        found = torch.from_numpy(self.session.extractor()(self.pixels))
        return self.accuracy(logits_of(learner.head(), found), learner.classes)

    def logits(self, pixels: np.ndarray) -> tuple[torch.Tensor, list[int]]:
        """What the model in use says of images, and the classes of the columns."""
        found = torch.from_numpy(self.session.extractor()(pixels))
        row = steps.current(self.session.require())
        learner = LEARNERS.make(row["learner"], row["settings"])
        learner.restore(steps.learnt(self.session.require(), row).memory)
        return logits_of(learner.head(), found), list(learner.classes)

    def accuracy(self, logits: torch.Tensor, classes: Sequence[int]) -> float:
        answered = torch.tensor(classes)[logits.argmax(1)].numpy()
        return float((answered == np.array(self.truth)).mean())


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("ESPALIER_HOME", folder)
        options.photos = parts_of(options, Path(folder))
        names = sorted(p.name for p in (options.photos / "train").iterdir())
        each = options.classes
        parts = [names[i * each : (i + 1) * each] for i in range(options.steps)]
        session = new(Path(folder), "branches", options.backbone, options.weights, options.size)
        bench = Bench(session, options.photos)
        header = (
            "classes",
            "as it is",
            "exact",
            "joined",
            "apart",
            "anew",
            "anew+",
            "branch s",
            "anew s",
            "head s",
            "old logits",
            "cut",
        )
        print("".join(f"{word:>11}" for word in header), flush=True)
        for number, part in enumerate(filter(None, parts)):
            step(bench, options, number, part, Path(folder))
        session.close()


def arguments() -> argparse.Namespace:
    parser = parser_of(__doc__, parts=True)
    add = parser.add_argument
    add("--backbone", default="")
    add("--size", type=int, default=96)
    add("--steps", type=int, default=5)
    add("--classes", type=int, default=20, help="classes in a step")
    add("--cut", default="auto", help="a stage's name, or auto: chosen at the second step")
    add("--threshold", type=float, default=1.0)
    add("--memory", type=float, default=MEMORY, help="earlier images for each new one")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="of fine-tuning")
    add("--first", action="store_true", help="a branch for the first step's classes, too")
    add("--no-anew", action="store_true", help="without training anew, which takes longest")
    return parser.parse_args()


def step(
    bench: Bench, options: argparse.Namespace, number: int, names: list[str], folder: Path
) -> None:
    """One step of learning, and its line."""
    session, paths = bench.session, [str(bench.photos / "train" / name) for name in names]
    settings = dict(text.partition("=")[::2] for text in options.set)
    before = bench.logits(bench.pixels) if number else None
    old, grown = bench.pixels, {}
    if number or options.first:
        grown = do(
            session,
            "grow_branch",
            paths=paths,
            cut=options.cut,
            join=CALIBRATED,
            threshold=options.threshold,
            adopt="always",
            settings=settings,
            memory=options.memory,
        )
        if grown["curve"]:
            tell_curve(grown)
            options.cut = grown["cut"] if grown["branch"] else lowest_below(grown)
        if not grown["branch"]:
            raise SystemExit("The curve says that no branch is needed. Name a cut with --cut.")
    else:
        do(session, "learn_folder", paths=paths)
    bench.see(names)
    anew = trained_anew(bench, options, settings, folder) if not options.no_anew else {}
    tell(bench, before, old, grown, anew)


def lowest_below(grown: dict[str, Any]) -> str:
    return grown["curve"][0]["cut"]


def trained_anew(
    bench: Bench, options: argparse.Namespace, settings: dict[str, str], folder: Path
) -> dict[str, float]:
    """The upper stages trained on all images seen: accuracy of an exact head on their features,
    and on those with the original's beside them; seconds of training."""
    if options.cut == "auto":
        return {}
    wish = BranchOptions(options.cut, 0, CALIBRATED, "always", settings)
    project, extractor = bench.session.require(), bench.session.extractor()
    with heads.workplace(project) as place:
        ground = finished(ground_of(project, extractor, sorted(bench.train()), wish, place))
        course = ground.course(options.cut)
        finished(course.follow())
        upper, original = raised(course, options.cut, ground.original), ground.original
    at = original.position(options.cut)
    stages = [*original.stages[:at]]
    stages += [Stage(s.name, m) for s, m in zip(original.stages[at:], upper, strict=True)]
    name = f"anew-{len(bench.seen)}"
    tuned = replace(original, stages=stages, digest=name + os.urandom(8).hex())
    both = branching_of(original, options.cut, upper)
    return {
        "alone": bench.exact(tuned)[0],
        "both": bench.exact(both)[0],
        "seconds": course.account.seconds,
    }


def branching_of(original: Backbone, cut: str, upper: torch.nn.Module) -> Backbone:
    from engine.models.branches import grown

    return grown(original, cut, upper)


def tell(
    bench: Bench,
    before: tuple[torch.Tensor, list[int]] | None,
    old: np.ndarray | None,
    grown: dict[str, Any],
    anew: dict[str, float],
) -> None:
    """A step's line: accuracies in percent, seconds, and how far old logits moved."""
    backbone = bench.session.backbone()
    as_it_is = bench.exact(plain(backbone))[0]
    exact, head_seconds = bench.exact(backbone)
    logits, classes = bench.logits(bench.pixels)
    joined, moved = bench.accuracy(logits, classes), "–"
    apart = bench.apart() if branches_of(backbone) else joined
    if before is not None and old is not None:
        was, numbers = before
        now = logits[: len(old)][:, [classes.index(n) for n in numbers]]
        moved = f"{float((now - was).abs().max()):g}"
    learnt = grown["costs"]["rows"][0]["learn_seconds"] if grown else None
    cells = [
        str(len(bench.seen)),
        *(f"{100 * a:.1f}" for a in (as_it_is, exact, joined, apart)),
        *(f"{100 * anew[k]:.1f}" if anew else "–" for k in ("alone", "both")),
        f"{learnt:.0f}" if learnt else "–",
        f"{anew['seconds']:.0f}" if anew else "–",
        f"{head_seconds:.1f}",
        moved,
        grown.get("cut", "–"),
    ]
    print("".join(f"{cell:>11}" for cell in cells), flush=True)
    low, high = accuracy_interval(round(exact * len(bench.truth)), len(bench.truth))
    branches = len(branches_of(backbone))
    print(
        f"{'':11}95 %: exact {100 * low:.1f}–{100 * high:.1f}; {len(bench.truth)} test images, "
        f"{branches} branches, {backbone.width} features",
        flush=True,
    )
    if grown:
        tell_costs(grown, anew)


def tell_curve(grown: dict[str, Any]) -> None:
    print("  cut         shared parameters  shared MACs  accuracy  95 %         seconds")
    for point in grown["curve"]:
        low, high = (100 * x for x in point["interval"])
        mark = "  <- chosen" if point["cut"] == grown["recommended"] else ""
        print(
            f"  {point['cut']:12}{100 * point['share_parameters']:15.1f} %"
            f"{100 * point['share_macs']:11.1f} %{100 * point['accuracy']:9.1f}"
            f"  {low:4.1f}–{high:4.1f}{point['seconds']:11.1f}{mark}",
            flush=True,
        )


def tell_costs(grown: dict[str, Any], anew: dict[str, float]) -> None:
    """The table of costs, with the seconds of training anew that were measured."""
    for row in grown["costs"]["rows"]:
        seconds = row["learn_seconds"]
        if row["way"] == "upper stages anew" and anew:
            seconds = anew["seconds"]
        took = f"{seconds:.0f} s" if seconds else "–"
        print(
            f"  {row['way']:24}{row['pictures']:6} images,{row['trained_parameters'] / 1e6:5.2f} "
            f"M trained,{row['learn_macs'] / 1e12:7.2f} T MACs,{row['learn_joules']:7.1f} J,"
            f"{took:>7}; in use {row['stored_bytes'] / 1e6:5.1f} MB, "
            f"{row['macs'] / 1e6:6.1f} M MACs, {row['read_bytes'] / 1e6:5.1f} MB read, "
            f"{1e3 * row['joules']:5.2f} mJ",
            flush=True,
        )


if __name__ == "__main__":
    main()

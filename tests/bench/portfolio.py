"""What choosing the method for the images brings, beside the recommended method on the same photos.

    python -m tests.bench.portfolio [PHOTOS ...] [--weights FILE] [--size 128] [--classes 50]
                                    [--images 60] [--match REGEX] [--few 10] [--seeds 1]
                                    [--kinds whole,few,shifted,alike]

Each PHOTOS holds train/ and test/ (or val/, or validation/, or several), each a folder of class
folders. Of each three sets are made: so many classes, drawn, with so many photos of train/; the
same with few photos of each; and the same with each photo's three colours made stronger or weaker
at random. With --match a fourth one holds the classes whose names fit. All photos of these classes
in the other folders are asked, by the project's own jobs: `learn_folder`, `learn` with the method
and `score` on a folder. "left out" are the figures that the choice was made by.

"pooled" is discriminant analysis on the features of the last stage alone, which was all that the
recommended method saw before moments were features of their own; "slda" is the recommended method
as a new project has it, which chooses by itself how much moments count. "auto" is beside each of
them, with the 95 % interval of the paired difference; seconds are of the processor, for the whole
step of learning with the choice, from kept features.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from app.cli.terminal import columns
from engine.images.decode import open_image
from engine.learners import LEARNERS, Task
from engine.learners.heads import logits_of
from engine.learners.metrics import difference_interval
from engine.learning import material
from engine.session import Session
from engine.storage import catalogue
from tests.bench.common import do, finished, new
from tests.bench.given import drawn

ASKED = ("test", "val", "validation")
METHODS = ("slda", "auto", "roots")
BESIDE = ("pooled", "slda")
HEADS = (
    "set",
    "learnt",
    "asked",
    *("pooled", "slda", "roots"),
    *("auto beside pooled", "beside slda"),
    "seconds",
    "chosen",
)
KINDS = ("whole", "few", "shifted", "alike")


@dataclass(frozen=True)
class Found:
    """What was asked of a set: which photos are answered rightly, by the method; how long the
    choice took, and what it says."""

    title: str
    learnt: int
    right: Mapping[str, np.ndarray]
    seconds: float
    says: str

    def gain(self, beside: str) -> float:
        """In points, of the method that was chosen."""
        return 100 * float(self.right["auto"].mean() - self.right[beside].mean())

    def row(self) -> tuple[str, ...]:
        shares = (f"{100 * self.right[name].mean():.1f}" for name in ("pooled", "slda", "roots"))
        gains = (told(self.gain(name), self.right[name], self.right["auto"]) for name in BESIDE)
        counts = f"{self.learnt:,}", f"{len(self.right['auto']):,}"
        return self.title, *counts, *shares, *gains, f"{self.seconds:.1f}", self.says


def told(gain: float, before: np.ndarray, after: np.ndarray) -> str:
    low, high = difference_interval(before.tolist(), after.tolist()) or (0.0, 0.0)
    return f"{gain:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def main() -> None:
    options, found = arguments(), list[Found]()
    print("\t".join(HEADS), flush=True)
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        here = Path(name)
        for folder in options.photos or [drawn_parts(here)]:
            for title, place in sets(options, folder, here):
                found.append(measured(options, title, place))
                print("\t".join(found[-1].row()), flush=True)
    print("\n" + columns([HEADS, *(one.row() for one in found)]))
    for beside in BESIDE:
        gains = [one.gain(beside) for one in found]
        print(f"beside {beside}: mean gain {np.mean(gains):+.2f} points, worst {min(gains):+.2f}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    add = parser.add_argument
    add("photos", type=Path, nargs="*", help="each holds train/ and test/; drawn if missing")
    add("--weights", default="", help="weights of the backbone; else EfficientNet-Lite0")
    add("--size", type=int, default=128)
    add("--classes", type=int, default=50)
    add("--images", type=int, default=60)
    add("--match", default="", help="classes that are much alike")
    add("--few", type=int, default=10)
    add("--seeds", type=int, default=1)
    add("--kinds", default=",".join(KINDS), help="which sets to make")
    return parser.parse_args()


def drawn_parts(here: Path) -> Path:
    for seed, (part, each) in enumerate({"train": 40, "test": 20}.items()):
        drawn(here / "drawn" / part, each, seed)
    return here / "drawn"


def sets(options: argparse.Namespace, folder: Path, here: Path) -> Iterator[tuple[str, Path]]:
    """Names of sets, and folders that hold train/ to learn from and asked/."""
    names = sorted(p.name for p in (folder / "train").iterdir())
    alike = [n for n in names if options.match and re.fullmatch(options.match, n)]
    for seed in range(options.seeds):
        rng = random.Random(seed)
        some = sorted(rng.sample(names, min(options.classes, len(names))))
        wanted = {
            "whole": (some, options.images, linked),
            "few": (some, options.few, linked),
            "shifted": (some, options.images, shifted),
            "alike": (alike, options.images, linked),
        }
        for kind in options.kinds.split(","):
            classes, each, put = wanted[kind]
            place = here / f"{folder.name}-{seed}-{kind}"
            for name in classes:
                files = files_of(folder / "train" / name)
                chosen = rng.sample(files, min(each, len(files)))
                put_all(chosen, place / "train" / name, put)
                rest = [file for part in ASKED for file in files_of(folder / part / name)]
                put_all(rest, place / "asked" / name, put)
            if classes:
                yield f"{folder.name}, {kind}", place


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def put_all(files: Sequence[Path], folder: Path, put: Callable[[Path, Path], None]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        put(file, folder / f"{file.parent.parent.name}-{file.name}")


def linked(file: Path, target: Path) -> None:
    target.symlink_to(file.resolve())


def shifted(file: Path, target: Path) -> None:
    """The photo with each of its three colours times 0.6 to 1.4."""
    gains = np.random.default_rng(list(file.name.encode())).uniform(0.6, 1.4, 3)
    pixels = np.asarray(Image.open(file).convert("RGB")) * gains
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(target.with_suffix(".png"))


def measured(options: argparse.Namespace, title: str, place: Path) -> Found:
    """Each method on one set."""
    right: dict[str, np.ndarray] = {}
    with closing(new(place, "project", weights=options.weights, size=options.size)) as made:
        learnt = do(made, "learn_folder", paths=[str(place / "train")])
        seconds, says = 0.0, ""
        for method in METHODS:
            clock = time.process_time()
            result = do(made, "learn", learner=method)
            if method == "auto":
                seconds, says = time.process_time() - clock, chosen(result)
            right[method] = answers(made, place / "asked")
        right["pooled"] = pooled(made, place / "asked")
    return Found(title, sum(learnt["classes"].values()), right, seconds, says)


def pooled(session: Session, asked: Path) -> np.ndarray:
    """As `answers`, of discriminant analysis on the features of the last stage alone."""
    project, extractor = session.require(), session.extractor()
    data = finished(material.learning_data(project, extractor, 1))
    own = extractor.backbone.width - extractor.backbone.moments
    sample, classes = data.sample()
    new = {number: data.of(hashes)[..., :own] for number, hashes in data.train.items()}
    learner = LEARNERS.make("slda")
    for _ in learner.learn(Task(new, sample[..., :own], classes)):
        pass
    names, head, right = catalogue.class_names(project), learner.head(), list[np.ndarray]()
    files = sorted(asked.glob("*/*"))
    for at in range(0, len(files), 64):
        some = files[at : at + 64]
        pixels = np.stack([open_image(f, extractor.backbone.preprocessing).seen for f in some])
        said = logits_of(head, torch.from_numpy(extractor(pixels)[..., :own])).argmax(1).tolist()
        told = [names[learner.classes[place]] for place in said]
        right.append(np.array([f.parent.name == name for f, name in zip(some, told, strict=True)]))
    return np.concatenate(right)


def chosen(result: dict) -> str:
    """The method that was chosen, with the figures that it was chosen by."""
    if "choice" not in result:
        return "the recommended one: too little to compare"
    choice = result["choice"]
    found, usual = choice["right"][choice["titles"].index(choice["title"])], choice["right"][0]
    return f"{choice['title']} (left out {100 * found:.1f}, {100 * usual:.1f})"


def answers(session: Session, asked: Path) -> np.ndarray:
    """Which of the photos in class folders are answered rightly."""
    told = do(session, "score", test=str(asked), predictions=True)["predictions"]
    return np.array([Path(path).parent.name == name for path, name in sorted(told.items())])


if __name__ == "__main__":
    main()

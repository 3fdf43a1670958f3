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
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image

from engine.learners.metrics import difference_interval
from engine.session import Session
from tests.bench.common import do, new
from tests.bench.given import drawn

ASKED = ("test", "val", "validation")
METHODS = ("slda", "auto", "roots")
KINDS = ("whole", "few", "shifted", "alike")


def main() -> None:
    options = arguments()
    print(
        f"{'set':26}{'learnt':>7}{'asked':>6}  slda  {'auto':7}interval         seconds  ", end=""
    )
    print("roots  chosen")
    gains = []
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        here = Path(name)
        for folder in options.photos or [drawn_parts(here)]:
            for title, place in sets(options, folder, here):
                gain, row = measured(options, title, place)
                gains.append(gain)
                print(row, flush=True)
    print(f"mean gain {np.mean(gains):+.2f} points, worst {min(gains):+.2f}")


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


def measured(options: argparse.Namespace, title: str, place: Path) -> tuple[float, str]:
    """The gain in points on photos that are asked, and a line of the table."""
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
    usual, auto = right["slda"], right["auto"]
    low, high = difference_interval(usual.tolist(), auto.tolist()) or (0.0, 0.0)
    gain = 100 * float(auto.mean() - usual.mean())
    interval = f"({100 * low:+.1f} to {100 * high:+.1f})"
    others = f"{100 * right['roots'].mean():5.1f}"
    count = sum(learnt["classes"].values())
    line = (
        f"{title:26}{count:>7}{len(auto):>6}{100 * usual.mean():6.1f} {gain:+5.1f}  {interval:18}"
    )
    return gain, f"{line}{seconds:5.1f}    {others}  {says}"


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

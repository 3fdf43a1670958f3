"""`espalier predict MODEL FOLDER --csv` over 100,000 small images: rate, peak memory, the limit.

    python -m tests.bench.predict [PHOTOS] [--weights FILE] [--size 64] [--count 100000] [--project]

PHOTOS is a folder of class folders. At most 400 of them, scaled down to 128 x 96 pixels (every
other one upright, 96 x 128), are given COUNT names by hard links. In the same run, on the same
cores: what ONNX Runtime answers on such images that are decoded already, at the best of four
sizes of a batch, and what decoding alone gives. The command runs in a process of its own.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from engine.export.readers import open_exported, whole_image
from engine.images.prefetch import decoded_ahead
from engine.images.walk import Walk
from engine.system.cpu import available_cores
from tests.bench.given import parser_of, photos_of

DIFFERENT = 400
SIDES = (128, 96)
BATCHES = (1, 8, 16, 32)
SECONDS = 8.0
"""Of each measurement beside the command's own."""


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder = Path(name)
        photos = photos_of(options, folder)
        project, model = folder / "p.espalier", folder / "p.onnx"
        espalier("new", project, *given(options))
        espalier("learn", project, photos)
        espalier("export", project, "--to", model)
        small, many = make_small(photos, folder / "small"), folder / "many"
        make_many(small, many, options.count)
        print(
            f"{options.count:,} names of {len(small)} pictures (hard links), {available_cores()} "
            "cores"
        )
        ready = {batch: ready_rate(model, small, batch) for batch in BATCHES}
        decoding = decode_rate(many)
        for batch, rate in ready.items():
            print(f"ONNX Runtime on ready tensors, batch {batch:<2} {rate:9.0f} pictures/s")
        print(f"decoding alone, {available_cores()} threads           {decoding:9.0f} pictures/s")
        asked = project if options.project else model
        rate, memory = predicted(asked, many, folder / "table.csv", options.count)
        report(rate, memory, max(ready.values()), decoding)


def arguments() -> argparse.Namespace:
    parser = parser_of(__doc__ or "")
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--count", type=int, default=100_000)
    help = "ask the project itself instead of its export"
    parser.add_argument("--project", action="store_true", help=help)
    return parser.parse_args()


def given(options: argparse.Namespace) -> list[object]:
    words = ["--weights", options.weights] if options.weights else []
    return [*words, *(["--size", options.size] if options.size else [])]


def espalier(*words: object) -> None:
    """A command that must succeed; what it says is of no interest here."""
    asked = [sys.executable, "-m", "app", *map(str, words)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{words[0]}: {done.stderr}")


def make_small(photos: Path, folder: Path) -> list[Path]:
    """Small copies of the photos, half of them upright."""
    folder.mkdir()
    made = []
    for number, photo in enumerate(sorted(photos.glob("*/*"))[:: every(photos)]):
        made.append(folder / f"{number:04}.jpg")
        size = SIDES[:: -1 if number % 2 else 1]
        ImageOps.fit(Image.open(photo).convert("RGB"), size).save(made[-1], quality=90)
    return made


def every(photos: Path) -> int:
    return max(1, len(list(photos.glob("*/*"))) // DIFFERENT)


def make_many(small: list[Path], folder: Path, count: int) -> None:
    """Names for them, a thousand in a folder."""
    for number, path in enumerate(islice(cycle(small), count)):
        inside = folder / f"{number // 1000:03}"
        if number % 1000 == 0:
            inside.mkdir(parents=True)
        os.link(path, inside / f"{number:06}.jpg")


def ready_rate(model: Path, small: list[Path], size: int) -> float:
    """Images a second through the exported file, given in batches that are in memory."""
    exported = open_exported(model, available_cores())
    sizes: dict[tuple[int, ...], list[np.ndarray]] = {}
    for path in small:
        sizes.setdefault((pixels := whole_image(path)).shape, []).append(pixels)
    batches = [
        np.stack(some[i : i + size])
        for some in sizes.values()
        for i in range(0, len(some) - size + 1, size)
    ]
    exported.answers(batches[0])
    return rate_of(len(exported.answers(batch)[1]) for batch in cycle(batches))


def decode_rate(many: Path) -> float:
    return rate_of(1 for _ in decoded_ahead(Walk([many]), np.asarray, available_cores()))


def rate_of(done: Iterator[int]) -> float:
    """Things a second, over some seconds."""
    begun, total = time.perf_counter(), 0
    for count in done:
        total += count
        if time.perf_counter() - begun > SECONDS:
            break
    return total / (time.perf_counter() - begun)


def predicted(model: Path, many: Path, table: Path, count: int) -> tuple[float, float]:
    """Images a second over the command's whole life, and its peak memory in MB."""
    asked = [sys.executable, "-m", "app", "predict", str(model), str(many), "--csv", str(table)]
    begun = time.perf_counter()
    started = subprocess.Popen(asked, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(started.pid, 0)
    seconds = time.perf_counter() - begun
    started.returncode = os.waitstatus_to_exitcode(status)
    with table.open(encoding="utf-8", newline="") as file:
        rows = sum(1 for row in csv.DictReader(file) if row["class"])
    if started.returncode or rows != count:
        raise SystemExit(f"the command ended with {started.returncode} after {rows} rows")
    print(
        f"espalier predict --csv                  {count / seconds:9.0f} pictures/s, "
        f"{seconds:.0f} s"
    )
    return count / seconds, used.ru_maxrss / 1024


def report(rate: float, memory: float, ready: float, decoding: float) -> None:
    """Which was the limit: what takes an image longer, decoding or the network."""
    limit = "decoding" if decoding < ready else "the network"
    print(f"peak memory of its process              {memory:9.0f} MB")
    print(f"share of ONNX Runtime's own rate        {rate / ready:9.0%}   the limit was {limit}")
    if available_cores() == 1:
        both = 1 / (1 / ready + 1 / decoding)
        print(f"share of decoding and network in turn   {rate / both:9.0%}   one core does both")


if __name__ == "__main__":
    main()

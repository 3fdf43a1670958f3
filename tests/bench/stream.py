"""Streams: how often a false alarm is raised, how soon drift is found, and prequential accuracy.

    python -m tests.bench.stream [PHOTOS] [--size 128] [--streams 1000] [--planted 200]
                                 [--rate 0.05] [--kept FILE] [--weights FILE]

PHOTOS holds train/ and test/ (or validation/ too), each a folder of class folders; all of them are
put together. For each stream the images of each class are drawn anew: half of all, always the same,
are what the metrics of other classes come from; of the rest 60 % are known, and of the others up to
40 of each class come in a random order. Planted until the end of a stream: another class's images
in a class, after a quarter of it; and in all images of its second half warmer colours (red times
1.3, blue 0.7), less light (0.75), or blur (a radius of 1.5 pixels of the thumbnail). "found" counts
images from the first that is changed: of the class, or of the stream. FILE keeps what was looked
at, for a next run.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

from engine.images.decode import open_image
from engine.images.quality import QUALITIES, qualities
from engine.images.thumbnail import as_jpeg
from engine.learners.drift import both_sides, martingale, p_values, passed, themselves, unlike
from engine.learning.drifting import Metrics
from engine.learning.stream import ORDERS, Start, Stream, order_of, prequential
from engine.models.backbone import Backbone
from engine.models.extractor import Extractor
from tests.bench.common import finished
from tests.bench.given import parser_of
from tests.bench.kept import Arrays, kept

EACH, KNOWN = 40, 0.6
WARM = np.array([1.3, 1.0, 0.7])
DARK, BLUR = 0.75, 1.5
CHANGES = ("none", "warm", "dark", "blurred")


@dataclass(frozen=True)
class Class:
    """The images of a class that are drawn from: directions as they are and changed, with as few
    numbers as there are images, which keeps all cosines; and their qualities for each change."""

    directions: Mapping[str, np.ndarray]
    qualities: Mapping[str, np.ndarray]


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        seen = kept(options, Path(name), looked_at)
    print(f"{len(seen['y']):,} photos of {len(set(seen['y'].tolist()))} classes", flush=True)
    orders(seen)
    clock = time.process_time()
    classes = classes_of(seen)
    tests = len(classes) + len(QUALITIES)
    bound = tests / options.rate
    alarms = [alarmed(classes, bound, seed, "none") is not None for seed in range(options.streams)]
    print(
        f"without drift, {tests} tests, rate {options.rate:g}: {sum(alarms)} of {len(alarms)} "
        f"streams raise an alarm ({np.mean(alarms):.1%})",
        flush=True,
    )
    for change in CHANGES[1:]:
        found = [alarmed(classes, bound, seed, change) for seed in range(options.planted)]
        print(row(f"{change}, of the stream", found), flush=True)
    print(row("another class, of the class", swapped(seen, bound, options.planted)))
    print(f"{time.process_time() - clock:.0f} s of one core")


def arguments() -> argparse.Namespace:
    parser = parser_of(__doc__, parts=True)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--planted", type=int, default=200)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--kept", type=Path)
    return parser.parse_args()


def row(what: str, found: list[int | None]) -> str:
    """After how many images drift was found; those that were missed count as infinite."""
    counts = np.array([np.inf if one is None else one for one in found])
    middle, most = (np.quantile(counts, q, method="higher") for q in (0.5, 0.95))
    early, missed = int((counts < 1).sum()), int(np.isinf(counts).sum())
    return (
        f"{what:28} found after {middle:.0f} in the middle, {most:.0f} for 95 %; {missed} of "
        f"{len(counts)} missed, {early} alarms before"
    )


# What is looked at.


def looked_at(folder: Path, backbone: Backbone) -> Arrays:
    extractor, files = Extractor(backbone), sorted(folder.glob("*/*/*"))
    names = sorted({file.parent.name for file in files})
    parts: dict[str, list[np.ndarray]] = {f"x {c}": [] for c in ("none", "warm")}
    measured: dict[str, list[tuple[float, ...]]] = {f"q {c}": [] for c in CHANGES}
    for start in range(0, len(files), 64):
        images = [open_image(file, backbone.preprocessing) for file in files[start : start + 64]]
        pixels = np.stack([image.seen for image in images])
        parts["x none"].append(extractor(pixels)[:, 0])
        parts["x warm"].append(extractor(np.clip(pixels * WARM, 0, 255).astype(np.uint8))[:, 0])
        for image in images:
            for change in CHANGES:
                measured[f"q {change}"].append(qualities(changed(image.thumb, change)))
    y = np.array([names.index(file.parent.name) for file in files])
    held = np.array([file.parts[-3] != "train" for file in files])
    return {
        "y": y,
        "held": held,
        **{key: np.concatenate(some) for key, some in parts.items()},
        **{key: np.array(some) for key, some in measured.items()},
    }


def changed(thumb: bytes, change: str) -> bytes:
    with Image.open(io.BytesIO(thumb)) as image:
        if change == "none":
            return thumb
        if change == "blurred":
            return as_jpeg(image.filter(ImageFilter.GaussianBlur(BLUR)))
        gain = WARM if change == "warm" else DARK
        pixels = np.clip(np.asarray(image.convert("RGB")) * gain, 0, 255)
        return as_jpeg(Image.fromarray(pixels.astype(np.uint8)))


# Drift.


def apart(seen: Arrays) -> tuple[np.ndarray, Metrics]:
    """Which images the metrics come from, and these."""
    y, first = seen["y"], np.random.default_rng(0).random(len(seen["y"])) < 0.5
    x = torch.from_numpy(seen["x none"]).double()
    return first, Metrics({str(k): x[torch.from_numpy(first & (y == k))] for k in np.unique(y)})


def classes_of(seen: Arrays) -> list[Class]:
    first, metrics = apart(seen)
    found = []
    for k in np.unique(seen["y"]):
        own = np.flatnonzero(~first & (seen["y"] == k))
        metric = metrics.of(str(k), seen["x none"].shape[1])
        u = [metric.directions(torch.from_numpy(seen[f"x {c}"][own])) for c in ("none", "warm")]
        plain, warm = np.split(small(np.concatenate(u)), 2)
        measured = {change: seen[f"q {change}"][own] for change in CHANGES}
        found.append(Class({"none": plain, "warm": warm}, measured))
    return found


def small(u: np.ndarray) -> np.ndarray:
    """The same rows in the space that they span."""
    return np.linalg.qr(u.T)[1].T if len(u) < u.shape[1] else u


def alarmed(classes: list[Class], bound: float, seed: int, change: str) -> int | None:
    """After how many changed images the first alarm came; below 1 where it came before them."""
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(len(one.qualities["none"])) for one in classes]
    known = [round(KNOWN * len(some)) for some in drawn]
    drawn = [some[: n + EACH] for some, n in zip(drawn, known, strict=True)]
    coming = [len(some) - n for some, n in zip(drawn, known, strict=True)]
    turn = rng.permutation(np.repeat(np.arange(len(classes)), coming))
    middle, alarms = len(turn) // 2, []
    quality = np.ones((len(turn), len(QUALITIES)))
    for k, (one, some, n) in enumerate(zip(classes, drawn, known, strict=True)):
        at = np.flatnonzero(turn == k)
        before = n + np.count_nonzero(at < middle)
        u, q = one.directions["none"][some], one.qualities["none"][some]
        u[before:] = one.directions.get(change, one.directions["none"])[some[before:]]
        q[before:] = one.qualities[change][some[before:]]
        place = passed(martingale(p_values(unlike(u, n), rng)), bound)
        alarms += [] if place is None else [at[place]]
        for index in range(len(QUALITIES)):
            quality[at, index] = p_values(themselves(q[:, index], n), rng)
    for p in quality.T:
        place = passed(martingale(both_sides(p)), bound)
        alarms += [] if place is None else [place]
    return int(min(alarms)) - middle + 1 if alarms else None


def swapped(seen: Arrays, bound: float, streams: int) -> list[int | None]:
    """As `alarmed`, for a class in which images of another one come after a quarter of them."""
    (first, metrics), found = apart(seen), []
    numbers, width = np.unique(seen["y"]), seen["x none"].shape[1]
    metric = {k: metrics.of(str(k), width) for k in numbers}
    for seed in range(streams):
        rng = np.random.default_rng(seed)
        k, other = rng.permutation(numbers)[:2]
        parts = (np.flatnonzero(~first & (seen["y"] == c)) for c in (k, other))
        own, others = (rng.permutation(part) for part in parts)
        n, begins = round(KNOWN * len(own)), EACH // 4
        chosen = np.concatenate([own[: n + begins], others[: EACH - begins]])
        u = small(metric[k].directions(torch.from_numpy(seen["x none"][chosen])))
        place = passed(martingale(p_values(unlike(u, n), rng)), bound)
        found.append(None if place is None else place - begins + 1)
    return found


# Prequential accuracy.


def orders(seen: Arrays) -> None:
    """What is held out comes as a stream, to learners that know nothing and that know train/."""
    x, y = torch.from_numpy(seen["x none"])[:, None], torch.from_numpy(seen["y"]) + 1
    held = torch.from_numpy(seen["held"])
    if not held.any():
        return
    rng = np.random.default_rng(0)
    mixed = torch.from_numpy(rng.permutation(int(held.sum())))  # no time is known of these photos
    x, y = x[held][mixed], y[held][mixed]
    names = [f"{n:03}" for n in y.tolist()]
    print(f"prequential accuracy of {len(y)} photos, nothing learnt before, fading 0.99")
    for name in ("slda", "ridge", "ncm"):
        told = []
        for order in ORDERS:
            clock = time.process_time()
            start = Start(name, {}, None, None)
            right = finished(
                prequential(start, Stream(x, y, [""] * len(x)), order_of(order, names), 1, "")
            )
            milliseconds = 1000 * (time.process_time() - clock) / len(y)
            told.append(f"{ORDERS[order]} {right.mean():.1%} ({milliseconds:.1f} ms an image)")
        print(f"{name:6} {', '.join(told)}", flush=True)


if __name__ == "__main__":
    main()

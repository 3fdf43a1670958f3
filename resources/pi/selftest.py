"""Holds this zip's receipt on this computer: are the answers here those that the project gave?

    .venv/bin/python selftest.py

The images in the folder `check` are asked about, and the answers compared with the project's, which
lie beside them. Says how many agree, what the largest difference is, and how long an answer takes,
and writes it to self-test.json. Ends with 1 where the test does not hold.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import quantiles
from typing import Any

import numpy as np
from model import opened, threads_of
from PIL import Image

from engine.errors import EspalierError

HERE = Path(__file__).resolve().parent
WARM = 3
"""Answers before the clock counts: the first ones reserve memory."""
ENOUGH = 32
"""Answers that are timed, unless that takes longer than PATIENCE seconds."""
PATIENCE = 20.0
PACKAGES = ("onnxruntime", "numpy", "pillow")


def machine() -> str:
    """What this computer is, as it says itself: “Raspberry Pi 4 Model B Rev 1.4, aarch64”."""
    try:
        name = Path("/proc/device-tree/model").read_text("utf-8").strip("\0 \n")
    except OSError:
        name = platform.system()
    return f"{name}, {platform.machine()}"


def ask(told: Mapping[str, Any]) -> dict[str, Any]:
    """Asks about each image, and compares. The same images are asked again until the clock knows
    enough."""
    exported = opened(HERE)
    images = [Image.open(HERE / one["image"]).convert("RGB") for one in told["images"]]
    for _ in range(WARM):
        exported.answer(exported.framed(images[0]))
    found, prepared, took, began = [], 0, [], time.perf_counter()
    while len(took) < ENOUGH or len(took) < len(images):
        if len(took) >= len(images) and time.perf_counter() - began > PATIENCE:
            break
        at = len(took) % len(images)
        clock = time.perf_counter()
        pixels = exported.framed(images[at])
        found.append(exported.answer(pixels)[0])
        took.append(1000 * (time.perf_counter() - clock))
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        if len(took) <= len(images):
            prepared += digest == told["images"][at]["pixels_sha256"]
    return compared(np.array(found[: len(images)]), told) | {
        "prepared_to_the_bit": prepared,
        "latency_ms": {"p50": round(float(np.median(took)), 2), "p95": round(slow(took), 2)},
        "threads": threads_of(0),
        "machine": machine(),
        "versions": {name: version(name) for name in PACKAGES} | {"python": sys.version.split()[0]},
    }


def slow(took: list[float]) -> float:
    """What 95 of 100 take at most."""
    return quantiles(took, n=20)[-1] if len(took) > 1 else took[0]


def compared(found: np.ndarray, told: Mapping[str, Any]) -> dict[str, Any]:
    """Probabilities (images, classes) beside those of the project, and of the file where it was
    made: with 8 bits these two differ, and what this computer shall give is the second."""
    keys = ("by_project", "by_file")
    project, file = (np.array([one[key] for one in told["images"]]) for key in keys)
    ordered = np.sort(file, axis=1)
    margin = ordered[:, -1] - (ordered[:, -2] if file.shape[1] > 1 else 0)
    other = found.argmax(1) != file.argmax(1)
    most = float(np.abs(found - file).max())
    clear = int((other & (margin > 2 * told["tolerance"])).sum())
    return {
        "images": len(found),
        "same_class_as_the_project": int((found.argmax(1) == project.argmax(1)).sum()),
        "same_class_as_the_file": int((~other).sum()),
        "largest_difference": most,
        "largest_difference_from_the_project": float(np.abs(found - project).max()),
        "tolerance": told["tolerance"],
        "holds": clear == 0 and most <= told["tolerance"],
    }


def sentences(r: Mapping[str, Any]) -> list[str]:
    n, took = r["images"], r["latency_ms"]
    return [
        f"Same class as in the project: {r['same_class_as_the_project']} of {n} images.",
        f"Same class as this file gave where it was made: {r['same_class_as_the_file']} of {n}.",
        f"Largest difference in a probability: {r['largest_difference']:.4f} (up to "
        f"{r['tolerance']} is agreement), and {r['largest_difference_from_the_project']:.4f} from "
        "the project.",
        f"Prepared to the bit as in the project: {r['prepared_to_the_bit']} of {n} images.",
        f"An answer takes {took['p50']:.1f} ms in the middle, {took['p95']:.1f} ms at 95 %, "
        f"resizing included, threads: {r['threads']}, on {r['machine']}.",
        "The self-test holds: this computer answers as the project does."
        if r["holds"]
        else "The self-test does NOT hold: this computer answers otherwise. Run install.sh again, "
        "so that it has the versions in requirements.txt, and report what is written here.",
    ]


def main() -> int:
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    told = json.loads((HERE / "check" / "expected.json").read_text("utf-8"))
    try:
        receipt = ask(told)
    except (EspalierError, OSError) as why:
        print(why, file=sys.stderr)
        return 2
    print("\n".join(sentences(receipt)))
    (HERE / "self-test.json").write_text(json.dumps(receipt, indent=2) + "\n", "utf-8")
    return 0 if receipt["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())

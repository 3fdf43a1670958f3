"""Kills `espalier learn` or a search at random moments: the project opens, and ends the same.

python -m tests.bench.kill [PHOTOS] [--weights FILE] [--size 64] [--times 20] [--search]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from engine.session import Session
from tests.bench.common import do, new, timed
from tests.bench.given import parser_of, photos_of


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--search", action="store_true", help="a search for subnets instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options.photos = photos_of(options, folder)
        calm, stormy = begun(folder, "calm", options), begun(folder, "stormy", options)
        seconds, _ = timed(lambda: working(calm, options).wait())
        print(f"undisturbed: {seconds:.1f} s")
        storm(stormy, options, seconds)
        working(stormy, options).wait()
        same = outcome(stormy, options) == outcome(calm, options)
        print(f"after {options.times} kills, done again: {'the same' if same else 'DIFFERENT'}")


def begun(folder: Path, name: str, options: argparse.Namespace) -> Path:
    """A new project; one for a search has its images already."""
    session = new(folder, name, weights=options.weights, size=options.size)
    if options.search:
        do(session, "add_images", paths=[str(options.photos)])
    session.close()
    return folder / f"{name}.espalier"


def storm(project: Path, options: argparse.Namespace, seconds: float) -> None:
    """Starts learning and kills its whole process group, again and again."""
    chance = random.Random(0)
    opened = 0
    for _ in range(options.times):
        process = working(project, options)
        time.sleep(chance.uniform(0.1, 1.0) * seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        session = Session()
        do(session, "open_project", path=str(project))
        opened += 1
        session.close()
    print(f"killed {options.times} times; opened {opened} times")


def working(project: Path, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    what = ["learn", str(project), str(options.photos)]
    if options.search:
        sizes = ["--resolution", str(options.size // 2), str(options.size)]
        what = ["specialise", str(project), "--latency-ms", "1", "--budget", "16", *sizes]
    return subprocess.Popen(
        [sys.executable, "-m", "app", *what, "--json"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def outcome(project: Path, options: argparse.Namespace) -> dict[str, Any]:
    """What images are said to show; or the candidates of a search and their accuracies."""
    session = Session()
    do(session, "open_project", path=str(project))
    if options.search:
        rows = do(session, "candidates")["rows"]
        found = {row["architecture"]: (row["accuracy"], row["predicted_ms"]) for row in rows}
    else:
        found = do(session, "score", predictions=True)["predictions"]
    session.close()
    return found


if __name__ == "__main__":
    main()

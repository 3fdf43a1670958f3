"""Kills `espalier learn` at random moments: the project opens each time, and ends the same.

python -m tests.bench.kill [PHOTOS] [--weights FILE] [--size 64] [--times 20]
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

from engine.session import Session
from tests.bench.common import do, new, timed
from tests.bench.given import parser_of, photos_of


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--times", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options.photos = photos_of(options, Path(folder))
        calm = new(Path(folder), "calm", weights=options.weights, size=options.size)
        calm.close()
        seconds, _ = timed(lambda: learning(Path(folder) / "calm.espalier", options).wait())
        expected = answers(Path(folder) / "calm.espalier")
        print(f"undisturbed: {seconds:.1f} s")
        new(Path(folder), "stormy", weights=options.weights, size=options.size).close()
        storm(Path(folder) / "stormy.espalier", options, seconds)
        learning(Path(folder) / "stormy.espalier", options).wait()
        same = answers(Path(folder) / "stormy.espalier") == expected
        print(
            f"after {options.times} kills, done again: answers {'the same' if same else 'DIFFER'}"
        )


def storm(project: Path, options: argparse.Namespace, seconds: float) -> None:
    """Starts learning and kills its whole process group, again and again."""
    chance = random.Random(0)
    opened = 0
    for _ in range(options.times):
        process = learning(project, options)
        time.sleep(chance.uniform(0.1, 1.0) * seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        session = Session()
        do(session, "open_project", path=str(project))
        opened += 1
        session.close()
    print(f"killed {options.times} times; opened {opened} times")


def learning(project: Path, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "app", "learn", str(project), str(options.photos), "--json"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def answers(project: Path) -> dict[str, str]:
    session = Session()
    do(session, "open_project", path=str(project))
    found = do(session, "score", predictions=True)["predictions"]
    session.close()
    return found


if __name__ == "__main__":
    main()

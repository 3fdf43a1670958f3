"""The same run in one process and in several, and with processes killed: what differs, how long.

`python -m tests.bench.torchrun PICTURES [--size 128] [--workers 2] [--epochs 3] [--kills 2]`;
PICTURES holds a folder for each class.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.helpers.together import apart, kill, run_of, wait_until, workers

ASKED = ("--set", "views=0", "--adopt", "never")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("pictures")
    add("--backbone", default="efficientnet_lite0")
    add("--size", type=int, default=128)
    add("--batch", type=int, default=16)
    add("--epochs", type=float, default=3)
    add("--workers", type=int, default=2)
    add("--kills", type=int, default=2)
    help = "compare with one process, too"
    add("--one", action=argparse.BooleanOptionalAction, default=True, help=help)
    add("--tuner", default="fine_tune")
    add("--schedule", default="none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as folder:
        compare(options, Path(folder))


def compare(options: argparse.Namespace, folder: Path) -> None:
    """Prints a line for each way to train, against the run in one process."""
    first = folder / "first.espalier"
    words = ["--backbone", options.backbone, "--size", str(options.size)]
    command("new", first, *words)
    command("learn", first, options.pictures)
    print("| run | seconds | of training | against | loss apart, first step | at most | weights |")
    print("|---|---|---|---|---|---|---|")
    one = None
    if options.one:
        plain = trained(options, folder, "one process")
        one = trained(options, folder, "group of one", together=1, against=plain)
    many = trained(options, folder, f"group of {options.workers}", options.workers, against=one)
    trained(options, folder, "the same, killed", options.workers, options.kills, against=many)


def trained(
    options: argparse.Namespace,
    folder: Path,
    name: str,
    together: int = 0,
    kills: int = 0,
    against: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One run, from the same project; returns what it left."""
    path = folder / f"{name}.espalier"
    shutil.copytree(folder / "first.espalier", path)
    words = ["--set", f"batch={options.batch}", "--epochs", options.epochs, *ASKED]
    words += ["--tuner", options.tuner, "--schedule", options.schedule]
    clock = time.perf_counter()
    started = start(together, "tune", path, *words)
    rng, done = random.Random(0), 0
    for number in range(kills):
        done += killed(started, path, number % together, rng)
    said = started.communicate()[1]
    assert started.returncode == 0, said
    seconds, found = time.perf_counter() - clock, run_of(path)
    line = [f"{name} {done} times" if kills else name, f"{seconds:.0f}"]
    line.append(f"{found['curve']['steps']['seconds'][-1]:.0f}")
    if against is None:
        line += ["", "", "", found["weights"][:8]]
    else:
        far, same = apart(against, found), against["weights"] == found["weights"]
        line += [against["name"], f"{far[0]:.1e}", f"{max(far):.1e}", "same" if same else "other"]
    print(f"| {' | '.join(line)} |", flush=True)
    return {**found, "name": name}


def killed(agent: subprocess.Popen[str], path: Path, place: int, rng: random.Random) -> bool:
    """Kills one worker some time after there is a checkpoint; whether it came to that."""
    file = path / "runs" / "1" / "checkpoint.pt"
    if not wait_until(lambda: file.exists() and place in workers(agent.pid), agent):
        return False
    time.sleep(rng.uniform(0, 3))
    try:
        kill(agent, place, file)
    except (AssertionError, KeyError):
        return False
    return True


def start(together: int, *words: object) -> subprocess.Popen[str]:
    """A command, in a group of so many processes; 0: by itself."""
    plain = [str(word) for word in words]
    code = ["-m", "app", *plain]
    if together == 1:  # which no person can ask for: with one, the command stays as it is
        one = (
            "import sys; from engine.system.torchrun import *; "
            "sys.exit(start([sys.executable, '-m', 'app', *sys.argv[1:]], Asked()))"
        )
        code = ["-c", one, *plain]
    elif together:
        code += ["--workers", str(together)]
    return subprocess.Popen(
        [sys.executable, *code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def command(*words: object) -> None:
    asked = [sys.executable, "-m", "app", *map(str, words)]
    subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()

"""The zip for a Raspberry Pi where Espalier is not installed: its self-test, and what it says of a
film, beside what it says in the usual way here.

    python -m tests.bench.pi ZIP [--python PROGRAM]

Without --python a clean environment is made as install.sh does it, with the packages that
requirements.txt names and nothing else. With it, PROGRAM is a Python that has them: another
processor's, say, as QEMU imitates it. Such a one for Debian's qemu-user, in a folder R:

    Debian's packages for arm64, unpacked into R (apt-get download NAME:arm64, dpkg-deb -x): libc6,
        libgcc-s1, libstdc++6, zlib1g, libssl3, libffi8, libexpat1, libbz2-1.0, liblzma5, libuuid1,
        libcrypt1, python3.11, python3.11-minimal, libpython3.11-minimal, libpython3.11-stdlib
    pip download --platform manylinux2014_aarch64 --platform manylinux_2_28_aarch64
        --python-version 3.11 --only-binary=:all: -r requirements.txt; the wheels unpacked into
        R/site
    R/proc/cpuinfo as a Raspberry Pi 4 has it (CPU implementer 0x41, part 0xd08): ONNX Runtime reads
        it, and breaks off at that of a PC
    PROGRAM, a script of the shell: QEMU_LD_PREFIX=R PYTHONHOME=R/usr PYTHONPATH=R/site
        exec qemu-aarch64-static -cpu cortex-a72 R/usr/bin/python3.11 "$@"

QEMU says nothing of how fast a real one is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from tests.helpers.live import film

COLOURS = ["red", "green", "blue", "white"]
BEGIN = """
import multiprocessing.spawn, runpy, sys
program, *words = sys.argv[1:]
multiprocessing.spawn.set_executable(program)  # the process that reads the film is begun by it
sys.path.insert(0, "")
sys.argv = words
runpy.run_path(words[0], run_name="__main__")
"""
"""Runs a program of the zip by an interpreter that the system can't begin by itself."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zip", type=Path)
    parser.add_argument("--python", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as made:
        folder, shown = Path(made) / "device", film(Path(made) / "film.avi", COLOURS)
        with zipfile.ZipFile(options.zip) as packed:
            packed.extractall(folder)
        program = options.python or clean(folder)
        print(run(folder, program, "selftest.py"))
        words = ("watch.py", shown, "--every-frame", "--half-life", 0)
        there, here = frames(run(folder, program, *words)), frames(watched(options.zip, shown))
    most = max(
        abs(one["classes"][name] - other["classes"][name])
        for one, other in zip(there, here, strict=True)
        for name in one["classes"]
    )
    same = sum(one["latest"] == other["latest"] for one, other in zip(there, here, strict=True))
    print(f"film: same class in {same} of {len(here)} frames, largest difference {most:.4f}")


def clean(folder: Path) -> str:
    """The Python of an environment that has what requirements.txt names."""
    program = str(folder / ".venv" / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True)
    pip = [program, "-m", "pip", "install", "--quiet", "-r", folder / "requirements.txt"]
    subprocess.run(pip, check=True)
    return program


def run(folder: Path, program: str, *words: object) -> str:
    """What a program of the zip says."""
    command = [program, "-c", BEGIN, program, *map(str, words)]
    left_out = ("PYTHONPATH", "ORT_DISABLE_TELEMETRY")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    return done.stdout


def watched(model: Path, shown: Path) -> str:
    command = [sys.executable, "-m", "app", "watch", model, shown, "--every-frame", "--json"]
    done = subprocess.run(
        [*command, "--half-life", "0"], capture_output=True, text=True, check=True
    )
    return done.stdout


def frames(said: str) -> list[dict[str, Any]]:
    """The lines of frames; the last is of the whole."""
    return [json.loads(line) for line in said.splitlines()[:-1]]


if __name__ == "__main__":
    main()

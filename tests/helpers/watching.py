"""What a program and all that it starts ask the network for, seen by strace from outside.

Look-ups of names count, and connections that are refused: what asks would send if it could.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OPENED = re.compile(r"\bsocket\((?:AF|PF)_(\w+)")
OWN = {"UNIX", "LOCAL"}
"""Sockets between processes of one computer: those of multiprocessing, and the question to the
system what the person who runs this is called (nscd), which PyTorch asks."""
ASKS_FOR_NAMES = re.compile(r"\bconnect\(.*sun_path=\"[^\"]*resolve")
"""Where systemd looks names up for others, through a socket of that kind."""
SWITCHES = ("ORT_DISABLE_TELEMETRY", "ESPALIER_HOME")
"""What this process was given and the watched one must set by itself."""


@dataclass(frozen=True)
class Watched:
    """How a program ended, what it said, and the calls by which it turned to the network."""

    code: int
    said: str
    asked: tuple[str, ...]


@cache
def can_not_watch() -> str:
    """Why nothing can be watched here; empty where it can."""
    if not shutil.which("strace"):
        return "strace is not installed, by which one sees what is sent"
    tried = subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-qq", "-o", os.devnull, "true"],
        capture_output=True,
        check=False,
    )
    return "strace may not look at processes here" if tried.returncode else ""


def watched(
    words: Sequence[object], trace: Path, home: Path, environment: Mapping[str, str] | None = None
) -> Watched:
    """Runs a program with an own home to its end. The calls are noted in `trace`."""
    given = {k: v for k, v in os.environ.items() if k not in SWITCHES and not k.startswith("XDG_")}
    done = subprocess.run(
        [
            "strace",
            "-f",
            "--seccomp-bpf",
            "-qq",
            "-e",
            "trace=%network",
            "-o",
            trace,
            *map(str, words),
        ],
        env={**given, "HOME": str(home), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    return Watched(done.returncode, done.stdout, tuple(filter(is_asking, lines)))


def is_asking(line: str) -> bool:
    opened = OPENED.search(line)
    return bool(opened and opened[1] not in OWN) or bool(ASKS_FOR_NAMES.search(line))


def foreign_files(home: Path) -> list[str]:
    """Files in a home that are not Espalier's own: identities, and queues of what is to be sent."""
    names = (p.relative_to(home).as_posix() for p in home.rglob("*") if p.is_file())
    return sorted(name for name in names if "/espalier/" not in name)

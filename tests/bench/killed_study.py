"""A study that is killed at random moments and gone on with, beside one that nobody disturbed."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from engine.session import Session
from engine.training.study import record
from tests.bench.common import do

MEASURED = ("seconds", "p50", "kept")
"""What is timed, or says what was there before, and so differs from one study to the next."""


def print_killed(folder: Path, asked: dict[str, Any], kills: int, to: Path) -> None:
    """Does the study that lies in `folder` once more, in a process that is killed `kills` times."""
    path = Path(shutil.copytree(folder, to / "killed", symlinks=True)) / "compare.espalier"
    session = Session()
    do(session, "open_project", path=str(path))
    before, answers = undisturbed(session, asked)
    do(session, "drop_study")
    with session.require().transaction() as db:
        db.execute("DELETE FROM study")
    session.close()
    rng, left, ended = random.Random(0), kills, False
    while left and not ended:
        ended = ends_before(path, asked, rng.uniform(4, 12))
        left -= not ended
    session = Session()
    do(session, "open_project", path=str(path))
    after, again = undisturbed(session, asked)
    session.close()
    same = sum(np.array_equal(answers[name], again[name]) for name in answers)
    print(
        f"\nkilled {kills - left} times: {same} of {len(answers)} rows answer all images the same"
    )
    other = [name for name in before if before[name] != after[name]]
    print(f"of what the study says, times aside, differs: {', '.join(other) or 'nothing'}")


def undisturbed(
    session: Session, asked: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A study to its end: what it says but for times, and each row's answers."""
    study = do(session, "compare", **asked)
    project = session.require()
    answers = {row["name"]: record.answers(project, row["name"]).answers for row in study["rows"]}
    for row in study["rows"]:
        for name in MEASURED:
            del row[name]
    del study["said"]  # it names the quickest
    return study, answers


def ends_before(path: Path, asked: dict[str, Any], seconds: float) -> bool:
    """Whether the command ended before its process group was killed, after so many seconds."""
    words = [sys.executable, "-m", "app", "compare", str(path), "--json"]
    words += ["--strategies", ",".join(asked["strategies"]), "--seed", str(asked["seed"])]
    words += ["--shares", "100", *(f"--{name}={asked[name]}" for name in ("epochs", "seconds"))]
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(words, stdout=nowhere, stderr=nowhere, start_new_session=True) as child:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
            return True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        return False

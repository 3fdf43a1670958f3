"""A power cut at any moment: what was said to be kept is there, and nothing is there in part.

A process that keeps things in a project is watched by strace, and cut after each of its calls, with
what it had not flushed lost in several ways (helpers/lost_writes.py). `make drills` does the same
to every verb.
"""

from __future__ import annotations

import random
import sys
from contextlib import closing
from pathlib import Path

import pytest

from engine.storage.project import Project
from tests.helpers.killing import copied
from tests.helpers.lost_writes import LOSSES, Trace, watched
from tests.helpers.project_rows import FACTS
from tests.helpers.watching import can_not_watch

pytestmark = pytest.mark.skipif(bool(can_not_watch()), reason=can_not_watch() or "it can")

SHOWN, TIMES = "shown", 2
"""A file beside the project with a byte for each gesture that ended: it says what was promised."""
KEEPER = f"""
import os, sys
from pathlib import Path
from engine.storage.project import Project
if "careless" in sys.argv:
    os.fsync = os.fdatasync = lambda handle: None
project = Project.open(Path(sys.argv[1], "p.espalier"))
if "careless" in sys.argv:
    project.db.execute("PRAGMA synchronous = OFF")
with open(Path(sys.argv[1], "{SHOWN}"), "ab", buffering=0) as shown:
    for number in range({TIMES}):
        with project.gesture("Keep something") as gesture:
            blob = project.blobs.put(bytes([number]) * 3000)
            with project.transaction(gesture) as db:
                db.execute("INSERT INTO kept VALUES (?, ?)", [blob, str(number)])
        shown.write(b".")
project.close()
"""


def traced(place: Path, *how: str) -> Trace:
    """What the keeper's process did to a new project in `place`."""
    there = place / "there"
    Project.create(there / "p", **FACTS).close()
    base = copied(there, place / "before")
    watched([sys.executable, "-c", KEEPER, str(there), *how], place / "calls")
    assert (there / SHOWN).read_bytes() == b"." * TIMES
    return Trace(place / "calls", there, base, spared=SHOWN)


def lost(there: Path) -> int:
    """How many of the things whose keeping was said to be done are gone, or only in part there."""
    shown = there / SHOWN
    said = len(shown.read_bytes()) if shown.exists() else 0
    with closing(Project.open(there / "p.espalier")) as project:
        found = [row["blob"] for row in project.db.query("SELECT blob FROM kept ORDER BY why")]
        whole = [bytes([number]) * 3000 for number in range(TIMES)][: len(found)]
        return sum(project.blobs.get(b) != w for b, w in zip(found, whole, strict=True)) + max(
            0, said - len(found)
        )


def test_what_was_kept_is_there_after_a_cut_anywhere(tmp_path):
    trace, rng = traced(tmp_path), random.Random(0)
    for loss in LOSSES:
        for call in range(trace.calls + 1):
            there = trace.left(call, loss, rng, tmp_path / "cut")
            assert lost(there) == 0, f"after call {call} of {trace.calls}, {loss} is left"


def test_one_who_flushes_nothing_loses_what_was_kept(tmp_path):
    """The drill can fail: the same process, without its fsyncs."""
    trace = traced(tmp_path, "careless")
    assert lost(trace.left(trace.calls, LOSSES[0], random.Random(0), tmp_path / "cut")) == TIMES

"""Power cuts at random moments of every verb: what was said to be done is there, the rest is whole.

    python -m tests.bench.drills.power_cut [PHOTOS] [--cuts 200] [--only learn,forget] [--seed 0]

Each verb of tests/bench/kill.py is done once, watched by strace (on Linux), and then cut after
calls that are drawn, each time with another part of what was not flushed lost (lost_writes.LOSSES).
What is left is judged as there: `old`, `new`, or the documented state in between. One more cut for
each kind of loss follows the verb's last call: it has said by then that it is done, so only `new`
will do; `lost` counts where it is not.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tests.bench.forked import in_child
from tests.bench.given import parser_of
from tests.bench.kill import Calm, Row, all_verbs, fresh, judged, undisturbed, warm
from tests.bench.killed_sorting import SHOWN
from tests.bench.killed_verbs import Verb
from tests.helpers.killing import copied
from tests.helpers.lost_writes import LOSSES, Trace, possible, watched

COLUMNS = ("verb", "cuts", "old", "new", "batch", "between", "unusable", "lost", "calls")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--only", default="", help="verbs, with commas between")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--done-in", type=Path, help="does the verb of --only there, and no more")
    options = parser.parse_args()
    if options.done_in:
        place = options.done_in
        warm()  # on one thread as where it is not watched: training comes to the same
        return chosen(options, place.parent)[0].work(place)
    if not possible():
        sys.exit("This drill watches processes with strace, which is not here or may not.")
    clock = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="espalier-cut-") as name:
        os.environ["ESPALIER_HOME"] = str(Path(name) / "home")
        warm()
        rows = drill(Path(name), options)
    total = Row("sum")
    for row in rows:
        total.met.update(row.met)
    print(line(total))
    print(f"{time.monotonic() - clock:.0f} s")


def line(row: Row) -> str:
    return "  ".join([f"{row.verb:22}", *(f"{row.met[name]:8}" for name in COLUMNS[1:])])


def chosen(options: argparse.Namespace, place: Path) -> list[Verb]:
    wanted = [name for name in options.only.split(",") if name]
    known = all_verbs(place, options.photos, options.weights, options.size)
    return [verb for verb in known if not wanted or verb.name in wanted]


def drill(place: Path, options: argparse.Namespace) -> list[Row]:
    """Every verb, with its share of the cuts."""
    verbs = in_child(chosen, options, place)
    options.photos = options.photos or place / "photos"  # drawn once
    share, rng = options.cuts / sum(verb.kills for verb in verbs), random.Random(options.seed)
    print("  ".join([f"{COLUMNS[0]:22}", *(f"{name:>8}" for name in COLUMNS[1:])]))
    rows = []
    for verb in verbs:
        rows.append(cuts(verb, place, options, max(1, round(verb.kills * share)), rng))
        print("\n    ".join([line(rows[-1]), *rows[-1].notes]), flush=True)
    return rows


def cuts(
    verb: Verb, place: Path, options: argparse.Namespace, count: int, rng: random.Random
) -> Row:
    """Cuts the power so many times, and once more for each kind of loss when the verb has ended."""
    row, calm = Row(verb.name), undisturbed(verb, place / "storm")
    shutil.rmtree(place / "done", ignore_errors=True)
    trace = traced(verb, place, options)
    # What training comes to differs between processes: the watched one says what is new.
    calm = replace(calm, new=in_child(verb.state, copied(place / "watched", place / "done")))
    row.met["calls"] = trace.calls
    for number in range(count + len(LOSSES)):
        over, loss = number >= count, LOSSES[number % len(LOSSES)]
        until = trace.calls if over else rng.randrange(trace.calls)
        there = trace.left(until, loss, random.Random(rng.random()), place / "cut")
        before = row.met["new"]
        cut(verb, row, there, calm, f"after call {until} of {trace.calls}, {loss}")
        row.met["lost"] += over and row.met["new"] == before
    return row


def cut(verb: Verb, row: Row, there: Path, calm: Calm, when: str) -> None:
    row.met["cuts"] += 1
    known = len(row.notes)
    judged(verb, row, there, calm)
    row.notes[known:] = [f"{note} ({when})" for note in row.notes[known:]]


def traced(verb: Verb, place: Path, options: argparse.Namespace) -> Trace:
    """The verb done in a process that is watched."""
    there, log = fresh(verb, place / "watched"), place / "calls"
    shutil.rmtree(place / "before", ignore_errors=True)
    base = copied(there, place / "before")
    command = [sys.executable, "-m", "tests.bench.drills.power_cut", str(options.photos)]
    command += ["--only", verb.name, "--size", str(options.size), "--done-in", str(there)]
    watched([*command, *(["--weights", options.weights] if options.weights else [])], log)
    return Trace(log, there, base, SHOWN)


if __name__ == "__main__":
    main()

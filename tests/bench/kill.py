"""Kills every verb at random moments: what is left is old or new, and done again it ends the same.

python -m tests.bench.kill [PHOTOS] [--kills 200] [--only forget,new] [--seed 0] [--size 32]

Each verb is done in a forked process, whose whole group gets SIGKILL at a random moment of the time
that it takes undisturbed; exports also before each of their renames. `old` and `new` are the states
of the project before and after; `batch` is what is documented for learning: images of some batches
stored, none learnt; for sorting, that each act whose answer was shown is there, and the one under
way as a whole or not at all (`acts shown`: of all tries). After every third kill the verb is done
again, and must end as the undisturbed one; after those between two renames each time.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.forked import LostError, in_child, killed_after
from tests.bench.given import parser_of
from tests.bench.killed_sorting import SHOWN, of_heap
from tests.bench.killed_states import answers_of
from tests.bench.killed_verbs import Verb, bases_in, verbs
from tests.helpers.killing import copied

APART = 0.002
"""How far apart probabilities may be to count as the same answer."""
COLUMNS = (
    "verb",
    "tries",
    "ended first",
    "old",
    "new",
    "batch",
    "between",
    "unusable",
    "left over",
    SHOWN,
    "finished the same",
)
CHAIN = 3
"""Kills in a row on one project, of verbs that can be gone on with."""
EACH = 3
"""Every so many-th kill is followed by doing the verb again, which takes longest."""


@dataclass
class Row:
    """What came of one verb's kills."""

    verb: str
    met: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def cells(self) -> list[str]:
        met = self.met
        finished = f"{met['same']}/{met['finished']}"
        return [self.verb, *(str(met[name]) for name in COLUMNS[1:-1]), finished]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--only", default="", help="verbs, with commas between")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    clock = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="espalier-kill-") as name:
        place = Path(name)
        os.environ["ESPALIER_HOME"] = str(place / "home")
        warm()
        rows = drill(place, options)
    print()
    print(table([COLUMNS, *(row.cells() for row in rows), sums(rows)]))
    for row in rows:
        for note in row.notes:
            print(f"{row.verb}: {note}")
    print(f"{time.monotonic() - clock:.0f} s")


def warm() -> None:
    """Imports what the verbs need, once for all children; nothing is run.

    On one thread, for where others work too two would wait for each other in each small product.
    """
    import onnxruntime  # noqa: F401
    import torch

    torch.set_num_threads(1)
    from engine.jobs import load_jobs

    load_jobs()


def drill(place: Path, options: argparse.Namespace) -> list[Row]:
    """Every verb, with its share of the kills."""
    known = in_child(all_verbs, place, options.photos, options.weights, options.size)
    wanted = [name for name in options.only.split(",") if name]
    chosen = [verb for verb in known if not wanted or verb.name in wanted]
    share, rng = options.kills / sum(verb.kills for verb in chosen), random.Random(options.seed)
    rows = []
    for verb in chosen:
        row = storm(verb, place / "storm", max(1, round(verb.kills * share)), rng)
        rows.append(row)
        print("  ".join(row.cells()), flush=True)
        if verb.renames:
            rows.append(at_each_rename(verb, place / "storm"))
            print("  ".join(rows[-1].cells()), flush=True)
    return rows


def all_verbs(*given: Any) -> list[Verb]:
    bases = bases_in(*given)
    return [*verbs(bases), *of_heap(bases)]


def storm(verb: Verb, place: Path, kills: int, rng: random.Random) -> Row:
    """Kills one verb so many times, each time on a fresh copy of its base."""
    row, calm = Row(verb.name), undisturbed(verb, place)
    longest = calm.seconds  # the first time caches may be filled
    while row.met["killed"] < kills and row.met["tries"] < 4 * kills:
        there, asked = fresh(verb, place), verb.work
        for _ in range(CHAIN if verb.go_on else 1):
            row.met["tries"] += 1
            clock = time.monotonic()
            ended, _ = killed_after(rng.uniform(0, longest), asked, there)
            row.met["ended first" if ended else "killed"] += 1
            if ended:
                longest = min(longest, time.monotonic() - clock)
            if ended or not judged(verb, row, there, calm) or row.met["killed"] >= kills:
                break
            asked = verb.go_on or verb.work
        if verb.go_on or row.met["tries"] % EACH == 1 or row.met["killed"] >= kills:
            finish(verb, row, there, calm)
    return row


@dataclass(frozen=True)
class Calm:
    """The undisturbed verb: how long it takes, and the states before and after."""

    seconds: float
    old: Any
    new: Any
    place: Path


def undisturbed(verb: Verb, place: Path) -> Calm:
    there = fresh(verb, place.with_name("calm"))
    old, clock = in_child(verb.state, there), time.monotonic()
    in_child(verb.work, there)
    seconds = time.monotonic() - clock
    return Calm(seconds, old, in_child(verb.state, there), there)


def fresh(verb: Verb, place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    return copied(in_child(verb.base), place)


def kind_of(verb: Verb, state: dict[str, Any], calm: Calm) -> str:
    """What a project is after a try: as with the verb, as without it, at a batch, or between."""
    if state == calm.new:
        return "new"
    if state == calm.old:
        return "old"
    batch = verb.batch is not None and verb.batch(state, calm.old, calm.new)
    return "batch" if batch else "between"


def judged(verb: Verb, row: Row, there: Path, calm: Calm) -> bool:
    """Notes what a kill has left; whether it can be gone on from there."""
    try:
        state, left = in_child(looked_at, verb, there)
    except LostError as error:
        row.met["unusable"] += 1
        row.notes.append(str(error).strip().splitlines()[-1])
        return False
    row.met[SHOWN] += state.get(SHOWN, 0)
    kind = kind_of(verb, state, calm)
    row.met[kind] += 1
    if kind == "between":
        row.notes.append(f"between: {differences(state, calm)}")
    if left:
        row.met["left over"] += 1
        row.notes.append(f"left over: {left}")
    return kind != "new"


def looked_at(verb: Verb, there: Path) -> tuple[Any, list[str]]:
    """A state, as the next command finds it, and what that command has left lying."""
    state = verb.state(there)
    left = [path for path in there.rglob(".espalier-*") if verb.sweeps]
    left += [path for path in there.rglob("branch") if path.parent.name == "runs"]
    return state, [str(path.relative_to(there)) for path in left]


def differences(state: Any, calm: Calm) -> list[str]:
    return [key for key in state if state[key] not in (calm.old.get(key), calm.new.get(key))]


def finish(verb: Verb, row: Row, there: Path, calm: Calm) -> None:
    """Does the verb again unless it is done, and compares with the undisturbed one."""
    row.met["finished"] += 1
    try:
        state = in_child(verb.state, there)
        if state != calm.new:
            in_child(verb.finish or verb.go_on or verb.work, there)
            state = in_child(verb.state, there)
        wanted = calm.new
        if verb.batch is not None:  # stored batches are a gesture of their own
            state, wanted = ({**found, "undo": []} for found in (state, calm.new))
        differs = [name for name in wanted if state[name] != wanted[name]]
        far = answers_apart(there, calm) if differs else 0.0
        if far <= APART and not in_child(looked_at, verb, there)[1]:
            row.met["same"] += 1
        if differs:
            row.notes.append(f"finished with another {differs}; answers differ by {far:.4f}")
    except LostError as error:
        row.notes.append(f"can't be finished: {str(error).strip().splitlines()[-1]}")


def answers_apart(there: Path, calm: Calm) -> float:
    """By how much answers differ from the undisturbed ones. Features that were computed in other
    batches differ in their last digit, and so may what is trained on them."""
    one, other = (in_child(answers_of, place) for place in (there, calm.place))
    if one.keys() != other.keys():
        return 1.0
    return max(abs(one[key] - other[key]) for key in other)


def at_each_rename(verb: Verb, place: Path) -> Row:
    """The power is cut before the first, second, ... rename, until there is none left."""
    row, calm, number = Row(f"{verb.name}, renames"), undisturbed(verb, place), 0
    while True:
        number, there = number + 1, fresh(verb, place)
        ended, _ = killed_after(None, cut_at, verb.work, f"replacing:{number}", there)
        if ended:
            return row
        row.met.update(("tries", "killed"))
        judged(verb, row, there, calm)
        finish(verb, row, there, calm)


def cut_at(work: Callable[[Path], None], point: str, there: Path) -> None:
    from engine.system.crash_points import VARIABLE

    os.environ[VARIABLE] = point
    work(there)


def sums(rows: list[Row]) -> list[str]:
    total = Row("sum")
    for row in rows:
        total.met.update(row.met)
    cells = total.cells()
    cells[0] = f"sum ({total.met['killed']} kills)"
    return cells


def table(rows: list[Any]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


if __name__ == "__main__":
    main()

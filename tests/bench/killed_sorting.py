"""Sorting a heap, for tests/bench/kill.py: what was shown of it must be there after a kill."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from engine.session import Session
from engine.storage.project import Project
from tests.bench.common import do
from tests.bench.killed_states import P, State, state_in
from tests.bench.killed_verbs import Base, Bases, Verb, job
from tests.helpers.killing import copied

SHOWN = "acts shown"
"""A file beside the project with a byte for each act whose answer was shown."""
TRAIL = "trail.pickle"
"""Beside it, the states after each act of a person whom nobody disturbs, that before all first."""

Asked = tuple[str, dict[str, Any]]


def of_heap(bases: Bases) -> list[Verb]:
    """Images come to the heap, and are sorted."""
    came = job("add_unsorted", paths=bases.each[3:5])
    heap = bases.after(bases.empty, "heap", ("add_unsorted", {"paths": bases.each}))
    begun = partial(with_trail, heap)
    return [
        Verb("add to the heap", bases.learnt, came, 6, heap_state, batch=some_wait),
        Verb("sort the heap", begun, sorted_on, 20, sorted_state, batch=as_shown),
    ]


# States.


def heap_state(there: Path) -> State:
    with closing(Session()) as session:
        return heap_in(session.open(there / P))


def heap_in(project: Project) -> State:
    """The project's state, with what waits, what was set aside, and how images were named."""
    waiting = "SELECT sha256, aside, drawn FROM unsorted ORDER BY sha256"
    named = "SELECT sha256, class.name, how, at_random FROM named JOIN class ON class_id = class.id"
    return {
        **state_in(project),
        "waiting": project.db.execute(waiting).fetchall(),
        "named": project.db.execute(f"{named} ORDER BY sha256").fetchall(),
    }


def sorted_state(there: Path) -> State:
    """With how many acts a person was shown, and which states may follow from that."""
    count, (_, states) = shown(there), trail(there)
    return {**heap_state(there), SHOWN: count, "may be": states[count : count + 2]}


def as_shown(state: State, old: State, new: State) -> bool:
    """All that was shown is there, and the act under way is there as a whole or not at all."""
    return any(all(state[k] == found[k] for k in found) for found in state["may be"])


def some_wait(state: State, old: State, new: State) -> bool:
    """Images of some batches wait, and all else is as before."""
    old_hashes, hashes, new_hashes = (
        {sha256 for sha256, *_ in found["waiting"]} for found in (old, state, new)
    )
    same = all(state[k] == old[k] for k in old if k not in ("waiting", "undo"))
    return same and old_hashes <= hashes <= new_hashes


# Acts.


def acts(project: Project) -> list[Asked]:
    """What a person does, named by the ids of images, which are the same in every copy."""
    rows = list(project.db.query("SELECT id, path, drawn FROM unsorted ORDER BY sha256"))
    to = {row["id"]: Path(row["path"]).parent.name for row in rows}
    drawn = iter([row["id"] for row in rows if row["drawn"]])
    left = iter([row["id"] for row in rows if not row["drawn"]])
    return [*rounds(left, drawn, to)]


def rounds(left: Iterator[int], drawn: Iterator[int], to: dict[int, str]) -> Iterator[Asked]:
    """Single keys, whole screens, what is no use, and what is taken back; then a pause."""
    for _ in range(6):
        for number in [*(next(left) for _ in range(5)), next(drawn)]:
            yield "label_images", {"images": [number], "to": to[number]}
        some = [next(left) for _ in range(4)]
        yield "accept_shown", {"shown": {number: (to[number], 0.9) for number in some}}
        yield "learn_sorted", {}
        yield "set_aside", {"images": [next(left)]}
        yield "undo", {}
        yield "set_aside", {"images": [next(left), next(left)]}
        number = next(left)
        yield "label_images", {"images": [number], "to": to[number], "how": "accepted"}
        yield "undo", {}
        yield "learn_sorted", {}


def with_trail(heap: Base) -> Path:
    """The folder of a heap, with the acts that sort it and the states that these pass."""
    there = heap()
    if not (there / TRAIL).exists():
        walked = copied(there, there.with_name("walked"))
        with closing(Session()) as session:
            do(session, "open_project", path=str(walked / P))
            project = session.require()
            asked, states = acts(project), [heap_in(project)]
            for name, settings in asked:
                do(session, name, **settings)
                states.append(heap_in(project))
        (there / TRAIL).write_bytes(pickle.dumps((asked, states)))
    return there


def trail(there: Path) -> tuple[list[Asked], list[State]]:
    found: tuple[list[Asked], list[State]] = pickle.loads((there / TRAIL).read_bytes())
    return found


def shown(there: Path) -> int:
    """Of how many acts the answer was shown."""
    return (there / SHOWN).stat().st_size if (there / SHOWN).exists() else 0


def sort(there: Path, asked: list[Asked]) -> None:
    """Does acts one after the other, and notes each of which the answer came."""
    with closing(Session()) as session, (there / SHOWN).open("ab", buffering=0) as answers:
        do(session, "open_project", path=str(there / P))
        do(session, "suggestions")
        for name, settings in asked:
            do(session, name, **settings)
            answers.write(b".")


def sorted_on(there: Path) -> None:
    """All acts, or those that are left: that which was under way at a kill may be done."""
    asked, states = trail(there)
    done = shown(there)
    if done < len(asked) and heap_state(there) == states[done + 1] != states[done]:
        done += 1
        (there / SHOWN).write_bytes(b"." * done)
    sort(there, asked[done:])

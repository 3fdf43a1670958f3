"""Work in a process with limits: what it gives, and how each way to break off is told."""

from __future__ import annotations

import ctypes
import os
import sys
import time

import psutil
import pytest

from engine.errors import Refused, UnusableWeights
from engine.system.guarded import Limits, Send, Sentences, call, guarded

SAID = Sentences(UnusableWeights, "Too long.", "Too much.", "Broke off.")
FREELY = Limits()
TIGHT = Limits(seconds=1, memory=300 << 20)


def counts(send: Send, to: int) -> int:
    for number in range(to):
        send(number)
    return to


def hangs(send: Send) -> None:
    while True:
        pass


def waits(send: Send) -> None:
    send(os.getpid())
    time.sleep(600)


def fills(send: Send) -> int:
    return len(bytearray(4 << 30))


def fills_bit_by_bit(send: Send) -> None:
    held = []
    for _ in range(2000):  # megabytes: were there no limit, the computer would not suffer
        held.append(bytearray(1 << 20))


def crashes(send: Send) -> None:
    ctypes.string_at(0)


def aborts(send: Send) -> None:
    os.abort()


def is_wrong(send: Send) -> None:
    raise IndexError("of a library")


def prints(send: Send) -> None:
    print("a library's own words")
    print("a library's own words", file=sys.stderr)
    os.write(2, b"a library's own words\n")


def refuses(send: Send) -> None:
    raise Refused("This is refused.")


def finds_no_room(send: Send) -> None:
    raise OSError(28, "No space left on device")


def test_what_is_sent_and_what_is_found() -> None:
    words = guarded(counts, 3, limits=TIGHT, said=SAID)
    assert [next(words) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(StopIteration) as end:
        next(words)
    assert end.value.value == 3


@pytest.mark.parametrize(
    ("work", "sentence"),
    [
        (hangs, "Too long."),
        (fills, "Too much."),
        (fills_bit_by_bit, "Too much."),
        (crashes, "Broke off."),
        (aborts, "Too much."),
        (is_wrong, "Broke off."),
    ],
)
def test_each_way_to_break_off_has_its_sentence(work, sentence: str) -> None:
    with pytest.raises(UnusableWeights) as error:
        call(work, limits=TIGHT, said=SAID)
    assert str(error.value) == sentence


def test_memory_is_watched_from_outside_where_the_system_holds_no_limit(monkeypatch) -> None:
    watched = Limits(seconds=20, memory=100 << 20)
    # A child that is told of no limits can't set them; the parent's own look is what is left.
    monkeypatch.setattr("engine.system.guarded.serve", serve_without_limits)
    with pytest.raises(UnusableWeights, match="Too much"):
        call(fills_bit_by_bit, limits=watched, said=SAID)


def serve_without_limits(there, work, arguments, limits) -> None:
    from engine.system.guarded import serve

    serve(there, work, arguments, FREELY)


def test_a_process_that_never_began_is_not_the_files_fault(monkeypatch) -> None:
    monkeypatch.setattr("engine.system.guarded.serve", never_begins)
    with pytest.raises(Refused, match="could not be started"):
        call(counts, 1, limits=TIGHT, said=SAID)


def never_begins(there, work, arguments, limits) -> None:
    os._exit(1)


@pytest.mark.parametrize(("work", "kind"), [(refuses, Refused), (finds_no_room, OSError)])
def test_what_a_person_is_to_be_told_comes_through(work, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        call(work, limits=TIGHT, said=SAID)


def test_what_libraries_print_is_not_seen(capfd) -> None:
    call(prints, limits=FREELY, said=SAID)
    assert capfd.readouterr() == ("", "")


def test_closing_ends_the_process() -> None:
    words = guarded(waits, limits=FREELY, said=SAID)
    number = next(words)
    assert psutil.pid_exists(number)
    words.close()
    assert not psutil.pid_exists(number)

"""Which frames are taken while a button is held."""

from __future__ import annotations

import random
from itertools import pairwise

from app.pages.images.thinning import EVERY, MOST, STILL, Thinning

BRIGHT = bytes([200] * 256)


def noisy(frame: bytes, by: int, chance: random.Random) -> bytes:
    return bytes(grey + chance.randint(-by, by) for grey in frame)


def moved(number: int) -> bytes:
    """A dark square at another place each time."""
    frame = bytearray(BRIGHT)
    row, column = divmod(number * 5 % 169, 13)
    for line in range(row, row + 4):
        frame[16 * line + column : 16 * line + column + 4] = bytes(4)
    return bytes(frame)


def times(thinning: Thinning, frames: list[bytes], rate: float) -> list[float]:
    """When frames are taken that come so many a second."""
    return [n / rate for n, frame in enumerate(frames) if thinning.takes(n / rate, frame)]


def test_of_what_moves_five_a_second_are_taken() -> None:
    found = times(Thinning(), [moved(n) for n in range(120)], 30)
    assert 17 <= len(found) <= 20
    assert all(b - a >= EVERY for a, b in pairwise(found))


def test_of_what_stands_still_one_in_two_seconds_is_taken() -> None:
    chance = random.Random(0)
    found = times(Thinning(), [noisy(BRIGHT, 1, chance) for _ in range(300)], 30)
    assert len(found) == 5
    assert all(b - a >= STILL for a, b in pairwise(found))


def test_what_comes_back_to_where_it_was_is_not_taken_again() -> None:
    there_and_back = [moved(0)] * 5 + [moved(1)] * 5 + [moved(0)] * 5
    assert len(times(Thinning(), there_and_back, 10)) == 2


def test_a_hold_has_an_end() -> None:
    assert len(times(Thinning(), [moved(n) for n in range(900)], 0.5)) == MOST

"""Which images are held out: about a fifth of each class, by content, decided once."""

from __future__ import annotations

import hashlib
import random

import pytest

from engine.images.splits import Sides, split_of


def digests(seed: int, number: int) -> list[str]:
    return [hashlib.sha256(f"{seed} {i}".encode()).hexdigest() for i in range(number)]


def sides_after(hashes: list[str], batch: int, sides: Sides | None = None) -> dict[str, str]:
    sides, known = sides or Sides(), dict[str, str]()
    for start in range(0, len(hashes), batch):
        known |= sides.add(hashes[start : start + batch])
    return known


def held(known: dict[str, str]) -> int:
    return list(known.values()).count("validation")


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 9, 12, 20, 40])
def test_a_class_of_any_size_is_tested_and_never_on_more_than_it_can_spare(number):
    for seed in range(200):
        out = held(sides_after(digests(seed, number), 64))
        assert out <= 0.3 * number
        assert out >= (number >= 5)


def test_of_many_it_is_what_the_hash_says():
    many = digests(0, 3000)
    assert sides_after(many, 64) == {sha256: split_of(sha256) for sha256 in many}


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_neither_order_nor_batches_change_who_is_held_out(batch):
    for seed in range(100):
        hashes = digests(seed, 11)
        expected = sides_after(hashes, 64)
        shuffled = random.Random(seed).sample(hashes, len(hashes))
        assert sides_after(shuffled, batch) == expected


def test_images_that_are_there_keep_their_side_and_count():
    for seed in range(100):
        few = digests(seed, 4)
        assert held(sides_after(few, 64, Sides(others=20, held=6))) <= 1
        assert held(sides_after(few, 64, Sides(others=1, held=0))) == 1

"""Near duplicates: the fast search against comparing every pair."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.images.decode import open_image
from engine.images.near_duplicates import groups
from tests.helpers import image_files


def slow_groups(numbers: list[int], near: int) -> list[tuple[int, ...]]:
    """The definition: every pair compared, chains followed."""
    leader = list(range(len(numbers)))
    for one, other in combinations(range(len(numbers)), 2):
        if (numbers[one] ^ numbers[other]).bit_count() <= near:
            old, new = sorted((leader[one], leader[other]), reverse=True)
            leader = [new if place == old else place for place in leader]
    found = [tuple(n for n, at in enumerate(leader) if at == first) for first in set(leader)]
    return sorted(group for group in found if len(group) > 1)


def crowd(seed: int, count: int, away: int) -> list[int]:
    """Hashes about a few centres, up to `away` bits off them, some equal."""
    rng = np.random.default_rng(seed)
    centres = [int.from_bytes(rng.bytes(8), "big") for _ in range(count // 4)]
    numbers = []
    for _ in range(count):
        number = centres[rng.integers(len(centres))]
        for bit in rng.integers(0, 64, rng.integers(away + 1)):
            number ^= 1 << int(bit)
        numbers.append(number)
    return numbers


@pytest.mark.parametrize("near", [0, 3, 4, 6, 7])
@pytest.mark.parametrize("seed", range(4))
def test_the_fast_search_finds_what_comparing_all_pairs_finds(near: int, seed: int) -> None:
    numbers = crowd(seed, 200, 8)
    expected = slow_groups(numbers, near)
    assert expected
    assert groups([f"{number:016x}" for number in numbers], near) == expected


def test_pairs_are_compared_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = crowd(9, 200, 8)
    monkeypatch.setattr("engine.images.near_duplicates.PAIRS", 7)
    assert groups([f"{number:016x}" for number in numbers]) == slow_groups(numbers, 6)


def test_no_pictures_and_one_picture_have_no_groups() -> None:
    assert groups([]) == []
    assert groups(["00ff00ff00ff00ff"]) == []
    assert groups(["ffffffffffffffff"] * 3) == [(0, 1, 2)]


def test_copies_of_a_picture_are_found_among_others(tmp_path: Path) -> None:
    paths = [image_files.image(tmp_path / f"{n}.png", n, (300, 220), "PNG") for n in range(30)]
    image = Image.open(paths[12])
    image.save(tmp_path / "again.jpg", quality=50)
    image.resize((150, 110)).save(tmp_path / "small.jpg")
    image.point(lambda value: min(value * 1.1, 255)).save(tmp_path / "bright.png")
    paths += [tmp_path / name for name in ("again.jpg", "small.jpg", "bright.png")]
    assert groups([open_image(path, None).phash for path in paths]) == [(12, 30, 31, 32)]

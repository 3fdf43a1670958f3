"""Numbers and lists in words."""

from __future__ import annotations

import pytest

from engine.system.words import listed, whole


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.834, "83 %"),
        (0.997, "99.7 %"),
        (0.9996, "99.96 %"),
        (0.004, "0.4 %"),
        (-0.25, "−25 %"),
    ],
)
def test_what_is_not_all_is_never_a_hundred(share: float | None, words: str) -> None:
    assert whole(share) == words


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], ""),
        (["hat"], "hat"),
        (["hat", "skirt"], "hat and skirt"),
        (["hat", "skirt", "shoes"], "hat, skirt and shoes"),
        (["hat", "skirt", "shoes", "shorts"], "hat, skirt and 2 more"),
    ],
)
def test_a_list_names_the_first_and_counts_the_rest(names: list[str], words: str) -> None:
    assert listed(names) == words

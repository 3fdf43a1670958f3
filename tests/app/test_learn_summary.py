"""The sentences of the Learn page."""

from __future__ import annotations

from typing import Any

import pytest

from app.pages.learn.summary import accuracy, confusion, untested
from app.shell.undo import done


def scores(confusion: list[list[int]]) -> dict[str, Any]:
    """What the job `scores` reads, as far as the sentences need it."""
    names = ["shirt", "longsleeve", "hat"][: len(confusion)]
    counts = [sum(row) for row in confusion]
    right = sum(row[n] for n, row in enumerate(confusion))
    return {
        "classes": names,
        "confusion": confusion,
        "rows": [{"name": n, "images": c} for n, c in zip(names, counts, strict=True)],
        "accuracy": right / sum(counts) if sum(counts) else None,
        "interval": (0.77, 0.884) if sum(counts) else None,
    }


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ([[17, 5], [1, 13]], "83 % of 36 test images are right (likely between 77 and 88\u00a0%)."),
        ([[5, 0], [0, 3]], "8 of 8 test images are right: too few to say how well it does."),
        ([[8, 0], [0, 3]], "All 11 test images are right (likely between 77 and 88\u00a0%)."),
        ([[999, 0], [1, 999]], "99.9 % of 1,999 test images are right (likely between"),
        ([[0, 1], [0, 0]], "The one test image is wrong: too few to say how well it does."),
        ([[0, 0], [0, 0]], "Nothing is tested yet: there is no image to test."),
    ],
)
def test_the_accuracy_is_a_sentence(counts: list[list[int]], sentence: str) -> None:
    assert accuracy(scores(counts)).startswith(sentence)


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ([[17, 5], [1, 13]], "Most often shirt is taken for longsleeve (5 of 22)."),
        ([[17, 0], [2, 13]], "Only longsleeve is taken for shirt (2 of 15)."),
        ([[5, 1], [1, 3]], "No class is taken for another one more than once."),
        ([[5, 0], [0, 3]], ""),
    ],
)
def test_the_worst_confusion_is_a_sentence(counts: list[list[int]], sentence: str) -> None:
    assert confusion(scores(counts)) == sentence


def test_classes_that_are_not_tested_are_named() -> None:
    assert untested(scores([[2, 0, 0], [0, 0, 0], [0, 0, 0]])) == (
        "2 classes are not tested, for want of test images: longsleeve and hat."
    )
    assert untested(scores([[2, 0], [0, 1]])) == ""


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Learn dress, hat and 8 more", "learnt dress, hat and 8 more"),
        ("Learn dress, hat, longsleeve …", "learnt dress, hat, longsleeve …"),
        ("Learn", "learnt the images"),
        ("Rename hat to cap", "renamed hat to cap"),
        ("Something of a later version", "Something of a later version"),
    ],
)
def test_a_gesture_is_said_as_what_was_done(title: str, words: str) -> None:
    assert done(title) == words

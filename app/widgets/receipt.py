"""A receipt in the window: its lines, shortened to be looked at and whole to be copied.

The words are the engine's own (export/receipts/words.py), the same as on paper and in a terminal.
"""

from __future__ import annotations

import re

from engine.results.export import Receipt

DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


def size(count: float) -> str:
    """A number of bytes as a person says it."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def rows_of(receipt: Receipt) -> list[tuple[str, str]]:
    """The receipt line by line; of digests the beginning, since a line can't be broken in them."""
    return [(name, DIGEST.sub(r"\1 …", words)) for name, words in receipt["summary"]]


def receipt_text(receipt: Receipt) -> str:
    """The receipt as text, with nothing shortened."""
    return "\n".join(f"{name}: {words}" for name, words in receipt["summary"])


def matrix_of(receipt: Receipt) -> list[list[int]]:
    """What the file takes for what: images by true class and answer, in the classes' order."""
    classes = len(receipt["classes"])
    matrix = [[0] * classes for _ in range(classes)]
    for true, answer, count in receipt.get("confusion", ()):
        matrix[true][answer] = count
    return matrix

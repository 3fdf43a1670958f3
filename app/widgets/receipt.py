"""A receipt in words: what was exported, and what was checked about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Receipt = Mapping[str, Any]


def size(count: float) -> str:
    """A number of bytes as a person says it."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def short(digest: str) -> str:
    return f"{digest[:16]} …" if len(digest) > 20 else digest


def latency(value: Receipt) -> str:
    threads = f"{value['threads']} thread{'s' if value['threads'] != 1 else ''}"
    return f"{value['p50']:.1f} ms median, {value['p95']:.1f} ms at 95 %, {threads}"


def pairs(value: Receipt) -> str:
    return ", ".join(f"{name} {short(str(inner))}" for name, inner in value.items())


LINES = (
    ("compared", "Compared on", lambda v: f"{v} stored images"),
    ("top_class_agreement", "Same top class", lambda v: f"{v:.1%}"),
    ("largest_difference", "Largest difference", lambda v: f"{v:.4f} in any probability"),
    ("bytes", "Size", size),
    ("latency_ms", "Time for an image", latency),
    ("classes", "Classes", ", ".join),
    ("threshold", "None of these beyond", lambda v: f"a distance of {v:.3f}"),
    ("backbone", "Backbone", str),
    ("preprocessing", "Preprocessing", str),
    ("sha256", "Digest", pairs),
    ("digests", "Other digests", pairs),
    ("licence", "Licence", str),
    ("versions", "Made with", pairs),
    ("path", "File", str),
)
"""What a receipt says first, in the window's words; anything else follows under its own name."""

UNSAID = {"compared_note", "clear_disagreements"}


def rows_of(receipt: Receipt) -> list[tuple[str, str]]:
    """The receipt line by line."""
    rows = [(name, say(receipt[key])) for key, name, say in LINES if receipt.get(key) is not None]
    known = {key for key, *_ in LINES} | UNSAID
    more = [
        (key.replace("_", " ").capitalize(), str(receipt[key])) for key in receipt.keys() - known
    ]
    return [*rows, *sorted(more)]


def receipt_text(receipt: Receipt) -> str:
    """The receipt as text, with nothing shortened."""
    return "\n".join(f"{key}: {value}" for key, value in receipt.items())

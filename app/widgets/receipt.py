"""A receipt in words: what was exported, and what was checked about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Receipt = Mapping[str, Any]


def size(count: float) -> str:
    """A number of bytes as a person says it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return ""


def say(name: str, value: Any) -> str:
    """One value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in ("bytes", "size"):
        return size(value)
    if isinstance(value, float):
        if "agreement" in name:
            return f"{value:.1%}"
        return f"{value:.2g}" if abs(value) < 0.01 else f"{value:.2f}"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)


def rows_of(receipt: Receipt) -> list[tuple[str, str]]:
    """The receipt line by line, nested parts one after the other."""
    rows: list[tuple[str, str]] = []
    for name, value in receipt.items():
        if isinstance(value, Mapping):
            rows += [(f"{spoken(name)}, {inner}", text) for inner, text in rows_of(value)]
        elif value not in (None, "", [], ()):
            rows.append((spoken(name), say(name, value)))
    return rows


def spoken(name: str) -> str:
    return name.replace("_", " ").capitalize()


def receipt_text(receipt: Receipt) -> str:
    return "\n".join(f"{name}: {value}" for name, value in rows_of(receipt))

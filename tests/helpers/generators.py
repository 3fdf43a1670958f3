"""Generators of events, run to their end."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

Told = TypeVar("Told")
Result = TypeVar("Result")


def result(work: Generator[Told, None, Result]) -> tuple[Result, list[Told]]:
    """What a generator returns, and what it yielded before."""
    events = []
    while True:
        try:
            events.append(next(work))
        except StopIteration as end:
            return end.value, events

"""Hashes of images, kept as bytes: a million of them in 32 MB, where as texts they take 120."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

HASH_BYTES = 32


class Hashes(Sequence[str]):
    """A list of sha256 in hexadecimal digits, each made when it is asked for.

    >>> some = Hashes.of(["0a" * 32, "0b" * 32])
    >>> len(some), some[1] == "0b" * 32, some == ["0a" * 32, "0b" * 32]
    (2, True, True)
    """

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    @classmethod
    def of(cls, texts: Iterable[str]) -> Hashes:
        return cls(bytes.fromhex("".join(texts)))

    def __len__(self) -> int:
        return len(self.raw) // HASH_BYTES

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Hashes: ...
    def __getitem__(self, at: int | slice) -> str | Hashes:
        if isinstance(at, slice):
            start, stop, step = at.indices(len(self))
            if step != 1:
                return Hashes.of(self[i] for i in range(start, stop, step))
            return Hashes(self.raw[start * HASH_BYTES : max(start, stop) * HASH_BYTES])
        first = range(len(self))[at] * HASH_BYTES
        return self.raw[first : first + HASH_BYTES].hex()

    def __iter__(self) -> Iterator[str]:
        raw = self.raw
        return (raw[i : i + HASH_BYTES].hex() for i in range(0, len(raw), HASH_BYTES))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Hashes):
            return self.raw == other.raw
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"Hashes.of({list(self)!r})"

"""Small changes of good files, each time the same: what the fuzzer does, without its eyes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

WORDS = (
    b"0", b"-1", b'""', b"[]", b"{}", b"null", b"NaN", b"1e400", b"9" * 20,
    b"\xff\xff\xff\xff", b"\0\0\0\0",
)  # fmt: skip


def mutated(seeds: Sequence[bytes], count: int, seed: int = 0) -> Iterator[bytes]:
    """So many files, each with 1 to 20 changes of one of the good ones."""
    rng = random.Random(seed)
    for _ in range(count):
        content = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 2, 5, 20))):
            if content:
                change(content, rng)
        yield bytes(content)


def change(content: bytearray, rng: random.Random) -> None:
    at, kind = rng.randrange(len(content)), rng.randrange(5)
    if kind == 0:
        content[at] = rng.randrange(256)
    elif kind == 1:
        content[at] ^= 1 << rng.randrange(8)
    elif kind == 2:
        del content[at : at + rng.randrange(1, 40)]
    elif kind == 3:
        start = rng.randrange(len(content))
        content[at:at] = content[start : start + rng.randrange(1, 60)]
    else:
        content[at : at + 1] = rng.choice(WORDS)

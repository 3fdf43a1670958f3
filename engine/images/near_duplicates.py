"""Near duplicates: images whose perceptual hashes differ in a few of their 64 bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

NEAR = 6
"""At most this many of the 64 bits differ between near duplicates."""

PAIRS = 1 << 22
"""About how many pairs are compared at a time."""


def groups(hashes: Sequence[str], near: int = NEAR) -> list[tuple[int, ...]]:
    """Groups of near duplicates, as positions in `hashes`, each ascending; by their first member.

    Two images are in one group if at most `near` bits (up to 7) differ between them, or if a
    chain of such pairs joins them. Multi-index hashing (Norouzi et al., 2012): of four bands of 16
    bits, one at least differs in `near // 4` bits or fewer, so only images that nearly agree
    in a band are compared. 100,000 hashes take about a second.
    """
    numbers = np.array([int(text, 16) for text in hashes], np.uint64)
    values, place = np.unique(numbers, return_inverse=True)
    leader = np.arange(len(values))
    for one, other in close_pairs(values, near):
        join(leader, one, other)
    return members(leader[place.ravel()])


def close_pairs(values: np.ndarray, near: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of positions in distinct `values` whose hashes are near, block by block."""
    for band in range(0, 64, 16):
        keys = (values >> np.uint64(band)).astype(np.uint16)
        order = np.argsort(keys, kind="stable")
        ends = np.cumsum(np.bincount(keys, minlength=1 << 16))
        for flip in (0, *(1 << bit for bit in range(16))) if near >= 4 else (0,):
            for one, other in matches(keys, order, ends, flip):
                apart = np.bitwise_count(values[one] ^ values[other])
                yield one[apart <= near], other[apart <= near]


def matches(
    keys: np.ndarray, order: np.ndarray, ends: np.ndarray, flip: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of positions whose keys differ in exactly the bits of `flip`, block by block.

    `order` sorts the keys; `ends[k]` is where key k ends in it. Each pair comes once.
    """
    asking = order if flip == 0 else order[(keys[order] & flip) != 0]
    wanted = keys[asking] ^ np.uint16(flip)
    last = ends[wanted]
    first = last - np.bincount(keys, minlength=1 << 16)[wanted]
    if flip == 0:
        first = np.arange(1, len(order) + 1)  # only those behind it in the order
    count = last - first
    upto = np.cumsum(count)
    start = 0
    while start < len(asking):
        stop = max(int(np.searchsorted(upto, (upto[start - 1] if start else 0) + PAIRS)), start + 1)
        block = count[start:stop]
        within = np.arange(block.sum()) - np.repeat(np.cumsum(block) - block, block)
        yield (
            np.repeat(asking[start:stop], block),
            order[np.repeat(first[start:stop], block) + within],
        )
        start = stop


def join(leader: np.ndarray, one: np.ndarray, other: np.ndarray) -> None:
    """Gives all that the pairs join the same leader: the least position among them."""
    while True:
        a, b = leader[one], leader[other]
        apart = a != b
        if not apart.any():
            return
        one, other, a, b = one[apart], other[apart], a[apart], b[apart]
        np.minimum.at(leader, np.maximum(a, b), np.minimum(a, b))
        while (leader[leader] != leader).any():
            leader[:] = leader[leader]


def members(leader: np.ndarray) -> list[tuple[int, ...]]:
    """The positions that share a leader, for each leader of two or more."""
    order = np.argsort(leader, kind="stable")
    cuts = np.flatnonzero(np.diff(leader[order])) + 1
    parts = (part for part in np.split(order, cuts) if len(part) > 1)
    return sorted(tuple(part.tolist()) for part in parts)

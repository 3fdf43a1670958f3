"""Which form of an elastic network: at which resolution, and how much of each block's middle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.errors import BadSetting

MOST_BLOCKS = 1000
TRAINED = "trained"


@dataclass(frozen=True, order=True)
class ElasticArchitecture:
    """`shares` are in per cent of the middle of each block, from the stem up; the whole network has
    none, at any resolution. Whether it was `trained` a little, toward the whole one's features."""

    network: str
    resolution: int
    shares: tuple[int, ...] = ()
    trained: bool = False

    def __str__(self) -> str:
        """As `efficientnet_lite0 128: 100 75 50 …`, or `efficientnet_lite0 128 trained`."""
        whole = f"{self.network} {self.resolution}{f' {TRAINED}' if self.trained else ''}"
        return f"{whole}: {' '.join(map(str, self.shares))}" if self.shares else whole

    @classmethod
    def of(cls, network: str, resolution: int, shares: Sequence[float]) -> ElasticArchitecture:
        """From shares up to 1; the whole network where all are."""
        per_cent = tuple(round(100 * share) for share in shares)
        return cls(network, resolution, per_cent if any(s < 100 for s in per_cent) else ())

    @classmethod
    def parse(cls, text: str) -> ElasticArchitecture:
        """From what `str` gives. Raises BadSetting."""
        whole, colon, rest = text.partition(":")
        words, shares = whole.split(), rest.split()
        trained = words[2:] == [TRAINED]
        words = words[:2] if trained else words
        fits = len(words) == 2 and all(part.isdecimal() for part in (words[-1], *shares))
        if not fits or bool(colon) != bool(shares) or len(shares) > MOST_BLOCKS:
            raise BadSetting(
                f"“{text}” is no network of this project. One looks like: "
                "efficientnet_lite0 128: 100 75 50."
            )
        found = tuple(map(int, shares))
        if not all(1 <= share <= 100 for share in found):
            raise BadSetting(f"“{text}” is no network: shares are 1 to 100 per cent.")
        return cls(words[0], int(words[1]), found, trained)

    def by_place(self, places: Sequence[str]) -> Mapping[str, float]:
        """Shares up to 1 of the blocks at these places. Raises BadSetting where they do not fit."""
        if self.shares and len(self.shares) != len(places):
            raise BadSetting(
                f"This network has {len(places)} blocks that can be narrowed, not "
                f"{len(self.shares)}. Search again."
            )
        return dict(zip(places, (share / 100 for share in self.shares), strict=False))


def is_elastic(text: str) -> bool:
    """Whether a text names a form of an elastic network, and not a subnet of a supernet."""
    return not text.partition(":")[0].strip().isdecimal()


def is_trained(text: str) -> bool:
    """Whether a text names a form that was trained a little."""
    return text.partition(":")[0].split()[2:] == [TRAINED]

"""What is counted while other computers work, for the receipt and for whoever looks on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from engine.cluster.members import Member
from engine.results.cluster import ClusterUsed, WorkerRow


@dataclass(eq=False)
class Tally:
    """Images in all, of which here, asked for again, computed twice and equal to the last bit; the
    largest difference. `doubtful` are images of workers that answered wrongly later."""

    address: str
    members: dict[str, Member] = field(default_factory=dict)
    images: int = 0
    here: int = 0
    again: int = 0
    twice: int = 0
    equal: int = 0
    largest: float = 0.0
    doubtful: list[Path] = field(default_factory=list)
    told: bool = False

    def agreed(self, apart: float) -> None:
        self.twice += 1
        self.equal += apart == 0
        self.largest = max(self.largest, apart)

    def rows(self) -> list[WorkerRow]:
        """All workers; may be asked for from another thread."""
        return [member.row() for member in list(self.members.values())]

    def receipt(self) -> ClusterUsed:
        return {
            "address": self.address,
            "images": self.images,
            "here": self.here,
            "again": self.again,
            "twice": self.twice,
            "equal": self.equal,
            "largest": self.largest,
            "workers": self.rows(),
        }

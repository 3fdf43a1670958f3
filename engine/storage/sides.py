"""On which side of the split new images come: where they lie already, or as their class decides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database

from engine.images.splits import Sides

if TYPE_CHECKING:
    from engine.storage.catalogue import NewImage


def splits_for(
    db: Database,
    arrivals: Sequence[NewImage],
    class_ids: Mapping[str, int],
    sides: dict[int, Sides],
) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Each arrival's split: the one it has, else its folder's, else what its class decides.

    Also (split, sha256) of images of the same gesture that change theirs.
    """
    splits = {row["sha256"]: row["split"] for row in among(db, arrivals, "sha256, split")}
    free: dict[int, list[str]] = defaultdict(list)
    for arrival in arrivals:
        sha256, class_id = arrival.image.sha256, class_ids[arrival.class_name]
        if sha256 not in splits and arrival.split is None:
            free[class_id].append(sha256)
        splits.setdefault(sha256, arrival.split or "")
    earlier = []
    for class_id, hashes in free.items():
        if class_id not in sides:
            sides[class_id] = sides_in(db, class_id)
        for sha256, split in sides[class_id].add(hashes).items():
            if sha256 in splits:
                splits[sha256] = split
            else:
                earlier.append((split, sha256))
    return splits, earlier


def among(db: Database, arrivals: Sequence[NewImage], wanted: str) -> list[dict[str, Any]]:
    """What the project knows of the arrivals' images, in any class."""
    hashes = [arrival.image.sha256 for arrival in arrivals]
    return list(
        db.query(
            f"SELECT {wanted} FROM image JOIN class ON class.id = class_id "
            f"WHERE sha256 IN ({','.join('?' * len(hashes))})",
            hashes,
        )
    )


def sides_in(db: Database, class_id: int) -> Sides:
    """The sides of a class's images to come, beside those that it has."""
    there = dict(
        db.execute(
            "SELECT split, COUNT(*) FROM image WHERE class_id = ? AND split != 'test' "
            "GROUP BY split",
            [class_id],
        ).fetchall()
    )
    return Sides(sum(there.values()), there.get("validation", 0))

"""Activations of the project's images, kept as blobs, by (network, cut, preprocessing, hash)."""

from __future__ import annotations

import contextlib
import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal

import numpy as np

from engine.errors import UnusableProject
from engine.storage.hashes import Hashes
from engine.storage.project import Project
from engine.system.trouble import pass_on

AT_ONCE = 500
"""So many images are asked for in one question."""
WHOLE = 32
"""So many images wanted of a pack, and it is read as a whole."""


PACK = 1024
"""So many images are put into one pack where they are packed anew, and more are a shard."""
SHARD = 16 << 20
"""Bytes of activations in a shard."""
MANY = 512
"""So many packs of fewer images are put together into shards."""


class Features:
    """The cache of one network's activations in one project: float32 (views, width) an image, the
    last `moments` of them moments of an earlier stage."""

    def __init__(self, project: Project, key: str, moments: int = 0) -> None:
        self.project = project
        self.key = key
        self.moments = moments

    def missing(self, hashes: Iterable[str]) -> list[str]:
        """Which of the images have no activations yet, in the given order, each once."""
        question = "SELECT sha256 FROM feature WHERE key = ? AND pack <> '' AND sha256 IN ({})"
        found, rest = dict[str, None](), iter(hashes)
        while some := list(islice(rest, AT_ONCE)):
            asked = question.format(",".join("?" * len(some)))
            there = {sha256 for (sha256,) in self.project.db.execute(asked, [self.key, *some])}
            found.update((sha256, None) for sha256 in some if sha256 not in there)
        return list(found)

    def missing_among(self, images: str) -> Iterator[str]:
        """The images of a question for hashes that have no activations yet, sorted, each once. To
        be read to its end before anything is stored."""
        return (
            sha256
            for (sha256,) in self.project.db.execute(
                f"SELECT DISTINCT sha256 FROM ({images}) AS asked WHERE NOT EXISTS (SELECT 1 FROM "
                "feature WHERE key = ? AND feature.sha256 = asked.sha256 AND pack <> '') "
                "ORDER BY sha256",
                [self.key],
            )
        )

    def all(self) -> list[str]:
        """The images that have activations, sorted."""
        question = "SELECT sha256 FROM feature WHERE key = ? AND pack <> '' ORDER BY sha256"
        return [row["sha256"] for row in self.project.db.query(question, [self.key])]

    def put(self, hashes: Sequence[str], activations: np.ndarray) -> None:
        """Stores activations (images, views, width), one pack for them all, then the rows."""
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(activations, dtype=np.float32))
        pack = self.project.blobs.put(buffer.getvalue())
        with self.project.transaction() as db:
            db.conn.executemany(
                "INSERT OR REPLACE INTO feature (key, sha256, pack, place) VALUES (?, ?, ?, ?)",
                ((self.key, sha256, pack, place) for place, sha256 in enumerate(hashes)),
            )

    def get(self, hashes: Sequence[str]) -> np.ndarray:
        """Activations (images, views, width) in the given order. All must be there."""
        try:
            return self._read(hashes)
        except UnusableProject:
            return self._read(hashes)  # they were packed anew meanwhile

    def _read(self, hashes: Sequence[str]) -> np.ndarray:
        places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        rows = self._rows(hashes)
        for at, sha256 in enumerate(hashes):
            pack, place = rows[sha256]
            places[pack].append((at, place))
        result: np.ndarray | None = None
        try:
            for pack, pairs in places.items():
                # To map a file costs more than to read a small one.
                mode: Literal["r"] | None = "r" if len(pairs) < WHOLE else None
                stored = np.load(self.project.blobs.path(pack), mmap_mode=mode, allow_pickle=False)
                if result is None:
                    result = np.empty((len(hashes), *stored.shape[1:]), dtype=np.float32)
                at, place = np.array(pairs).T
                result[at] = stored[place]
        except (OSError, ValueError, IndexError, TypeError, OverflowError) as error:
            pass_on(error, self.project.path)
            raise UnusableProject(
                "What the project keeps of its images’ features is damaged. Learn again: they are "
                "computed anew."
            ) from error
        return result if result is not None else np.empty((0, 1, 0), dtype=np.float32)

    def drop_damaged(self) -> int:
        """Forgets the rows whose pack is missing, cut short or too short for them; they are
        computed again."""
        packs = self.project.db.execute(
            "SELECT pack, MIN(place), MAX(place) FROM feature WHERE key = ? AND pack <> '' "
            "GROUP BY pack",
            [self.key],
        ).fetchall()
        damaged = [pack for pack, *places in packs if not readable(self.project, pack, places)]
        for pack in damaged:
            with self.project.transaction() as db:
                db.table("feature").delete_where("pack = ?", [pack])
        return len(damaged)

    # Images come some at a time, and each time makes a pack. Many small ones become few shards,
    # which are mapped into memory and in which the images of a side and class lie together.

    def small(self) -> set[str]:
        """The packs of few images, where there are many of these."""
        counted = self.project.db.execute(
            "SELECT pack FROM feature WHERE key = ? AND pack <> '' GROUP BY pack "
            "HAVING COUNT(*) < ?",
            [self.key, PACK],
        )
        found = {pack for (pack,) in counted}
        return found if len(found) >= MANY else set()

    def put_together(self, packs: Collection[str]) -> Iterator[tuple[int, int]]:
        """Puts what is in these packs into shards; says after each how many images of how many are
        done. What a kill leaves undone stays as it was. `missing` and `get` answer as before."""
        rows = self.project.db.execute(
            "SELECT feature.sha256, feature.pack FROM feature LEFT JOIN image USING (sha256) "
            "WHERE key = ? AND feature.pack <> '' GROUP BY feature.sha256 "
            "ORDER BY split, class_id, feature.sha256",
            [self.key],
        )
        hashes = Hashes.of(sha256 for sha256, pack in rows if pack in packs)
        each = max(PACK, SHARD // max(1, self.get(hashes[:1]).nbytes))
        for start in range(0, len(hashes), each):
            some = list(hashes[start : start + each])
            self.put(some, self.get(some))
            yield min(start + each, len(hashes)), len(hashes)
        remove_packs(self.project, packs)

    # A cap: what is dropped keeps its row, without a pack.

    def dropped(self) -> set[str]:
        """The images whose activations were there, and gave way to a cap."""
        question = "SELECT sha256 FROM feature WHERE key = ? AND pack = ''"
        return {sha256 for (sha256,) in self.project.db.execute(question, [self.key])}

    def bytes_each(self) -> int:
        """What an image's activations take; 0 while none is there."""
        for sha256 in self.all()[:1]:
            return self.get([sha256]).nbytes
        return 0

    def drop_all_but(self, wanted: Collection[str]) -> int:
        """Drops the activations of all other images; returns how many.

        What is wanted out of packs that hold others, too, is packed anew first.
        """
        unwanted = [h for h in self.all() if h not in wanted]
        if not unwanted:
            return 0
        rows = self._rows(self.all())
        packs = {rows[sha256][0] for sha256 in unwanted}
        moved = sorted(h for h, (pack, _) in rows.items() if pack in packs and h in wanted)
        for start in range(0, len(moved), PACK):
            some = moved[start : start + PACK]
            self.put(some, self.get(some))
        with self.project.transaction() as db:
            statement = "UPDATE feature SET pack = '', place = 0 WHERE key = ? AND sha256 = ?"
            db.conn.executemany(statement, [(self.key, sha256) for sha256 in unwanted])
        remove_packs(self.project, packs)
        return len(unwanted)

    def drop_other_networks(self) -> int:
        """Removes the activations that other networks gave; returns of how many images."""
        question = "SELECT DISTINCT pack FROM feature WHERE key <> ?"
        packs = {pack for (pack,) in self.project.db.execute(question, [self.key])}
        with self.project.transaction() as db:
            done = db.execute("DELETE FROM feature WHERE key <> ?", [self.key]).rowcount
        remove_packs(self.project, packs)
        return done

    def _rows(self, hashes: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Pack and place of each image that has activations."""
        found = dict[str, tuple[str, int]]()
        for start in range(0, len(hashes), AT_ONCE):
            some = hashes[start : start + AT_ONCE]
            rows = self.project.db.execute(
                "SELECT sha256, pack, place FROM feature WHERE key = ? AND pack <> '' "
                f"AND sha256 IN ({','.join('?' * len(some))})",
                [self.key, *some],
            )
            found.update((sha256, (pack, place)) for sha256, pack, place in rows)
        return found


def remove_packs(project: Project, packs: Iterable[str]) -> None:
    """Removes packs that no row names; one that is just being read goes at the next opening."""
    named = {pack for (pack,) in project.db.execute("SELECT DISTINCT pack FROM feature")}
    for pack in packs:
        if pack and pack not in named:
            with contextlib.suppress(OSError):
                project.blobs.path(pack).unlink()


def readable(project: Project, pack: str, places: Sequence[object]) -> bool:
    """Whether a pack is whole: its header can be read, its length fits it, and it has `places`."""
    try:
        stored = np.load(project.blobs.path(pack), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        pass_on(error, project.path)
        return False
    return all(isinstance(place, int) and 0 <= place < len(stored) for place in places)

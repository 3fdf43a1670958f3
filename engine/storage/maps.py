"""Where the images of a project lie on its map, kept so that they stay there.

A map belongs to what a network makes of the images: another network has another map, and whoever
returns to the first finds the first again. It is named by hashes, so that an image that moves to
another class stays in its place.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.storage.gestures import now
from engine.storage.hashes import HASH_BYTES
from engine.storage.project import Project
from engine.storage.steps import to_npz


@dataclass(frozen=True)
class KeptMap:
    """`hashes` are images in the order of `spots`, float32 (images, 2).

    `origin` (width,) and `axes` (width, 2) are the projection, `parted` the number of classes that
    it parts; 0: it shows where images differ most. A refined map has a `middle` (width,) and
    `directions` (width, fewer), along which its images' neighbours were looked for.
    """

    hashes: Sequence[str]
    spots: np.ndarray
    origin: np.ndarray
    axes: np.ndarray
    parted: int = 0
    refined: Mapping[str, np.ndarray] = field(default_factory=dict)


def kept_map(project: Project, key: str) -> KeptMap | None:
    """The map of what a network gives (`Features.key`); None before there is one, or where it is
    damaged: it is drawn anew then."""
    row = project.db.execute("SELECT blob FROM map WHERE key = ?", [key]).fetchone()
    content = project.blobs.get(row[0]) if row else None
    try:
        return read(content) if content is not None else None
    except (KeyError, ValueError, zipfile.BadZipFile):
        return None


def read(content: bytes) -> KeptMap:
    """Raises KeyError, ValueError or BadZipFile where these bytes are no map."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    digits, each = found.pop("hashes").tobytes().hex(), 2 * HASH_BYTES
    hashes = [digits[start : start + each] for start in range(0, len(digits), each)]
    spots, origin, axes = (found.pop(name) for name in ("spots", "origin", "axes"))
    fit = spots.shape == (len(hashes), 2) and axes.shape == (*origin.shape, 2)
    if not fit or spots.dtype != np.float32 or not np.isfinite(spots).all():
        raise ValueError("its parts do not fit each other")
    return KeptMap(hashes, spots, origin, axes, int(found.pop("parted")), found)


def keep_map(project: Project, key: str, made: KeptMap) -> None:
    """Keeps a map in the place of the one before. It is nothing that a person did, so undo leaves
    it as it is."""
    hashes = np.frombuffer(bytes.fromhex("".join(made.hashes)), np.uint8).reshape(-1, HASH_BYTES)
    arrays: dict[str, np.ndarray] = {
        "hashes": hashes,
        "spots": made.spots.astype(np.float32),
        "origin": made.origin.astype(np.float32),
        "axes": made.axes.astype(np.float32),
        "parted": np.array(made.parted),
        **made.refined,
    }
    blob = project.blobs.put(to_npz(arrays))
    with project.transaction() as db:
        # As a statement: the library asks for a row's number, which this table has not.
        db.execute("INSERT OR REPLACE INTO map VALUES (?, ?, ?)", [key, blob, now()])

"""Images cut into shares, which workers get at once, and the answers to them as plain bytes.

An answer is a head in JSON and then bytes: thumbnails, and features as little-endian float32. It is
read without executing anything, and believed only where it fits what was asked.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import UnusableImage
from engine.images.decode import BYTE_CAP, CheckedImage
from engine.images.exif import Taken

IMAGES = 64
"""At most in a share, as many as a project stores at a time."""
BYTES = 8 << 20
"""So large a share's files are together, unless one alone is larger: what is on its way to many
workers lies in the scheduler's memory meanwhile."""
LENGTH = struct.Struct("<Q")
DIGEST, PHASH = re.compile("[0-9a-f]{64}"), re.compile("[0-9a-f]{16}")
LARGEST_THUMB = 1 << 20
LONGEST = 1000
"""Letters of a reason or note."""
JPEG = b"\xff\xd8"

Result = CheckedImage | UnusableImage


class Wrong(Exception):
    """What a worker answered is no answer to what it was asked."""


class OtherFiles(Wrong):
    """It reads other files than those that lie here, where it was to read them by itself."""


class Unread(UnusableImage):
    """A file that a worker could not read."""


@dataclass(frozen=True, eq=False)
class Share:
    """Some images, in the order in which they are wanted; `sizes` in bytes, -1 where unknown."""

    index: int
    paths: tuple[Path, ...]
    sizes: tuple[int, ...]

    def only(self, place: int) -> Share:
        """The same with one image alone."""
        return Share(self.index, (self.paths[place],), (self.sizes[place],))


def cut(paths: Iterable[Path]) -> Iterator[Share]:
    """Shares of at most IMAGES images; where they end depends on the files and on nothing else."""
    sized = ((path, size_of(path)) for path in paths)
    index = 0
    some: list[tuple[Path, int]] = []
    held = 0
    for path, size in sized:
        if some and (len(some) == IMAGES or held + size > BYTES):
            yield Share(index, *map(tuple, zip(*some, strict=True)))
            index, some, held = index + 1, [], 0
        some.append((path, size))
        held += max(0, size)
    if some:
        yield Share(index, *map(tuple, zip(*some, strict=True)))


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def packed(head: Mapping[str, Any], *parts: bytes) -> bytes:
    """A head and bytes as one."""
    text = json.dumps(head).encode()
    return b"".join([LENGTH.pack(len(text)), text, *parts])


def opened(answer: object) -> tuple[dict[str, Any], memoryview]:
    """The head and the bytes after it. Raises Wrong."""
    if not isinstance(answer, bytes | bytearray) or len(answer) < LENGTH.size:
        raise Wrong("it gave no bytes")
    length = LENGTH.unpack_from(answer)[0]
    try:
        head = json.loads(answer[LENGTH.size : LENGTH.size + length])
    except (ValueError, RecursionError) as error:
        raise Wrong("it gave bytes that can't be read") from error
    if not isinstance(head, dict):
        raise Wrong("it gave bytes that can't be read")
    return head, memoryview(answer)[LENGTH.size + length :]


def answer_of(found: Sequence[Result], features: np.ndarray) -> bytes:
    """What a worker gives back: `features` (usable images, views, width) of those in `found`."""
    rows, thumbs = [], []
    for one in found:
        if isinstance(one, UnusableImage):
            rows.append({"reason": str(one), "unread": isinstance(one, Unread)})
            continue
        kept = {"sha256": one.sha256, "width": one.width, "height": one.height, "bytes": one.bytes}
        more = {"thumb": len(one.thumb), "phash": one.phash, "note": one.note}
        rows.append({**kept, **more, "taken": asdict(one.taken)})
        thumbs.append(one.thumb)
    numbers = np.ascontiguousarray(features, "<f4")
    head = {"images": rows, "shape": list(numbers.shape)}
    return packed(head, *thumbs, numbers.tobytes())


def understood(
    answer: object,
    share: Share,
    views: int,
    width: int,
    digests: Sequence[str] = (),
    own: bool = False,
) -> list[Result]:
    """An answer as images with features, checked in all that can be known of it here.

    `digests` are those of the bytes that were sent, where they were. An answer of this computer's
    `own` is taken as it is. Raises Wrong, or OtherFiles.
    """
    head, rest = opened(answer)
    rows = head.get("images")
    if not isinstance(rows, list) or len(rows) != len(share.paths):
        raise Wrong("it answered for other images than it was asked about")
    if not all(isinstance(row, dict) for row in rows):
        raise Wrong("it gave bytes that can't be read")
    sizes = [row.get("thumb") for row in rows if "reason" not in row]
    if not all(isinstance(size, int) and 0 < size <= LARGEST_THUMB for size in sizes):
        raise Wrong("it gave thumbnails that are none")
    features = features_in(head, rest[sum(sizes) :], [len(sizes), views, width])
    if not own and not np.isfinite(features).all():
        raise Wrong("it gave features that are no numbers")
    ends = list(accumulate(sizes))
    thumbs = [bytes(rest[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
    left = iter(zip(thumbs, features, strict=True))
    found = [read(row, left) for row in rows]
    for place, one in enumerate(() if own else found):
        fits(one, share.sizes[place], digests[place] if digests else "")
    return found


def features_in(head: Mapping[str, Any], rest: memoryview, shape: list[int]) -> np.ndarray:
    """float32 of `shape`: images, views, width. Raises Wrong."""
    if head.get("shape") != shape or len(rest) != 4 * math.prod(shape):
        raise Wrong("it gave features of another shape")
    return np.frombuffer(rest, "<f4").reshape(shape).astype(np.float32)


def read(row: Mapping[str, Any], left: Iterator[tuple[bytes, np.ndarray]]) -> Result:
    """One image of an answer. Raises Wrong."""
    if "reason" in row:
        kind = Unread if row.get("unread") else UnusableImage
        return kind(text(row["reason"]))
    thumb, features = next(left)
    try:
        taken = Taken(**row["taken"])
        width, height, size = (row[name] for name in ("width", "height", "bytes"))
        sha256, phash, note = row["sha256"], row["phash"], text(row["note"])
    except (KeyError, TypeError) as error:
        raise Wrong("it left out what an image needs") from error
    for word in (taken.when, taken.zone, taken.camera):
        text(word)
    places = [one for one in (taken.latitude, taken.longitude) if one is not None]
    numbers = all(isinstance(one, int | float) and abs(one) <= 180 for one in places)
    sized = all(isinstance(one, int) and 0 < one <= BYTE_CAP for one in (width, height, size))
    named = DIGEST.fullmatch(str(sha256)) and PHASH.fullmatch(str(phash))
    if not (numbers and named and sized and thumb[:2] == JPEG):
        raise Wrong("it gave what no image has")
    return CheckedImage(sha256, width, height, size, thumb, phash, note, None, taken, features)


def text(value: object) -> str:
    """A text of bearable length. Raises Wrong."""
    if not isinstance(value, str) or len(value) > LONGEST:
        raise Wrong("it gave something else than a text")
    return value


def fits(one: Result, size: int, digest: str) -> None:
    """Raises Wrong where an image has another digest than the bytes that were sent, and OtherFiles
    where it has another size than the file that was meant."""
    if digest:
        if isinstance(one, CheckedImage) and one.sha256 != digest:
            raise Wrong("it gave another digest than the bytes have that it was sent")
    elif size >= 0 and (isinstance(one, Unread) or getattr(one, "bytes", size) != size):
        raise OtherFiles("it reads other files than those that lie here")


def distance(one: Result, other: Result) -> float:
    """How far two answers about the same image are apart: the largest difference of their features
    by the largest feature; infinite where they speak of different images."""
    if isinstance(one, UnusableImage) or isinstance(other, UnusableImage):
        return 0.0 if isinstance(one, UnusableImage) == isinstance(other, UnusableImage) else np.inf
    same = (one.sha256, one.width, one.height) == (other.sha256, other.width, other.height)
    if not same or one.features is None or other.features is None:
        return np.inf
    largest = float(np.abs(one.features).max()) or 1.0
    return float(np.abs(one.features - other.features).max()) / largest

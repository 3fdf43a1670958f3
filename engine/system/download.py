"""Weights from the internet: with progress, going on where it broke off, checked by digest."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import time
import urllib.request
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch

from engine.errors import Refused, UnusableWeights
from engine.events import Progress
from engine.system.files import put_in_place
from engine.system.paths import weights_folder

CHUNK = 1 << 18
TRIES = 3
GIT = "git:"
SECONDS = 20
"""How long a silent server is waited for."""

Broken = (OSError, http.client.HTTPException)
"""What a connection that fails raises; urllib's own errors are OSErrors."""


def find_weights(file: str) -> Path | None:
    """A weights file by name in the program's folder, or in PyTorch's own cache of downloads."""
    places = (weights_folder(), Path(torch.hub.get_dir()) / "checkpoints")
    # os.path: a folder of another user's, which may not be looked into, counts as empty.
    return next((p / file for p in places if file and os.path.isfile(p / file)), None)


def mirrored(url: str, name: str = "") -> str:
    """The address to fetch from: ESPALIER_MIRROR, where it is set, holds all files side by side."""
    mirror = os.environ.get("ESPALIER_MIRROR")
    return f"{mirror.rstrip('/')}/{name or url.rsplit('/', 1)[1]}" if mirror else url


class Stays(urllib.request.HTTPRedirectHandler):
    """Does not go where a server sends it: what the server itself says is what is looked for."""

    def redirect_request(self, *_: Any) -> None:
        return None


def stated_digest(url: str) -> str:
    """The sha256 that a server states of a file that it keeps elsewhere (git-lfs), else nothing.

    It shows that a file came whole and as the server has it, where nobody else states a digest.
    """
    request = urllib.request.Request(mirrored(url), method="HEAD")
    try:
        with urllib.request.build_opener(Stays).open(request, timeout=SECONDS) as answer:
            headers = answer.headers
    except urllib.error.HTTPError as error:
        headers = error.headers
        error.close()
    except Broken:
        return ""  # fetching says what is wrong
    found = re.fullmatch('"?([0-9a-f]{64})"?', headers.get("X-Linked-Etag", ""))
    return found.group(1) if found else ""


def fetch(
    url: str, digest: str = "", folder: Path | None = None, name: str = ""
) -> Generator[Progress, None, Path]:
    """Downloads `url` into `folder` (the program's own by default) and returns the file's path.

    `name` is what the file is called here, where that is not the end of the address.

    `digest` is the start of the sha256 that the file must have, or `git:` and the SHA-1 of the blob
    in the repository that it is published in. What has come is kept as
    NAME.part, and the next call goes on from there. Raises Refused when the connection fails, and
    UnusableWeights when the digest is wrong; the file is then thrown away.
    """
    name = name or url.rsplit("/", 1)[1]
    target = (folder or weights_folder()) / name
    part = target.with_name(name + ".part")
    for attempt in range(1, TRIES + 1):
        before = size_of(part)
        try:
            yield from fetch_once(mirrored(url, name), part)
            break
        except urllib.error.HTTPError as error:
            error.close()
            raise Refused(by_hand(url, target, f"the server answered {error.code}")) from error
        except Broken as error:
            # Another try is worth it only while tries bring something.
            if attempt == TRIES or size_of(part) == before:
                raise Refused(by_hand(url, target, reason_of(error), size_of(part))) from error
    check(part, digest, name)
    put_in_place(part, target)
    return target


def fetch_once(url: str, part: Path) -> Iterator[Progress]:
    """Appends to `part` what is missing. Raises ConnectionError when the end never came."""
    have = size_of(part)
    headers = {"User-Agent": "espalier"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=SECONDS
        )
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        error.close()
        return  # nothing lies beyond what we have: the digest says whether it is whole
    with answer, part.open("ab") as file:
        start, total = span_of(answer, have)
        file.truncate(start)
        yield from copy(answer, file, Rate(start, total, f"Downloading {part.stem}"))
        file.flush()
        os.fsync(file.fileno())


def span_of(answer: http.client.HTTPResponse, have: int) -> tuple[int, int | None]:
    """Where the answer's bytes begin in the file, and how long the whole file is if known."""
    found = re.match(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
    if answer.status == 206 and found and int(found.group(1)) == have:
        return have, None if found.group(2) == "*" else int(found.group(2))
    length = answer.headers.get("Content-Length")
    return 0, int(length) if length and length.isdigit() else None


@dataclass
class Rate:
    """How far a download is, and how fast."""

    done: int
    total: int | None
    doing: str

    def __post_init__(self) -> None:
        self.first, self.began = self.done, time.monotonic()

    def event(self) -> Progress:
        speed = (self.done - self.first) / max(1e-6, time.monotonic() - self.began)
        left = (self.total - self.done) / speed if self.total and speed else None
        return Progress(self.done, self.total, self.doing, left)


def copy(answer: BinaryIO, file: BinaryIO, rate: Rate) -> Iterator[Progress]:
    """Copies an answer to a file. Raises ConnectionError when it ends before its time."""
    while chunk := answer.read(CHUNK):
        file.write(chunk)
        rate.done += len(chunk)
        yield rate.event()
    if rate.total is not None and rate.done < rate.total:
        raise ConnectionError("it broke off")


def digest_of(path: Path, kind: str) -> str:
    """The sha256 of a file; or its SHA-1 as git names it, which counts the file's length too."""
    with path.open("rb") as file:
        if kind != GIT:
            return hashlib.file_digest(file, "sha256").hexdigest()
        total = hashlib.sha1(b"blob %d\0" % size_of(path), usedforsecurity=False)
        while chunk := file.read(CHUNK):
            total.update(chunk)
    return GIT + total.hexdigest()


def check(part: Path, digest: str, name: str) -> None:
    """Throws a finished download away, and raises UnusableWeights, where its digest is wrong."""
    kind = GIT if digest.startswith(GIT) else ""
    found = digest_of(part, kind)
    if not found.startswith(digest):
        part.unlink()
        found, digest = found.removeprefix(kind), digest.removeprefix(kind)
        raise UnusableWeights(
            f"{name} arrived damaged or changed (its digest begins with {found[:8]} and should "
            f"begin with {digest[:8]}), so it was thrown away. Try again later."
        )


def by_hand(url: str, target: Path, reason: str, have: int = 0) -> str:
    """The sentence that tells an offline person which file to get and where to put it."""
    kept = f" The {have / 1e6:.1f} MB that came are kept, and the next try goes on from there."
    return (
        f"{target.name} could not be downloaded: {reason}.{kept if have else ''} Without internet "
        f"here, get {url} on another computer and {put_at(url, target)}."
    )


def put_at(url: str, target: Path) -> str:
    """Where a person puts a file, and under which name where that is another one."""
    if url.rsplit("/", 1)[-1] == target.name:
        return f"put the file into {target.parent}"
    return f"save it as {target}"


def reason_of(error: Exception) -> str:
    """What failed, in words."""
    cause = getattr(error, "reason", error)
    return str(getattr(cause, "strerror", None) or cause or type(cause).__name__).rstrip(".")


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

"""What goes to a worker with a share: paths where it reads the same files, or the files' bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.cluster.network import Network
from engine.cluster.shares import Share
from engine.errors import UnusableImage
from engine.images.decode import read


@dataclass(frozen=True, eq=False)
class Parcel:
    """What a worker is asked, and what is to be remembered of it (see members.Flight)."""

    asked: bytes
    contents: list[bytes] = field(default_factory=list)
    digests: Sequence[str] = ()
    unread: Mapping[int, UnusableImage] = field(default_factory=dict)
    probed: Sequence[Path] = ()


class Material:
    """Makes parcels for one network. Of each folder, the digest of one file is taken once: by it a
    worker tells whether it sees the same files."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._probes: dict[Path, tuple[Path, str]] = {}

    def parcel(self, share: Share, seen: Mapping[Path, bool], by_path: bool) -> Parcel:
        """For a worker that has `seen` the same files, or not, in some folders."""
        folders = list(dict.fromkeys(path.parent for path in share.paths))
        if not by_path and not all(seen.get(folder, True) for folder in folders):
            return self.sent(share)
        new = [] if by_path else [folder for folder in folders if folder not in seen]
        probes = [(str(folder), *self.probe(folder, share)) for folder in new]
        if not all(digest for _, _, digest in probes):  # nothing to know the folder by
            return self.sent(share)
        return Parcel(self.asked(share, probes), probed=new)

    def probe(self, folder: Path, share: Share) -> tuple[str, str]:
        """A file of the folder and its digest; no digest where none of the share can be read."""
        if folder not in self._probes:
            for path in share.paths:
                if path.parent == folder and (content := readable(path)):
                    self._probes[folder] = path, hashlib.sha256(content).hexdigest()
                    break
        path, digest = self._probes.get(folder, (folder, ""))
        return str(path), digest

    def sent(self, share: Share) -> Parcel:
        contents, unread = list[bytes](), dict[int, UnusableImage]()
        for place, path in enumerate(share.paths):
            try:
                contents.append(read(path))
            except UnusableImage as reason:
                contents.append(b"")
                unread[place] = reason
        digests = [hashlib.sha256(content).hexdigest() for content in contents]
        return Parcel(self.asked(share, []), contents, digests, unread)

    def asked(self, share: Share, probes: Sequence[tuple[str, str, str]]) -> bytes:
        paths = [str(path) for path in share.paths]
        return json.dumps({**self.network.asked(), "paths": paths, "probes": probes}).encode()


def readable(path: Path) -> bytes:
    try:
        return read(path)
    except UnusableImage:
        return b""

"""What a worker does: it opens images and runs a frozen network on them, and knows no project.

These functions are asked for by name, take and give plain bytes, and raise nothing: whatever goes
wrong is in the answer. PyTorch is not imported, so that a worker is small and starts at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import PIL

from engine import __version__
from engine.cluster.shares import Result, Unread, answer_of, packed
from engine.errors import UnusableImage
from engine.images.decode import CheckedImage, open_bytes, read
from engine.images.preprocess import Preprocessing
from engine.models.ort import open_session
from engine.system.cpu import available_cores
from engine.system.files import replace_file
from engine.system.paths import cache_folder

BATCH = 8
"""Images in one run, as in models/extractor.py."""
KEPT = 2
"""Networks that a worker holds open."""
ON_DISK = 4
"""Networks that a computer keeps for its workers."""

_networks: dict[str, ort.InferenceSession] = {}
_opening = threading.Lock()


def hello(digest: str) -> bytes:
    """Who this is, with what it would work, and whether it has the network of a digest."""
    versions = {"espalier": __version__, "Pillow": PIL.__version__}
    return packed(
        {
            "versions": {**versions, "ONNX Runtime": ort.__version__, "NumPy": np.__version__},
            "has": session(digest) is not None,
            "host": platform.node(),
            "process": os.getpid(),
            "cores": available_cores(),
        }
    )


def keep_network(digest: str, content: bytes) -> bytes:
    """Keeps a network's file under its digest, on this computer's disk where there is room."""
    if hashlib.sha256(content).hexdigest() != digest:
        return packed({"failed": "the network arrived damaged"})
    try:
        session(digest, content)
    except Exception as error:  # a boundary: whoever asked is told, and does it elsewhere
        return packed({"failed": f"{type(error).__name__}: {error}"[:500]})
    try:
        folder = networks_folder()
        replace_file(folder / f"{digest}.onnx", content, shared=True)
        files = sorted(folder.glob("*.onnx"), key=lambda file: file.stat().st_mtime)
        for file in files[:-ON_DISK]:
            file.unlink(missing_ok=True)
    except OSError:
        pass  # it is in memory, and is sent again to the next worker here
    return packed({"kept": digest})


def networks_folder() -> Path:
    folder = cache_folder() / "networks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def session(digest: str, content: bytes = b"") -> ort.InferenceSession | None:
    """The network of a digest, from memory, from `content` or from this computer's disk; None where
    it is nowhere."""
    with _opening:
        if digest not in _networks:
            content = content or on_disk(digest)
            if not content:
                return None
            _networks[digest] = open_session(content)
            for old in list(_networks)[:-KEPT]:
                del _networks[old]
        return _networks[digest]


def on_disk(digest: str) -> bytes:
    """The file of a network, as whole as its digest says; empty where there is none."""
    try:
        content = (networks_folder() / f"{digest}.onnx").read_bytes()
    except OSError:
        return b""
    return content if hashlib.sha256(content).hexdigest() == digest else b""


def share(asked: bytes, contents: Sequence[bytes]) -> bytes:
    """Opens the images of a share and runs the network on them; shares.answer_of is the answer.

    `contents` are the files' bytes, where they were sent. Without the network the answer is
    "lacks"; where files that lie here are others than those meant, it names their folders as
    "unseen".
    """
    try:
        return done(json.loads(asked), contents)
    except Exception as error:  # a boundary, as above
        return packed({"failed": f"{type(error).__name__}: {error}"[:500]})


def done(asked: Mapping[str, Any], contents: Sequence[bytes]) -> bytes:
    """The images of a share with their features, or what is missing to make them."""
    network = session(asked["network"])
    if network is None:
        return packed({"lacks": True})
    unseen = [folder for folder, path, digest in asked["probes"] if digest_of(path) != digest]
    if unseen:
        return packed({"unseen": unseen})
    preprocessing = Preprocessing(**asked["preprocessing"])
    paths = [Path(path) for path in asked["paths"]]
    if contents:
        found = [opened(p, preprocessing, c) for p, c in zip(paths, contents, strict=True)]
    else:
        found = [opened(path, preprocessing) for path in paths]
    usable = [one.seen for one in found if isinstance(one, CheckedImage)]
    return answer_of(found, features_of(network, usable, asked["shape"]))


def digest_of(path: str) -> str:
    """The digest of a file that lies here; empty where it can't be read."""
    try:
        return hashlib.sha256(read(Path(path))).hexdigest()
    except UnusableImage:
        return ""


def opened(path: Path, preprocessing: Preprocessing, content: bytes | None = None) -> Result:
    try:
        found = read(path) if content is None else content
    except UnusableImage as reason:
        # That this computer can't read it says nothing about the image.
        return Unread(str(reason)) if isinstance(reason.__cause__, OSError) else reason
    try:
        return open_bytes(found, preprocessing, path=path)
    except UnusableImage as reason:
        return reason


def features_of(
    network: ort.InferenceSession, pixels: Sequence[np.ndarray], shape: Sequence[int]
) -> np.ndarray:
    """float32 (images, views, width); `shape` are the last two."""
    if not pixels:
        return np.empty((0, *shape), np.float32)
    parts = [np.stack(pixels[start : start + BATCH]) for start in range(0, len(pixels), BATCH)]
    return np.concatenate([network.run(None, {"pixels": part})[0] for part in parts])

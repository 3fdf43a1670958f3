"""Exported zips, for browsers and for a Raspberry Pi: the ONNX file inside, asked as any other."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from engine.errors import UnusableWeights
from engine.export.exported import Exported
from engine.export.readers import onnx_file as onnx_reader
from engine.export.zips import NETWORK
from engine.models.file_signature import printable, read_head

MOST = 2 << 30
"""Bytes that the network may have unpacked; more is no network, but a trap."""
Broken = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


def open_file(path: Path, threads: int = 1) -> Exported:
    """Opens a zip that Espalier exported. Raises UnusableWeights where it is none or damaged."""
    read_head(path)
    try:
        with zipfile.ZipFile(path) as packed:
            network = network_in(packed, path)
    except Broken as error:
        raise UnusableWeights(
            f"{path.name} is no zip, or it is damaged or cut short. Export it or get it again."
        ) from error
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        # Under the zip's name, which sentences about what is wrong will say.
        inside = Path(folder) / path.name
        inside.write_bytes(network)
        return onnx_reader.open_file(inside, threads)


def network_in(packed: zipfile.ZipFile, path: Path) -> bytes:
    """The network's bytes; nothing else is unpacked."""
    for name in packed.namelist():
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in name:
            raise UnusableWeights(
                f"{path.name} holds “{printable(name)}”, which would be unpacked outside of its "
                "own folder, so it was refused. Get it from a source that you trust."
            )
    if NETWORK not in packed.namelist():
        raise UnusableWeights(
            f"{path.name} holds no {NETWORK}, so Espalier did not export it. Choose a zip that "
            "it did."
        )
    if packed.getinfo(NETWORK).file_size > MOST:
        raise UnusableWeights(
            f"The network in {path.name} is larger than any that Espalier exports, so it was "
            "refused. Get it from a source that you trust."
        )
    return packed.read(NETWORK)

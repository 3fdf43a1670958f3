"""Zips that hold an exported network: how they are written, and what it is called in them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

NETWORK = "model.onnx"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Every file's date in the zip, so that the same model gives the same bytes."""
PLAIN, PROGRAM = 0o100644, 0o100755
PACKED = (".png",)
"""Endings of files that are packed already."""


def pack(path: Path, files: Mapping[str, bytes]) -> None:
    """Writes a zip with these files in this order; scripts of the shell may be run."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = (PROGRAM if name.endswith(".sh") else PLAIN) << 16
            how = zipfile.ZIP_STORED if name.endswith(PACKED) else zipfile.ZIP_DEFLATED
            packed.writestr(entry, content, how)

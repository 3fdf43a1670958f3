"""Names that a person gives, as files and folders can be called."""

from __future__ import annotations

import re

ROOM = 200
"""Bytes of a folder's name, below what every system takes."""
UNFIT = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]+')
"""What names of folders can't hold on one of the systems."""


def folder_name(name: str) -> str:
    """A project's name as a folder can be called on every system."""
    fit = " ".join(UNFIT.sub(" ", name).split()).strip(". ")
    return fit.encode("utf-8", "replace")[:ROOM].decode("utf-8", "ignore").strip() or "Project"

"""Model files that are not what their name says, found by their first bytes."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from engine.errors import UnusableWeights

WEB_PAGE = re.compile(rb"\s*(<\?xml[^>]*>\s*)?<(!doctype|html|error)", re.IGNORECASE)
"""Pages, and what stores of files answer in XML; a network of OpenVINO is XML too, a `<net>`."""


def read_head(path: Path) -> bytes:
    """The first bytes of a model file.

    Raises UnusableWeights where there are none, or where they are those of a git-lfs pointer or of
    a web page.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe could wait for ever
            raise UnusableWeights(f"{path.name} is no file. Choose a file.")
        with path.open("rb") as file:
            head = file.read(256)
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise UnusableWeights(
            f"{path.name} can't be opened ({why}). Check its name, or choose another file."
        ) from error
    if not head:
        raise UnusableWeights(f"{path.name} is empty. Get the file again.")
    if head.startswith(b"version https://git-lfs"):
        raise UnusableWeights(
            f"{path.name} is only a git-lfs pointer to the file. Get the file itself, for example "
            "with “git lfs pull”."
        )
    if WEB_PAGE.match(head):
        raise UnusableWeights(
            f"{path.name} is a web page and no model: the download was answered by an error or a "
            "login page. Download it again."
        )
    return head


def printable(text: str, most: int = 80) -> str:
    """A name that stands in a file, for a sentence: on one line, and no longer than a name is."""
    return "".join(c if c.isprintable() else "�" for c in text[:most])

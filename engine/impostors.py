"""Model files that are not what their name says, found by their first bytes."""

from __future__ import annotations

from pathlib import Path

from engine.errors import UnusableWeights


def read_head(path: Path) -> bytes:
    """The first bytes of a model file.

    Raises UnusableWeights where there are none, or where they are those of a git-lfs pointer or of
    a web page.
    """
    try:
        with path.open("rb") as file:
            head = file.read(256)
    except OSError as error:
        raise UnusableWeights(f"{path} can't be opened: {error.strerror}.") from error
    if not head:
        raise UnusableWeights(f"{path.name} is empty. Get the file again.")
    if head.startswith(b"version https://git-lfs"):
        raise UnusableWeights(
            f"{path.name} is only a git-lfs pointer to the file. Get the file itself, for example "
            "with “git lfs pull”."
        )
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise UnusableWeights(
            f"{path.name} is a web page and no model: the download was answered by an error or a "
            "login page. Download it again."
        )
    return head

"""The job that says why an image gets its answer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import Refused, UnusableImage
from engine.events import Progress, Work
from engine.jobs import job
from engine.learning.promising import model_in_use
from engine.learning.why import save, why
from engine.predict.csv_writer import refuse_taken
from engine.results.why import ReasonsSaved, Why
from engine.session import Session

LEFT_OUT = "It was left out."
"""What is said of a file in a folder that is no image."""
CHOOSE = "Choose an image: JPEG, PNG, WebP, TIFF, BMP or GIF."


@job("Say why", reads=True)
def explain(
    session: Session,
    *,
    path: str = "",
    content: bytes = b"",
    of: str = "",
    to: str = "",
    overwrite: bool = False,
) -> Work[Why]:
    """Which parts of an image speak for its answer, and which image would speak for another.

    `of`: they speak for this class instead, which was answered before the image was learnt, say.

    The image is that of a file, or `content`, a PNG or JPEG. With `to` it is also written there
    with its reasons as colours, as a PNG.
    """
    refuse_taken(to, overwrite)
    yield Progress(0, None, "Looking at the image")
    model, extractor = model_in_use(session), session.extractor()
    with file_of(path, content) as file:
        try:
            found = yield from why(session.require(), extractor, model, file, of)
        except UnusableImage as reason:
            raise Refused(str(reason).replace(LEFT_OUT, CHOOSE)) from reason
        if to:
            save(found, file, Path(to))
    return found


@job("Save the reasons", reads=True)
def save_reasons(
    session: Session, *, found: Why, to: str, path: str = "", content: bytes = b""
) -> Work[ReasonsSaved]:
    """Writes what `explain` found for the same image as a PNG with its legend, over what is there.
    Raises Refused where that can't be."""
    yield Progress(0, None, "Saving the reasons")
    with file_of(path, content) as file:
        try:
            save(found, file, Path(to))
        except OSError as error:
            raise Refused(f"“{to}” can't be written. Choose another place.") from error
    return {"to": to}


@contextmanager
def file_of(path: str, content: bytes) -> Iterator[Path]:
    """The file at a path, or one that holds `content`."""
    if not content:
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        file = Path(folder) / "pasted.png"
        file.write_bytes(content)
        yield file

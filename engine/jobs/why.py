"""The job that says why an image gets its answer."""

from __future__ import annotations

import tempfile
from pathlib import Path

from engine.events import Progress, Work
from engine.jobs import job
from engine.learning.promising import model_in_use
from engine.learning.why import save, why
from engine.predict.csv_writer import refuse_taken
from engine.results.why import Why
from engine.session import Session


@job("Say why", reads=True)
def explain(
    session: Session, *, path: str = "", content: bytes = b"", to: str = "", overwrite: bool = False
) -> Work[Why]:
    """Which parts of an image speak for its answer, and which image would speak for another.

    The image is that of a file, or `content`, a PNG or JPEG. With `to` it is also written there
    with its reasons as colours, as a PNG.
    """
    refuse_taken(to, overwrite)
    yield Progress(0, None, "Looking at the image")
    model, extractor = model_in_use(session), session.extractor()
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        file = Path(path)
        if content:
            file = Path(folder) / "pasted.png"
            file.write_bytes(content)
        found = yield from why(session.require(), extractor, model, file)
        if to:
            save(found, file, Path(to))
    return found

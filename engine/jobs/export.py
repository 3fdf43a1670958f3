"""The job of the Export page: one file that gives the same answers, and the receipt for it."""

from __future__ import annotations

import random
from collections.abc import Generator
from pathlib import Path

from engine import catalogue
from engine.errors import Refused, UnusableImage
from engine.events import Event, Saved
from engine.exporters.onnx_file import export_onnx
from engine.images import open_many
from engine.jobs import Work, job
from engine.jobs.try_it import look
from engine.session import Session

PICTURES_TO_COMPARE = 64


@job("Export the model")
def export(session: Session, *, path: str, overwrite: bool = False) -> Work:
    """Writes the model in use to an ONNX file, checks it in a process of its own, or refuses."""
    model = session.model()
    pictures = yield from some_pictures(session)
    seen = yield from look(session, pictures)
    receipt = yield from export_onnx(
        model, Path(path), seen.paths, seen.answers.probabilities, overwrite=overwrite
    )
    yield Saved("export", path)
    return receipt


def some_pictures(session: Session) -> Generator[Event, None, list[Path]]:
    """Stored pictures to compare on, held-out ones first, the same at each call."""
    project = session.require()
    rows = list(project.db.query("SELECT sha256, path, copied, split FROM image ORDER BY sha256"))
    rows.sort(key=lambda row: row["split"] != "validation")
    held_out = sum(row["split"] == "validation" for row in rows)
    mixed = rows[:held_out]
    random.Random(0).shuffle(mixed)
    found: list[Path] = []
    opened = open_many((catalogue.file_of(project, r) for r in mixed + rows[held_out:]), None)
    try:
        for path, picture in opened:
            if not isinstance(picture, UnusableImage):
                found.append(path)
            if len(found) == PICTURES_TO_COMPARE:
                break
    finally:
        opened.close()
    if not found:
        raise Refused(
            "None of the project's images can be found any more, so an export could not be "
            "compared with them. Put them back where they were, or drop them again."
        )
    yield from ()
    return found

"""Answers for images; for any number of them written as a table while they are found.

Nothing here imports PyTorch: exported files are asked without it, but for those in PyTorch's own
formats (.pt2, .safetensors).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import EspalierError, Refused
from engine.events import Progress, Work
from engine.export.readers import predict_exported
from engine.export.readers.trial import try_first
from engine.images.walk import Walk
from engine.jobs import job
from engine.predict.answers import answerer_of, answers
from engine.predict.csv_writer import CsvWriter, Row, refuse_taken
from engine.predict.table import UNKNOWN, UNSURE, counted, full, row_of, verdict
from engine.results.learn import AnswersWritten, ImageAnswers
from engine.system.files import is_full
from engine.system.progress import Eta

if TYPE_CHECKING:
    from engine.session import Session


TITLES = (
    "path",
    "class",
    "probability",
    "second class",
    "second probability",
    "known",
    "distance",
    "reason",
)


@job("Say what images show", reads=True)
def predict_images(
    session: Session | None, *, paths: Sequence[str], model: str = ""
) -> Work[ImageAnswers]:
    """Each image's classes with their probabilities, by the project or an exported file.

    `known` is False where an image is far from all classes: "none of these"; `sure` where the
    promise lets no answer be given.
    """
    if model or session is None:
        yield Progress(0, len(paths), "Looking at images")
        try_first(Path(model))
        return {"pictures": predict_exported(Path(model), [Path(p) for p in paths])}
    from engine.jobs.try_it import answered

    return {"pictures": (yield from answered(session, [Path(p) for p in paths]))}


@job("Write what images show into a table", reads=True)
def predict_to_csv(
    session: Session | None,
    *,
    paths: Sequence[str],
    model: str = "",
    to: str = "-",
    overwrite: bool = False,
) -> Work[AnswersWritten]:
    """One row for each image in files and folders, by the project or an exported file.

    `to` is a file, made once there is a model and an image to ask, or "-" for standard output.
    """
    if not to.strip():
        raise Refused("Name the file that the table is written to.")
    refuse_taken(to, overwrite)
    walk = Walk([Path(path) for path in paths])
    total = yield from counted(walk)
    asked = answerer_of(session, model)
    sheet = CsvWriter(to, TITLES, overwrite)
    pace, done, unusable = Eta(total, "Looking at images"), 0, 0
    verdicts = Counter[str]()
    with closing(sheet), closing(answers(asked, walk)) as found:
        for some in found:
            if not written(sheet, [row_of(asked, one) for one in some], to, done):
                break
            done += len(some)
            unusable += sum(one.probabilities is None for one in some)
            verdicts.update(verdict(asked, one) for one in some)
            yield pace.at(done)
    if session is not None and session.computers is not None:
        yield from session.extractor().doubted()
    result = AnswersWritten(
        images=done - unusable,
        none_of_these=verdicts[UNKNOWN],
        not_sure=verdicts[UNSURE],
        unusable=unusable,
        others=walk.others,
        to=to,
    )
    return {**result, **session.helped()} if session is not None else result


def written(sheet: CsvWriter, rows: Sequence[Row], to: str, done: int) -> bool:
    """Whether anybody still reads what was written. Raises EspalierError where no room is left."""
    try:
        sheet.write(rows)
    except BrokenPipeError:
        return False  # the reader of a pipe went away, as with `| head`; that is no fault
    except OSError as error:
        if is_full(error):
            raise EspalierError(full(to, done)) from error
        raise
    return True

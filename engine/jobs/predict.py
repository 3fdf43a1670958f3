"""Answers for any number of pictures, written as a table while they are found.

Nothing here imports PyTorch: exported files are asked without it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from engine.answering import Answered, Answerer, answerer_of, answers
from engine.errors import EspalierError, Refused
from engine.events import Event, Progress
from engine.files import is_full
from engine.jobs import Work, job
from engine.pace import Pace
from engine.sheet import STANDARD_OUTPUT, Row, Sheet, name_cell, refuse_taken
from engine.walk import Walk, none_in

if TYPE_CHECKING:
    from engine.session import Session

TITLES = ("path", "class", "probability", "second class", "second probability", "known", "distance",
          "reason")  # fmt: skip
KNOWN, UNKNOWN = "known", "none of these"
BETWEEN = 5_000
"""Files between two words of how many were counted."""


@job("Write what images show into a table", reads=True)
def predict_to_csv(
    session: Session | None,
    *,
    paths: Sequence[str],
    model: str = "",
    to: str = "-",
    overwrite: bool = False,
) -> Work:
    """One row for each picture in files and folders, by the project or an exported file.

    `to` is a file, or "-" for standard output. It is made once the first is known to be of use:
    the model can be opened, and there is something to look at.
    """
    if not to.strip():
        raise Refused("Name the file that the table is written to.")
    refuse_taken(to, overwrite)
    walk = Walk([Path(path) for path in paths])
    total = yield from counted(walk)
    asked = answerer_of(session, model)
    sheet = Sheet(to, TITLES, overwrite)
    pace, done, unusable, unknown = Pace(total, "Looking at images"), 0, 0, 0
    with closing(sheet), closing(answers(asked, walk)) as found:
        for some in found:
            try:
                sheet.write([row_of(asked, one) for one in some])
            except BrokenPipeError:
                break  # the reader of a pipe went away, as with `| head`; that is no fault
            except OSError as error:
                if is_full(error):
                    raise EspalierError(full(to, done)) from error
                raise
            done += len(some)
            unusable += sum(one.probabilities is None for one in some)
            unknown += sum(not known(asked, one) for one in some)
            yield pace.at(done)
    return {"images": done - unusable, "none_of_these": unknown, "unusable": unusable,
            "others": walk.others, "to": to}  # fmt: skip


def full(to: str, done: int) -> str:
    where = "standard output" if to == STANDARD_OUTPUT else f"“{to}”"
    return (
        f"The disk of {where} is full. The rows of {done} images were written and are whole. Free "
        "some space, or choose another file, and do it again."
    )


def counted(walk: Walk) -> Generator[Event, None, int]:
    """How many files there are to look at. Raises Refused where there is none."""
    total = 0
    yield Progress(0, None, "Counting images")
    for total, _ in enumerate(walk, 1):
        if total % BETWEEN == 0:
            yield Progress(total, None, "Counting images")
    if not total:
        raise Refused(none_in(walk))
    return total


def known(asked: Answerer, one: Answered) -> bool:
    """Whether the picture is like what was learnt; what can't be used is not unknown either."""
    return one.probabilities is None or one.distance <= asked.threshold


def row_of(asked: Answerer, one: Answered) -> Row:
    """The row of TITLES for one answer."""
    path, p = str(one.path), one.probabilities
    if p is None:
        return (path, "", "", "", "", "", "", one.reason)
    best, *second = p.argsort()[::-1][:2]
    first, *rest = [(name_cell(asked.class_names[at]), f"{p[at]:.4f}") for at in (best, *second)]
    verdict = KNOWN if known(asked, one) else UNKNOWN
    return (path, *first, *(rest[0] if rest else ("", "")), verdict, f"{one.distance:.4f}", "")

"""The rows of a table of answers."""

from __future__ import annotations

from collections.abc import Generator

from engine.errors import Refused
from engine.events import Event, Progress
from engine.images.walk import Walk, none_in
from engine.predict.asked import Answered, Answerer
from engine.predict.csv_writer import STANDARD_OUTPUT, Row
from engine.system.cells import text_cell

KNOWN, UNKNOWN, UNSURE = "known", "none of these", "not sure"
BETWEEN = 5_000
"""Files between two words of how many were counted."""


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
    """Whether the image is like what was learnt; what can't be used is not unknown either."""
    return one.probabilities is None or one.distance <= asked.threshold


def answer_of(asked: Answerer, one: Answered) -> tuple[str, float]:
    """The class or group that is answered, and how probable it is; without a name where the promise
    of whoever is asked lets none be given."""
    p = one.probabilities
    if p is None:
        return "", 0.0
    best = int(p.argmax())
    return asked.naming.answer(p) if asked.naming else (asked.class_names[best], float(p[best]))


def verdict(asked: Answerer, one: Answered) -> str:
    """KNOWN, UNKNOWN or UNSURE."""
    if not known(asked, one):
        return UNKNOWN
    return KNOWN if one.probabilities is None or answer_of(asked, one)[0] else UNSURE


def row_of(asked: Answerer, one: Answered) -> Row:
    """The row of TITLES for one answer."""
    path, p = str(one.path), one.probabilities
    if p is None:
        return (path, "", "", "", "", "", "", one.reason)
    best, *second = p.argsort()[::-1][:2]
    first, *rest = [(text_cell(asked.class_names[at]), f"{p[at]:.4f}") for at in (best, *second)]
    more, what = rest[0] if rest else ("", ""), verdict(asked, one)
    name, share = answer_of(asked, one)
    if what == KNOWN and name != asked.class_names[best]:  # a group: its likeliest class is next
        first, more = (text_cell(name), f"{share:.4f}"), first
    return (path, *first, *more, what, f"{one.distance:.4f}", "")

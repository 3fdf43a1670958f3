"""A heap of images of four colours, as tests sort it, and what is to be said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.heap import making
from engine.session import Session
from tests.helpers.projects import done

NAMES = ["red", "teal", "violet", "lime"]
COUNT = 15
LEARNERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ncm": ("ncm", {}),
    "slda": ("slda", {}),
    "slda fixed": ("slda", {"shrinkage": 0.2}),
    "ridge": ("ridge", {"size": 300}),
    "auto": ("auto", {}),
    "tilda": ("tilda", {"anchors": 1, "views": 2}),
    "per branch": ("per_branch", {}),
}


def use(session: Session, case: str) -> None:
    """Makes a learner the project's, as learning with it does."""
    name, settings = LEARNERS[case]
    with session.require().transaction():
        session.require().set_facts(learner=name, settings=settings)


def class_of(row: dict[str, Any]) -> str:
    return Path(row["path"]).parent.name


def waiting(session: Session) -> dict[str, list[int]]:
    """Ids of what waits and was not drawn, by their true class."""
    shown = done(session, "suggestions", limit=1000)
    found: dict[str, list[int]] = {name: [] for name in NAMES}
    for row in shown["rows"]:
        found[class_of(row)].append(row["id"])
    return found


def label(session: Session, ids: list[int], to: str, **more: Any) -> Any:
    return done(session, "label_images", images=ids, to=to, **more)


def fresh(session: Session) -> tuple[list[int], dict[int, dict[str, float]]]:
    """What a session that begins anew says of what waits."""
    session.keep(making.KEPT, dict).clear()
    return told(session)


def told(session: Session) -> tuple[list[int], dict[int, dict[str, float]]]:
    shown = done(session, "suggestions", order="time", limit=1000, settle=True)
    return shown["order"], {row["id"]: dict(row["likeliest"]) for row in shown["rows"]}


def agrees(session: Session) -> None:
    """The state that was kept says what one made anew says, to a thousandth."""
    order, shares = told(session)
    expected_order, expected = fresh(session)
    assert order == expected_order
    for image, found in shares.items():
        assert found == pytest.approx(expected[image], abs=1e-3)

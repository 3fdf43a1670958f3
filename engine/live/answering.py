"""Who is asked while something is watched: a project as it is by now, or an exported file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import BadSetting
from engine.export.exported import Exported
from engine.export.readers import open_exported
from engine.export.readers.trial import try_first
from engine.predict.answers import answerer_of
from engine.predict.asked import Answerer, live_answerer, stricter
from engine.system.cpu import available_cores

if TYPE_CHECKING:
    from engine.session import Session

MOST_THREADS = 4
"""Small networks are no faster with more."""


def answering_of(session: Session | None, model: str, least: float) -> Callable[[], Answerer]:
    """Gives whoever is asked: a project's model as it is by now, or the exported file."""
    if not 0 <= least <= 1:
        raise BadSetting(f"The least probability lies between 0 and 1, and {least:g} does not.")
    if model or session is None:
        asked = live_answerer(opened_file(Path(model))) if model else answerer_of(session, "")
        opened = stricter(asked, least)
        return lambda: opened
    kept: dict[Any, Answerer] = {}

    def now() -> Answerer:
        key = state_of(session)
        if key not in kept:
            kept.clear()
            kept[key] = stricter(answerer_of(session, ""), least)
        return kept[key]

    return now


def opened_file(path: Path) -> Exported:
    """An exported file, all cores of which answer one frame. Raises UnusableWeights."""
    try_first(path)
    return open_exported(path, min(available_cores(), MOST_THREADS))


def state_of(session: Session) -> Any:
    """What the answers of a project hang on, read in a moment."""
    from engine.storage import catalogue, steps

    project = session.require()
    row = steps.current(project)
    names, groups = catalogue.class_names(project), catalogue.groups(project)
    return (
        row["id"] if row else 0,
        project.facts["promise"],
        tuple(names.items()),
        tuple(groups.items()),
    )

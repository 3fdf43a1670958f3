"""Who is asked while something is watched: a project as it is by now, or an exported file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.errors import BadSetting
from engine.predict.answers import Answerer, answerer_of
from engine.system.groups import Naming

if TYPE_CHECKING:
    from engine.session import Session


def answering_of(session: Session | None, model: str, least: float) -> Callable[[], Answerer]:
    """Gives whoever is asked: a project's model as it is by now, or the exported file."""
    if not 0 <= least <= 1:
        raise BadSetting(f"The least probability lies between 0 and 1, and {least:g} does not.")
    if model or session is None:
        opened = stricter(answerer_of(session, model), least)
        return lambda: opened
    kept: dict[Any, Answerer] = {}

    def now() -> Answerer:
        key = state_of(session)
        if key not in kept:
            kept.clear()
            kept[key] = stricter(answerer_of(session, ""), least)
        return kept[key]

    return now


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


def stricter(asked: Answerer, least: float) -> Answerer:
    """The same, but not sure of what is less probable than `least`."""
    if not least:
        return asked
    names, naming = asked.class_names, asked.naming
    before = (naming.least if naming else ()) or (0.0,) * len(names)
    within = naming.within if naming else ()
    now = Naming(names, within, tuple(max(one, least) for one in before))
    return replace(asked, naming=now)

"""What a person is shown of the heap: images in an order, with what they may be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.errors import Refused
from engine.heap import forecast
from engine.heap.order import ORDERS
from engine.heap.state import HeapState
from engine.results.heap import Asked, ClassesSuggested, Standing, Suggestion, Suggestions
from engine.storage import catalogue, unsorted

LIKELIEST = 9
"""As many classes as there are digits."""
SHARE = 0.2
"""Of the acts, so many ask about an image that was drawn at random, until all of them are named."""


def check_order(order: str) -> None:
    if order not in ORDERS:
        raise Refused(f"There is no order “{order}”. There are: {', '.join(ORDERS)}.")


def suggestions(
    state: HeapState, order: str = "likeness", visible: Sequence[int] = (), limit: int = 60
) -> Suggestions:
    """Images that wait, those that are `visible` first as they are, for they must not jump."""
    check_order(order)
    shown = places_in_order(state, order, visible)
    first = state.ids[shown[:limit]].tolist()
    rows = unsorted.by_id(state.project, first)
    names = catalogue.class_names(state.project)
    return {
        "order": state.ids[shown].tolist(),
        "rows": [suggestion(state, row, names) for row in rows],
        "ask": ask(state, names),
        "classes": [names[number] for number in state.classes],
        "groups": [] if state.classes else [state.ids[some].tolist() for some in state.groups()],
        "standing": standing(state),
    }


def places_in_order(state: HeapState, order: str, visible: Sequence[int] = ()) -> np.ndarray:
    found = state.ordered(order)
    stay = [state.place[number] for number in visible if number in state.place]
    still = np.array(stay, np.int64)
    still = still[np.isin(still, found)]
    return np.concatenate([still, found[~np.isin(found, still)]])


def suggestion(state: HeapState, row: dict[str, object], names: dict[int, str]) -> Suggestion:
    place = state.place[int(str(row["id"]))]
    return {**unsorted.view_of(state.project, row), "likeliest": likeliest(state, place, names)}


def likeliest(state: HeapState, place: int, names: dict[int, str]) -> list[tuple[str, float]]:
    shares = state.told[place]
    order = np.argsort(-shares, kind="stable")[:LIKELIEST]
    return [(names[state.classes[i]], float(shares[i])) for i in order]


def ask(state: HeapState, names: dict[int, str]) -> Asked | None:
    """The image to be asked about at random, when it is time for one."""
    place = due(state)
    if place is None:
        return None
    (row,) = unsorted.by_id(state.project, [int(state.ids[place])])
    choices = sorted(name for name, _ in likeliest(state, place, names))
    return {**unsorted.view_of(state.project, row), "choices": choices}


def due(state: HeapState) -> int | None:
    """The place of the next image to be asked about at random, if its time has come."""
    place = state.asked_next
    if place is None:
        return None
    done = unsorted.record(state.project)
    return place if done.at_random < SHARE * done.acts or not len(state.open) else None


def standing(state: HeapState) -> Standing:
    done = unsorted.record(state.project)
    aside = state.project.db.execute("SELECT COUNT(*) FROM unsorted WHERE aside").fetchone()[0]
    sure = sureness(state)
    others = int((state.alive & state.drawn).sum())
    keys, least = forecast.keys_left(sure, others)
    return {
        "waiting": int(state.alive.sum()),
        "aside": aside,
        "typed": done.typed,
        "accepted": done.accepted,
        "bulk": done.bulk,
        "judged": done.judged,
        "recent": done.recent,
        "recent_right": done.recent_right,
        "keys_left": keys,
        "least": least,
        "wanted": forecast.WANTED,
    }


def sureness(state: HeapState) -> np.ndarray:
    """The probability of the likeliest class of each image in `open`; 0 before there are two."""
    if len(state.classes) < 2:
        return np.zeros(len(state.open), np.float32)
    return state.told[state.open].max(axis=1)


def in_full(state: HeapState, order: str, limit: int) -> ClassesSuggested:
    """The same by path, with every class; all images where the limit is 0."""
    check_order(order)
    shown = places_in_order(state, order)[: limit or None]
    names = catalogue.class_names(state.project)
    wanted = [names[number] for number in state.classes]
    paths = {row["id"]: catalogue.displayable(row["path"]) for row in unsorted.rows(state.project)}
    by_place = [paths[int(state.ids[place])] for place in shown]
    asked = due(state)
    return {
        "suggestions": {
            path: dict(zip(wanted, map(float, state.told[place]), strict=True))
            for path, place in zip(by_place, shown, strict=True)
        },
        "order": by_place,
        "ask": None if asked is None else paths[int(state.ids[asked])],
        "groups": []
        if wanted
        else [[paths[int(state.ids[place])] for place in some] for some in state.groups()],
        "standing": standing(state),
    }

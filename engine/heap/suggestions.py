"""What a person is shown of the heap: images in an order, with what they may be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.errors import Refused
from engine.heap import forecast
from engine.heap.order import ORDERS
from engine.heap.state import HeapState
from engine.results.heap import Asked, ClassesSuggested, Standing, Suggestions
from engine.storage import catalogue, unsorted
from engine.storage.unsorted import Record

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
    places = shown[: max(0, limit)]
    rows = unsorted.by_id(state.project, state.ids[places].tolist())
    names, done = catalogue.class_names(state.project), unsorted.record(state.project)
    likely = likeliest(state, state.told[places], names)
    mates = [state.burst_of(int(place)) for place in places]
    joint = likeliest(state, together(state, mates), names)
    return {
        "order": state.ids[shown].tolist(),
        "rows": [
            {
                **unsorted.view_of(state.project, row),
                "likeliest": some,
                "burst": burst,
                "together": of_all if burst else [],
            }
            for row, some, burst, of_all in zip(rows, likely, mates, joint, strict=True)
        ],
        "ask": ask(state, names, done),
        "classes": [names[number] for number in state.classes],
        "groups": [state.ids[some].tolist() for some in groups(state, order)],
        "bursts": bursts(state),
        "standing": standing(state, done),
    }


def bursts(state: HeapState) -> list[list[int]]:
    """The ids of all that wait, have a suggestion and were taken together."""
    waits = state.alive & ~state.drawn
    found = [np.array(places)[waits[places]] for places in state.mates.values()]
    return [state.ids[places].tolist() for places in found if len(places) > 1]


def groups(state: HeapState, order: str) -> list[np.ndarray]:
    """What is alike, where that is asked for, or while there are no two classes to choose from."""
    return state.groups() if order == "groups" or len(state.classes) < 2 else []


def places_in_order(state: HeapState, order: str, visible: Sequence[int] = ()) -> np.ndarray:
    found = state.ordered(order)
    stay = [state.place[number] for number in dict.fromkeys(visible) if number in state.place]
    still = np.array(stay, np.int64)
    still = still[np.isin(still, found)]
    return np.concatenate([still, found[~np.isin(found, still)]])


def together(state: HeapState, bursts: Sequence[Sequence[int]]) -> np.ndarray:
    """Probabilities of images that were taken together and show the same, as one: the mean of
    their logarithms, for they are no independent witnesses. float32 (bursts, classes)."""
    found = np.zeros((len(bursts), len(state.classes)), np.float32)
    for row, burst in enumerate(bursts):
        if burst and len(state.classes):
            logs = np.log(np.maximum(state.told[[state.place[n] for n in burst]], 1e-12))
            shares = np.exp(logs.mean(axis=0))
            found[row] = shares / shares.sum()
    return found


def likeliest(
    state: HeapState, shares: np.ndarray, names: dict[int, str]
) -> list[list[tuple[str, float]]]:
    """From probabilities (images, classes) the likeliest classes of each; none before there are
    two."""
    if len(state.classes) < 2:
        return [[] for _ in shares]
    order = np.argsort(-shares, axis=1, kind="stable")[:, :LIKELIEST]
    sorted_shares = np.take_along_axis(shares, order, axis=1).tolist()
    known = [names[number] for number in state.classes]
    return [
        [(known[i], share) for i, share in zip(some, found, strict=True)]
        for some, found in zip(order.tolist(), sorted_shares, strict=True)
    ]


def ask(state: HeapState, names: dict[int, str], done: Record) -> Asked | None:
    """The image to be asked about at random, when it is time for one."""
    place = due(state, done)
    if place is None:
        return None
    (row,) = unsorted.by_id(state.project, [int(state.ids[place])])
    likely = [name for name, _ in likeliest(state, state.told[[place]], names)[0]]
    choices = sorted(likely or [names[number] for number in state.classes])
    return {**unsorted.view_of(state.project, row), "choices": choices}


def due(state: HeapState, done: Record) -> int | None:
    """The place of the next image to be asked about at random, if its time has come."""
    place = state.asked_next
    if place is None:
        return None
    return place if done.at_random < SHARE * done.acts or not len(state.open) else None


def standing(state: HeapState, done: Record) -> Standing:
    """How far the heap is, and about how many keys are left."""
    aside = state.project.db.execute("SELECT COUNT(*) FROM unsorted WHERE aside").fetchone()[0]
    sure = sureness(state)
    others = int((state.alive & state.drawn).sum())
    named = done.typed + done.accepted + done.bulk
    keys, least = forecast.keys_left(sure, others, named, done.doubtful, done.off_at_most)
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
    wanted = [names[number] for number in state.classes] if len(state.classes) > 1 else []
    told = state.told[:, : len(wanted)]
    paths = {row["id"]: catalogue.displayable(row["path"]) for row in unsorted.rows(state.project)}
    by_place = [paths[int(state.ids[place])] for place in shown]
    done = unsorted.record(state.project)
    asked = due(state, done)
    return {
        "suggestions": {
            path: dict(zip(wanted, told[place].tolist(), strict=True))
            for path, place in zip(by_place, shown, strict=True)
        },
        "order": by_place,
        "ask": None if asked is None else paths[int(state.ids[asked])],
        "groups": [
            [paths[int(state.ids[place])] for place in some] for some in groups(state, order)
        ],
        "standing": standing(state, done),
    }

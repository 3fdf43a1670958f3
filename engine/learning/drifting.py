"""Whether a stream's images look like those that a project knows, class by class.

Each class has a test of its features; brightness, sharpness and colour have one each over all
classes. Each alarm is raised where a martingale passes (tests / rate), so that a stream without
drift raises any with a probability of `rate` at most (see learners/drift.py, and the union bound).
That holds for each stream that is judged; of two streams, twice as often.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.events import Event, Progress
from engine.images.bursts import Shot, together
from engine.images.quality import QUALITIES, qualities
from engine.learners.drift import (
    Metric,
    beginning,
    both_sides,
    martingale,
    p_values,
    passed,
    themselves,
    unlike,
)
from engine.learners.sums import FLOAT, ClassSums, plus, rows
from engine.learning.arrivals import Arrival
from engine.learning.drift_limits import meaning, seen, sentence
from engine.results.stream import Drift, Drifts, DriftTest
from engine.storage import catalogue, learnable
from engine.storage.feature_cache import Features
from engine.storage.project import Project
from engine.system.words import plural

MOST = 300
"""So many images of a class are compared with: those with the smallest hashes."""
SHOWN = 12
SIDES = {
    "brightness": ("brighter", "darker"),
    "sharpness": ("sharper", "less sharp"),
    "colour": ("redder", "bluer"),
}
LOOKING = Progress(0, None, "Looking for drift")


@dataclass
class Known:
    """Images that the project knows: of each class features (images, width), and what quality
    their thumbnails have, float64 (images, len(QUALITIES))."""

    features: dict[str, Tensor] = field(default_factory=dict)
    quality: dict[str, np.ndarray] = field(default_factory=dict)


def known_images(
    project: Project, features: Features, before: int | None = None
) -> Generator[Event, None, Known]:
    """Some images of each class, learnt and held out, of each burst one; only those that lay there
    `before` the one numbered so and were never chosen on the Sort page, where that is said."""
    alone = (
        "" if before is None else "AND image.id < ? AND sha256 NOT IN (SELECT sha256 FROM named) "
    )
    found, chosen = Known(), defaultdict[str, list[dict[str, Any]]](list)
    bursts = set[str]()
    for row in project.db.query(
        "SELECT class.name AS class, sha256, burst, pack, thumb_at, thumb_length FROM image "
        "JOIN class ON class.id = class_id WHERE split IN ('train', 'validation') "
        f"AND NOT set_aside {alone}AND sha256 NOT IN ({learnable.CONFLICTING}) ORDER BY sha256",
        [] if before is None else [before],
    ):
        if len(chosen[row["class"]]) < MOST and row["burst"] not in bursts:
            chosen[row["class"]].append(row)
            bursts |= {row["burst"]} - {""}
    for name, some in sorted(chosen.items()):
        gone = set(features.missing(row["sha256"] for row in some))
        hashes = [row["sha256"] for row in some if row["sha256"] not in gone]
        if hashes:
            found.features[name] = rows(torch.from_numpy(features.get(hashes)))
        thumbs = [thumb for row in some if (thumb := thumb_of(project, row))]
        found.quality[name] = np.array([qualities(thumb) for thumb in thumbs]).reshape(-1, 3)
        yield LOOKING
    return found


def thumb_of(project: Project, row: Mapping[str, Any]) -> bytes:
    """An image's thumbnail out of its pack; nothing where that is damaged."""
    try:
        with project.blobs.path(row["pack"]).open("rb") as pack:
            pack.seek(row["thumb_at"])
            content = pack.read(row["thumb_length"])
    except OSError:
        return b""
    return content if len(content) == row["thumb_length"] else b""


def drifts(
    known: Known, came: Sequence[Arrival], features: Tensor, rate: float, goes_on: bool = False
) -> Generator[Event, None, Drifts]:
    """Tests images in the order of their time, features (images, views, width).

    Of a burst only the first counts: the others are like it, whatever the class. A stream that
    `goes_on` is looked at again when more came, and raises a false alarm no more often by that.
    """
    places = np.array(first_of_bursts(came))
    came, x = [came[place] for place in places], rows(features[torch.from_numpy(places)])
    names = np.array([row.name for row in came])
    classes = sorted({row.name for row in came})
    tests = len(classes) + len(QUALITIES)
    result, note = begun(tests, rate), partial(noted, goes_on)
    metrics = Metrics(known.features)
    for name in classes:
        own = np.flatnonzero(names == name)
        reference = known.features.get(name, x[:0])
        u = metrics.of(name, x.shape[1]).directions(torch.cat([reference, x[own]]))
        p = p_values(unlike(u, len(reference)), chance("class", name))
        note(result, "class", name, p, [came[i] for i in own], {name: len(reference)})
        yield LOOKING
    for index, what in enumerate(QUALITIES):
        p = np.ones(len(came))
        for name in classes:
            own = np.flatnonzero(names == name)
            mine = known.quality.get(name, np.zeros((0, len(QUALITIES))))[:, index]
            values = np.concatenate([mine, [came[i].quality[index] for i in own]])
            p[own] = p_values(themselves(values, len(mine)), chance(what, name))
        before = {name: len(known.quality.get(name, ())) for name in classes}
        note(result, what, "", p, came, before)
        yield LOOKING
    result["says"] = sentence(result)
    result["definition"] += meaning(result)
    return result


def begun(tests: int, rate: float) -> Drifts:
    """What will be told of so many tests."""
    return {
        "rate": rate,
        "bound": tests / rate,
        "definition": definition(tests, rate),
        "says": "",
        "alarms": [],
        "tests": [],
    }


def definition(tests: int, rate: float) -> str:
    """What a person reads of false alarms."""
    said = plural(tests, "test")
    return f"Without drift, {said} raise any alarm in {100 * rate:.3g} % of all streams at most."


def chance(what: str, name: str) -> np.random.Generator:
    """What breaks ties in a test of a class: the same each time."""
    return np.random.default_rng([int.from_bytes(word.encode()) for word in (what, name)])


class Metrics:
    """For each class a metric from the images of all others."""

    def __init__(self, features: Mapping[str, Tensor]) -> None:
        self.features = features
        self.numbers = {name: number for number, name in enumerate(sorted(features))}
        self.sums, self.scatter = scattered({self.numbers[n]: x for n, x in features.items()})

    def of(self, name: str, width: int) -> Metric:
        if name not in self.features:
            others, scatter = self.sums, self.scatter
        else:
            number = self.numbers[name]
            others = self.sums.without(number, len(self.features[name]))
            scatter = self.scatter - scattered({number: self.features[name]})[1]
        return Metric.of(others, scatter if others.counts else torch.zeros(width, width))


def scattered(features: Mapping[int, Tensor]) -> tuple[ClassSums, Tensor]:
    """Sums over classes, and the scatter within them."""
    sums, scatter = ClassSums(), torch.zeros(0, 0, dtype=FLOAT)
    for number, x in features.items():
        sums.add(number, len(x), x.sum(dim=0))
        scatter = plus(scatter, x - x.mean(dim=0))
    return sums, scatter


def first_of_bursts(came: Sequence[Arrival]) -> list[int]:
    """The places of images that are in no burst, or the first of theirs."""
    shots = [
        Shot(str(row.path.parent), row.camera, row.when if row.by_camera else "") for row in came
    ]
    later = {place for burst in together(shots) for place in sorted(burst)[1:]}
    return [place for place in range(len(came)) if place not in later]


def noted(
    goes_on: bool,
    result: Drifts,
    what: str,
    name: str,
    p: np.ndarray,
    came: Sequence[Arrival],
    known: Mapping[str, int],
) -> None:
    """Adds a test's outcome: how far its martingale went, what it could have seen with so many
    known images of each class, and the alarm if it passed the bound."""
    bets = p if what == "class" else both_sides(p)
    values, turn = martingale(bets, goes_on), {one: number for number, one in enumerate(known)}
    turns = tuple(turn[row.name] for row in came)
    sides = what != "class"
    entire, clear = seen(tuple(known.values()), turns, sides, goes_on, result["bound"])
    test: DriftTest = {
        "what": what,
        "class": name,
        "known": sum(known.values()),
        "images": len(came),
        "highest": float(values.max()),
        "entire": entire,
        "clear": clear,
    }
    result["tests"].append(test)
    noticed = passed(values, result["bound"])
    if noticed is not None:
        span = slice(beginning(bets[: noticed + 1]), noticed + 1)
        result["alarms"].append(alarm(what, name, p[span], came[span]))


def alarm(what: str, name: str, p: np.ndarray, came: Sequence[Arrival]) -> Drift:
    """What a person reads of a drift, with the images from its beginning until it was noticed."""
    first, last = came[0], came[-1]
    if what == "class":
        said, unusual = f"{name} looks different", p
    else:
        said = f"Images are {SIDES[what][int(p.mean() > 0.5)]}"
        unusual = both_sides(p)
    shown = np.sort(np.argsort(unusual, kind="stable")[:SHOWN])
    return {
        "what": what,
        "class": name,
        "sentence": f"{said} since {day(first.when)} ({first.path.name}).",
        "since": path_of(first),
        "since_when": first.when,
        "noticed": path_of(last),
        "noticed_when": last.when,
        "after": len(came),
        "images": [path_of(came[place]) for place in shown],
        "files": [came[place].file or str(came[place].path.absolute()) for place in shown],
    }


def path_of(row: Arrival) -> str:
    return catalogue.displayable(catalogue.stored(row.path))


def day(when: str) -> str:
    """“Tuesday, 14 March 2026”."""
    if not when:
        return "an unknown day"
    moment = datetime.fromisoformat(when)
    return f"{moment:%A}, {moment.day} {moment:%B} {moment.year}"

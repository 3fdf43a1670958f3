"""Drift of a stream: which class, since when, and apart from it how images were taken."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.learning import drifting
from engine.learning.arrivals import Arrival
from engine.learning.drifting import Known, Metrics, drifts, first_of_bursts
from tests.bench.common import finished

CLASSES, WIDTH, EACH = ("hat", "skirt", "shoe"), 8, 60
BEGIN = datetime(2026, 3, 1, 12)


def features_of(name: str, images: int, rng: np.random.Generator) -> torch.Tensor:
    """Images of a class about its own middle."""
    middle = 3 * np.random.default_rng(CLASSES.index(name)).normal(size=WIDTH)
    return torch.from_numpy(middle + rng.normal(size=(images, WIDTH))).float()


def known_of(rng: np.random.Generator) -> Known:
    features = {name: features_of(name, EACH, rng).double() for name in CLASSES}
    return Known(features, {name: qualities_of(EACH, rng) for name in CLASSES})


def qualities_of(images: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal((0.5, -2, 0), (0.1, 0.3, 0.05), (images, 3))


def stream(rng: np.random.Generator, images: int = 60) -> tuple[list[Arrival], torch.Tensor]:
    """One class after the other in turn, an image a day."""
    rows, x = [], []
    for number in range(images):
        name, when = CLASSES[number % 3], str(BEGIN + timedelta(days=number))
        quality = tuple(qualities_of(1, rng)[0].tolist())
        path = Path("/images") / name / f"{number:03}.jpg"
        rows.append(Arrival(path, name, f"{number:064x}", when, True, "camera", quality))
        x.append(features_of(name, 1, rng))
    return rows, torch.cat(x)[:, None]


def changed(row: Arrival, **facts: object) -> Arrival:
    return Arrival(**{**row.__dict__, **facts})


def test_nothing_is_said_without_drift() -> None:
    rng = np.random.default_rng(0)
    found = finished(drifts(known_of(rng), *stream(rng), 0.05))
    assert found["alarms"] == []
    assert found["bound"] == 6 / 0.05
    assert [(t["what"], t["class"]) for t in found["tests"][:3]] == [
        ("class", name) for name in sorted(CLASSES)
    ]
    assert [t["what"] for t in found["tests"][3:]] == ["brightness", "sharpness", "colour"]
    assert [(t["known"], t["images"]) for t in found["tests"]] == [(60, 20)] * 3 + [(180, 60)] * 3
    assert all(t["highest"] < 120 for t in found["tests"])


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (0, "No drift was found. Nothing was known of hat: these images are compared with"),
        (4, "No drift was found. With 4 known and 60 new images no change of hat would show. "),
        (60, "No drift was found. With 60 known and 60 new images only large changes of hat show"),
    ],
)
def test_what_few_images_could_not_show_is_said(known: int, said: str) -> None:
    """Of one class, with fewer or more known images of it."""
    rng = np.random.default_rng(8)
    rows, x = stream(rng, 180)
    hats = [place for place, row in enumerate(rows) if row.name == "hat"]
    before = known_of(rng)
    before.features["hat"] = features_of("hat", known, rng).double()
    before.quality["hat"] = qualities_of(known, rng)
    found = finished(drifts(before, [rows[i] for i in hats], x[hats], 0.05))
    assert found["says"].startswith(said)
    assert ("more than a standard deviation" in found["definition"]) == (known == 60)


def test_many_images_bear_witness() -> None:
    rng = np.random.default_rng(9)
    rows, x = stream(rng, 180)
    known = Known(
        {name: features_of(name, 300, rng).double() for name in CLASSES},
        {name: qualities_of(300, rng) for name in CLASSES},
    )
    found = finished(drifts(known, rows, x, 0.05))
    assert (found["says"], found["alarms"]) == ("No drift was found.", [])


def test_the_class_that_changed_is_named_with_its_day_and_images() -> None:
    rng = np.random.default_rng(1)
    known, (rows, x) = known_of(rng), stream(rng)
    skirts = [i for i, row in enumerate(rows) if row.name == "skirt"][8:]
    x[skirts] = features_of("shoe", len(skirts), rng)[:, None]
    found = finished(drifts(known, rows, x, 0.05))
    (alarm,) = found["alarms"]
    assert (alarm["what"], alarm["class"]) == ("class", "skirt")
    begun = next(i for i, row in enumerate(rows) if str(row.path) == alarm["since"])
    assert abs(skirts.index(begun) if begun in skirts else -1) <= 2
    when = BEGIN + timedelta(days=begun)
    day = f"{when:%A}, {when.day} March 2026" if when.month == 3 else f"{when:%A}, {when.day} April"
    assert alarm["sentence"].startswith(f"skirt looks different since {day}")
    assert rows[begun].path.name in alarm["sentence"]
    assert 2 <= alarm["after"] == len(alarm["images"]) < 12
    assert alarm["images"] == sorted(alarm["images"])
    assert alarm["images"][-1] == alarm["noticed"]
    assert all(Path(path).parent.name == "skirt" for path in alarm["images"])


@pytest.mark.parametrize(
    ("index", "by", "said"),
    [(0, -0.25, "darker"), (0, 0.25, "brighter"), (1, -1, "less sharp"), (2, 0.15, "redder")],
)
def test_how_images_are_taken_is_apart_from_their_class(index: int, by: float, said: str) -> None:
    rng = np.random.default_rng(2)
    known, (rows, x) = known_of(rng), stream(rng, 90)
    for place in range(30, 90):
        quality = list(rows[place].quality)
        quality[index] += by
        rows[place] = changed(rows[place], quality=tuple(quality))
    (alarm,) = finished(drifts(known, rows, x, 0.05))["alarms"]
    assert alarm["what"] == ("brightness", "sharpness", "colour")[index]
    assert alarm["class"] == ""
    assert alarm["sentence"].startswith(f"Images are {said} since ")
    assert abs(int(Path(alarm["since"]).stem) - 30) <= 6
    assert int(Path(alarm["noticed"]).stem) < 50


def test_one_class_may_come_more_often_than_another() -> None:
    """Classes that differ in brightness come one after the other: no image of any class changed."""
    rng = np.random.default_rng(3)
    known, (rows, x) = known_of(rng), stream(rng)
    known.quality["hat"] += (0.4, 0, 0)
    rows = [
        changed(row, quality=(row.quality[0] + 0.4 * (row.name == "hat"), *row.quality[1:]))
        for row in rows
    ]
    order = sorted(range(len(rows)), key=lambda i: rows[i].name)
    found = finished(drifts(known, [rows[i] for i in order], x[order], 0.05))
    assert found["alarms"] == []


def test_of_a_burst_only_the_first_counts() -> None:
    rows, _ = stream(np.random.default_rng(4), 6)
    one = rows[0]
    same = [changed(one, when=str(BEGIN + timedelta(seconds=s))) for s in (0, 20, 70)]
    apart = changed(one, when=str(BEGIN + timedelta(seconds=200)))
    other = changed(one, when=same[1].when, camera="another")
    by_file = changed(one, when=same[1].when, by_camera=False)
    assert first_of_bursts([*same, apart, other, by_file]) == [0, 3, 4, 5]


def test_a_class_is_measured_by_the_others_alone() -> None:
    rng = np.random.default_rng(5)
    known = known_of(rng)
    metric = Metrics(known.features).of("hat", WIDTH)
    others = Metrics({n: x for n, x in known.features.items() if n != "hat"}).of("hat", WIDTH)
    torch.testing.assert_close(metric.middle, others.middle)
    torch.testing.assert_close(metric.lower, others.lower)
    alone = Metrics({"hat": known.features["hat"]}).of("hat", WIDTH)
    torch.testing.assert_close(alone.lower, torch.eye(WIDTH, dtype=torch.float64))


def test_a_project_that_knows_nothing_is_compared_with_the_stream_itself() -> None:
    rows, x = stream(np.random.default_rng(6), 30)
    found = finished(drifts(Known(), rows, x, 0.05))
    assert found["alarms"] == []
    assert {t["known"] for t in found["tests"]} == {0}


def test_days_are_said_in_words() -> None:
    assert drifting.day("2026-03-14 08:00:00") == "Saturday, 14 March 2026"
    assert drifting.day("") == "an unknown day"

"""A project of many images: what is asked of it costs as much as with few, counted and not timed.

The same is asked of 5,000 and of 20,000 images in as many classes, and SQLite's own steps are
counted: an instruction of its machine each, whatever the processor.
"""

from __future__ import annotations

import os
import pickle
import random
import shutil
import tracemalloc
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine.jobs import run
from engine.learners import LEARNERS, confidence
from engine.learning import scoring
from engine.learning.material import LearningData, put_together
from engine.session import Session
from engine.storage import catalogue, feature_cache, listing
from engine.storage.feature_cache import Features
from engine.storage.listing import Asked
from engine.storage.project import Project
from engine.storage.schema import COUNTED, IN_SEVERAL
from engine.storage.snapshot import project_view
from tests.helpers.many_rows import KEY, many_images
from tests.helpers.project_rows import everything

FEW, MANY, CLASSES = 5_000, 20_000, 50
STEPS = 100
"""SQLite tells of so many steps at once."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Project]]:
    folder = tmp_path_factory.mktemp("many")
    made = [many_images(folder / str(rows), rows, CLASSES) for rows in (FEW, MANY)]
    yield made[0], made[1]
    for project in made:
        project.close()


def steps(project: Project, work: Callable[[], object]) -> int:
    """How many steps SQLite takes for some work, to the next STEPS."""
    counted = [0]

    def count() -> int:
        counted[0] += 1
        return 0

    project.db.conn.set_progress_handler(count, STEPS)
    try:
        work()
    finally:
        project.db.conn.set_progress_handler(None, 0)
    return counted[0] * STEPS


def view(project: Project) -> object:
    return project_view(project, "cpu", "network", str)


def a_page(project: Project, order: np.ndarray) -> object:
    middle = len(order) // 2
    return listing.page_of(project, len(order), order[middle : middle + 256].tolist())


def moved_and_back(project: Project) -> None:
    with project.gesture("Move") as gesture:
        catalogue.move(project, gesture, [3, 4, 5], "class 0007")
    project.take_back(look=lambda: view(project))


CHEAP: dict[str, Callable[[Project], object]] = {
    "snapshot": view,
    "fingerprints": catalogue.fingerprints,
    "first page": lambda p: listing.first_of(p, Asked(), 256),
    "first page of the newest": lambda p: listing.first_of(p, Asked(sort="date"), 256),
    "moved and undone": moved_and_back,
}


@pytest.mark.parametrize("what", CHEAP)
def test_what_is_asked_after_each_act_takes_no_more_steps_with_more_images(pair, what):
    few, many = (steps(project, lambda p=project: CHEAP[what](p)) for project in pair)
    assert 0 < many <= 1.3 * few + 2 * STEPS


def test_a_page_from_the_middle_is_read_by_its_images(pair):
    orders = [listing.order_of(project, Asked()) for project in pair]
    few, many = (
        steps(project, lambda p=project, o=order: a_page(p, o))
        for project, order in zip(pair, orders, strict=True)
    )
    assert many <= 1.3 * few + 2 * STEPS
    assert len(a_page(pair[1], orders[1])["rows"]) == 256


def test_the_snapshot_does_not_grow_with_the_images(pair):
    few, many = (len(pickle.dumps(view(project))) for project in pair)
    assert abs(many - few) < 500  # of the path's name, and of numbers with a digit more


def test_features_of_a_class_are_found_without_the_others(pair):
    asked = []
    for project in pair:
        some = catalogue.to_learn(project).train[9][:80]
        asked.append(steps(project, lambda p=project, s=some: Features(p, KEY)._rows(s)))
    assert asked[1] <= 1.3 * asked[0] + 2 * STEPS


# Learning.


class Watched:
    """Features that note how many are asked for at once."""

    def __init__(self, project: Project) -> None:
        self.features = Features(project, KEY)
        self.key, self.moments, self.most = KEY, 0, 0
        self.missing = self.features.missing

    def get(self, hashes: list[str]) -> np.ndarray:
        self.most = max(self.most, len(hashes))
        return self.features.get(hashes)


def learnt(project: Project) -> tuple[bool, int, float]:
    """Learns and judges all; whether no more features were asked for at once than those of the
    sample, the peak of memory beyond what was there, and the accuracy."""
    watched, learner = Watched(project), LEARNERS.make("ncm")
    data = LearningData(watched, catalogue.to_learn(project))
    sample = data.sample()
    watched.most = 0
    tracemalloc.start()
    for _ in learner.learn(data.task()):
        pass
    row, answers, _ = scoring.judge(project, NETWORK, learner, data, sample)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(answers["images"]) == len(set(answers["images"].tolist()))
    return watched.most <= len(sample[1]), peak, row["scores"]["accuracy"]


NETWORK = SimpleNamespace(name="drawn", digest="0" * 64)


def test_learning_holds_the_features_of_few_images_at_once(tmp_path, monkeypatch):
    """Four times the images: the features of all would be four times as many."""
    monkeypatch.setattr(confidence, "MOST", CLASSES * 400)
    monkeypatch.setattr(confidence, "PART", 1000)
    peaks = []
    for rows in (FEW, MANY):
        with closing(many_images(tmp_path / str(rows), rows, CLASSES)) as project:
            few_at_once, peak, accuracy = learnt(project)
            assert few_at_once
            assert accuracy > 0.9
            peaks.append(peak)
    added = (MANY - FEW) * 64 * 4  # bytes of float32
    assert peaks[1] - peaks[0] < added / 2


def test_features_in_many_small_packs_become_few_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, "MANY", 10)
    monkeypatch.setattr(feature_cache, "PACK", 100)
    with closing(many_images(tmp_path / "many", 640, 4)) as project:
        features, split = Features(project, KEY), catalogue.to_learn(project)
        hashes = [*split.train[3], *split.validation[1]]
        before, files = features.get(hashes), list(project.blobs.files())
        with project.gesture("Part") as gesture:  # what other images have stays with them
            catalogue.remove(project, gesture, [1, 2])
        for event in put_together(features):
            assert event.total == 640
        np.testing.assert_array_equal(features.get(hashes), before)
        assert len(features.all()) == 640
        assert len(list(project.blobs.files())) == len(files) - 10 + 1
        _, places = zip(*features._rows(list(split.train[3])).values(), strict=True)
        assert sorted(places) == list(range(min(places), min(places) + len(places)))
        assert features.small() == set()
        assert list(put_together(features)) == []


def test_how_sure_a_head_is_follows_from_a_part_of_the_images():
    rng = torch.Generator().manual_seed(0)
    places = torch.arange(6000) % 6
    logits = 3 * torch.randn(6000, 6, generator=rng)
    logits[torch.arange(6000), places] += 4
    few = confidence.evenly(6000, 2000)
    assert len(few) == 2000
    assert len(confidence.evenly(15, 4)) == 8
    part = confidence.temperature(logits[few], places[few])
    assert part == pytest.approx(confidence.temperature(logits, places), rel=0.05)


def test_parts_give_the_temperature_of_all(monkeypatch):
    rng = torch.Generator().manual_seed(1)
    logits, places = torch.randn(900, 5, generator=rng), torch.arange(900) % 5
    logits[torch.arange(900), places] += 1.5
    whole = confidence.temperature(logits, places)
    monkeypatch.setattr(confidence, "PART", 64)
    assert confidence.temperature(logits, places) == pytest.approx(whole, rel=1e-9)


# What is counted as it changes.


def counts_of(project: Project) -> list[list[tuple]]:
    asked = ("SELECT * FROM tally", COUNTED, "SELECT * FROM shared", IN_SEVERAL)
    return [sorted(project.db.execute(question)) for question in asked]


def other_act(project: Project, rng: random.Random, number: int) -> None:
    """Something that a person may do to some images or classes."""
    ids = [i for (i,) in project.db.execute("SELECT id FROM image")]
    names = list(catalogue.class_names(project).values())
    some = rng.sample(ids, min(len(ids), 7))
    with project.gesture(f"Act {number}") as gesture:
        match rng.choice(["move", "split", "remove", "class", "twice", "rename"]):
            case "move":
                catalogue.move(project, gesture, some, rng.choice(names))
            case "split":
                catalogue.set_split(project, gesture, some, "validation")
            case "remove":
                catalogue.remove(project, gesture, some)
            case "class" if len(names) > 3:
                catalogue.remove_class(project, gesture, rng.choice(names))
            case "rename":
                catalogue.rename(project, gesture, names[0], f"{names[0]} {number}")
            case _:
                with project.transaction(gesture) as db:
                    columns = ",".join(c.name for c in db["image"].columns[2:])
                    db.execute(
                        f"INSERT OR IGNORE INTO image (class_id, {columns}) SELECT "
                        f"(SELECT MAX(id) FROM class), {columns} FROM image WHERE id IN (?, ?)",
                        some[:2],
                    )


@pytest.mark.parametrize("seed", range(3))
def test_counts_and_what_lies_in_several_classes_follow_every_act_undone_or_not(tmp_path, seed):
    rng, known, last = random.Random(seed), {}, -1
    with closing(many_images(tmp_path / "many", 240, 8)) as project:
        for number in range(30):
            before = listing.changes(project)
            verb = rng.choice(["act", "act", "undo", "redo"])
            there = project.gestures(undone=verb == "redo")
            if verb == "act" or not there:
                other_act(project, rng, number)
            else:
                project.take_back(redo=verb == "redo")
            tally, counted, shared, several = counts_of(project)
            assert tally == counted
            assert shared == several
            state = everything(project)
            shown = pickle.dumps((state["class"], state["image"]))
            assert known.setdefault(listing.changes(project), shown) == shown
            last = max(last, before)
        assert listing.changes(project) > last


# Lists.


NAMES = ("IMG_1.jpg", "img%2.JPG", "Straße.png", "STRASSE 5.png", "İzmir.png", "kelvin \u212a.png")
WORDS = (
    "img",
    "IMG_1",
    "%",
    "_",
    "strasse",
    "straße",
    "ss",
    "k",
    "i",
    "class 0001",
    "1 class",
    "\\",
)


@pytest.mark.parametrize("words", WORDS)
def test_a_search_finds_what_each_name_says(tmp_path, words):
    with closing(many_images(tmp_path / "many", 36, 3)) as project:
        names = [*NAMES, b"bytes \xff IMG.png", "back\\slash.png"]
        with project.transaction() as db:
            for at, name in enumerate(names):
                path = b"/a/" + name if isinstance(name, bytes) else f"/img/{name}"
                db.execute("UPDATE image SET path = ? WHERE id = ?", [path, 3 * at + 1])
        wanted = [
            row["id"]
            for row in project.db.query(
                "SELECT image.id, path, name FROM image JOIN class ON class.id = class_id "
                "ORDER BY class_id, image.id"
            )
            if all(
                word in f"{Path(os.fsdecode(row['path'])).name} {row['name']}".casefold()
                for word in words.casefold().split()
            )
        ]
        assert listing.order_of(project, Asked(search=words)).tolist() == wanted
        assert 0 < len(wanted) < 36 or words in ("k", "ss")


def test_pages_from_the_start_and_from_the_whole_order_are_one_list(pair):
    project = pair[0]
    for asked in (Asked(), Asked(sort="date"), Asked("class 0003"), Asked(split="validation")):
        total, first = listing.first_of(project, asked, 300)
        order = listing.order_of(project, asked)
        assert (total, first) == (len(order), order[:300].tolist())
    for asked in (Asked(sort="name"), Asked(search="img")):
        assert listing.first_of(project, asked, 300) is None


def test_a_list_that_was_read_is_not_read_again_until_something_changes(tmp_path, monkeypatch):
    read = []
    real = listing.order_of
    monkeypatch.setattr(listing, "order_of", lambda *given: read.append(given) or real(*given))
    session = Session()
    session.project = many_images(tmp_path / "many", 600, 6)
    with closing(session):
        asked = {"offset": 100, "limit": 20}

        def page() -> list[int]:
            *_, ended = run(session, "images", asked)
            return [row["id"] for row in ended.result["rows"]]

        assert page() == page() == list(range(101, 121))
        assert len(read) == 1
        *_, ended = run(session, "image_ids", {"runs": [(0, 1), (100, 102)], "total": 600})
        assert array("q", ended.result["ids"]).tolist() == [1, 2, 101, 102, 103]
        assert len(read) == 1
        moved_and_back(session.project)
        assert page() == list(range(101, 121))
        assert len(read) == 2


def test_of_a_project_made_anew_at_the_same_place_no_list_of_before_is_shown(tmp_path):
    path = tmp_path / "many.espalier"
    with closing(Session()) as session:
        totals = []
        for count in (300, 200):
            project = many_images(path, count, 2)
            with project.transaction() as db:
                db.execute("UPDATE listed SET changes = 7")
            project.close()
            session.open(path)
            *_, ended = run(session, "images", {"offset": 1, "limit": 20})
            totals.append(ended.result["total"])
            session.close()
            shutil.rmtree(path)
        assert totals == [300, 200]

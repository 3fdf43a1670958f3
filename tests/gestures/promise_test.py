"""A person promises how many answers are wrong at most: every door keeps it, and says "not sure".

Of three classes the second lies nearest to the others, so that its answers are the least sure.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.session import Session
from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, refused
from tests.helpers.projects import done
from tests.helpers.projects import refused as job_refused
from tests.helpers.window import Person

HUES = {"moth": 0.0, "snail": 0.33, "wasp": 0.55}
TRAIN, HELD = 16, 40
UNSURE = "not sure"


@pytest.fixture(scope="module")
def folder(home: Path) -> Path:
    """Class folders, most of their images to test by."""
    for split, count, seed in (("train", TRAIN, 0), ("validation", HELD, 1)):
        for name, hue in HUES.items():
            image_files.class_folder(home / "all" / split, name, count, hue, seed)
    return home / "all"


@pytest.fixture(scope="module")
def project(home: Path, folder: Path) -> Path:
    path = home / "p.espalier"
    weights = image_files.weights(home / "few operations.safetensors", "squeezenet1_1")
    answered(home, "new", path, "--weights", weights, "--size", 48, "--features", "stages")
    answered(home, "learn", path, folder)
    return path


def rows(home: Path, model: Path, images: Path, to: Path) -> dict[str, dict[str, str]]:
    """The table of `espalier predict`, by path."""
    answered(home, "predict", model, images, "--csv", to, "--overwrite")
    with to.open(encoding="utf-8", newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def test_too_few_images_are_said_with_how_many_are_missing(home, project) -> None:
    said = refused(home, "promise", project, "1%")
    right = answered(home, "promise", project)["curve"][-1]
    assert "it takes about 300 test images that are answered right" in said
    count = round(3 * HELD * right["answered"] * (1 - right["wrong"]))
    assert f"there are {count}: {300 - count} more." in said
    assert "stays as it was" in said
    assert answered(home, "promise", project)["rate"] == 0
    for wrong in ("much", "-1", "nan", "60%"):
        assert refused(home, "promise", project, "--", wrong)


def test_a_promise_is_kept_by_the_table_and_the_folders(home, project, folder, tmp_path) -> None:
    before = rows(home, project, folder / "validation", tmp_path / "t.csv")
    assert UNSURE not in {row["known"] for row in before.values()}
    told = answered(home, "promise", project, "5 %")
    assert (told["rate"], told["said"][:10]) == (0.05, "At most 5 ")
    now = answered(home, "promise", project)["now"][0]
    assert now["images"] == 3 * HELD
    assert 0 < now["answers"] < now["images"]

    found = rows(home, project, folder / "validation", tmp_path / "t.csv")
    given = [row for row in found.values() if row["known"] == "known"]
    assert len(given) == now["answers"]
    wrong = sum(row["class"] != Path(row["path"]).parent.name for row in given)
    assert wrong == now["wrong"]
    assert wrong <= 0.05 * len(given)
    unsure = {path for path, row in found.items() if row["known"] == UNSURE}
    assert unsure

    said = answered(home, "predict", project, folder / "validation")
    assert {path for path, answer in said.items() if "reason" in answer} == unsure
    lines = espalier(home, "predict", project, folder / "validation").stdout.splitlines()
    assert {line.partition(": ")[0] for line in lines if f": {UNSURE}: " in line} == unsure

    to = tmp_path / "sorted"
    sorted_into = answered(home, "sort", project, folder / "validation", "--to", to)["folders"]
    assert sorted_into[UNSURE] == len(unsure) == len(list((to / UNSURE).iterdir()))
    known = answered(
        home, "sort", project, folder / "validation", "--to", tmp_path / "k", "--known-only"
    )
    assert sum(known["folders"].values()) == len(given)
    assert len(unsure) in known["left_out"].values()


@pytest.mark.parametrize("name", ["onnx", "safetensors"])
def test_an_export_promises_it_too_and_its_receipt_proves_it(
    home, project, folder, tmp_path, name
) -> None:
    answered(home, "promise", project, "5%")
    here = rows(home, project, folder / "validation", tmp_path / "t.csv")
    path = tmp_path / f"m.{name}"
    receipt = answered(home, "export", project, "--to", path, "--format", name)
    there = rows(home, path, folder / "validation", tmp_path / "t.csv")
    by_file = Counter(row["known"] for row in there.values())
    assert by_file == Counter(row["known"] for row in here.values())
    lines = dict(receipt["summary"])
    given = [row for row in there.values() if row["known"] == "known"]
    wrong = sum(row["class"] != Path(row["path"]).parent.name for row in given)
    assert lines["Promise"].startswith("at most 5 % of the answers are wrong")
    assert f"{len(given)} of {3 * HELD} held-out images get one from the file" in lines["Promise"]
    assert f"{wrong} {'is' if wrong == 1 else 'are'} wrong" in lines["Promise"]
    card = (tmp_path / receipt["papers"]["card"]).read_text("utf-8")
    assert "at most 5 % of its answers are wrong" in card
    some = sorted(there)[::7]
    script = subprocess.run(
        [sys.executable, path.with_suffix(".py"), *some],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    for line, file in zip(script.stdout.splitlines(), some, strict=True):
        row = there[file]
        wanted = row["class"] if row["known"] == "known" else row["known"]
        assert line.split("\t")[2] == wanted


def test_it_is_undone_and_a_promise_that_lapses_gives_no_answer_and_no_export(
    home, project, folder, tmp_path
) -> None:
    answered(home, "promise", project, "off")
    session = Session()
    done(session, "open_project", path=str(project))
    done(session, "set_promise", rate=0.05)
    assert session.view().promise == 0.05
    done(session, "undo")
    assert session.view().promise == 0
    done(session, "redo")
    image = str(folder / "validation" / "moth" / "000.jpg")
    assert done(session, "predict_images", paths=[image])["pictures"][image]["sure"]

    rows = session.require().db.query("SELECT id FROM image WHERE split = 'validation'")
    held = [row["id"] for row in rows]
    done(session, "remove_images", images=held[5:])
    lapsed = done(session, "promise")
    assert (lapsed["rate"], lapsed["images"], lapsed["now"][0]["kept"]) == (0.05, 5, False)
    told = done(session, "predict_images", paths=[image])["pictures"][image]
    assert (told["known"], told["sure"]) == (True, False)
    path = tmp_path / "m.onnx"
    assert "nothing was exported" in job_refused(session, "export", path=str(path))
    assert not path.exists()
    done(session, "undo")
    assert done(session, "promise")["now"][0]["kept"]
    session.close()


def test_json_is_all_that_the_window_shows(home, project) -> None:
    answered(home, "promise", project, "off")
    view = json.loads(espalier(home, "promise", project, "--json").stdout)
    assert [choice["rate"] for choice in view["choices"]] == [0.01, 0.02, 0.05]
    shares = [point["answered"] for point in view["curve"]]
    assert shares == sorted(set(shares))
    assert all(point["wrong"] < point["most"] for point in view["curve"])
    assert view["classes"] == view["now"] == []


def types(person: Person, page: Any, text: str) -> None:
    """A promise of one's own, as a person types it."""
    person.sees(page.choice.isVisible)
    page.choice.setFocus()
    page.choice.lineEdit().selectAll()
    QTest.keyClicks(page.choice.lineEdit(), text)


def test_in_the_window_it_is_chosen_read_in_the_plot_and_kept(
    person: Person, home: Path, project: Path, folder: Path, tmp_path: Path
) -> None:
    answered(home, "promise", project, "5%")
    said = answered(home, "promise", project)["now"][0]
    table = rows(home, project, folder / "validation", tmp_path / "t.csv")
    image = next(file for file, row in table.items() if row["known"] == UNSURE)
    answered(home, "promise", project, "off")
    path = Path(shutil.copytree(project, tmp_path / "p.espalier"))
    person.waits_for(lambda: person.window.bridge.submit("open_project", path=str(path)))
    card = person.page("Learn").scores.promise
    person.sees(lambda: card.plot.has_figures() and card.choice.currentText() == "off")
    assert card.said.text() == "Every answer is given, however unsure."
    assert [s.name for s in card.plot.series] == ["wrong", "at most, 95 % certain"]

    types(person, card, "1")
    ended = person.waits_for(lambda: QTest.keyClick(card.choice, Qt.Key.Key_Return))
    assert ended.how == "refused"
    assert "it takes about 300 test images" in card.said.text()
    assert card.choice.currentText() == "off"

    types(person, card, "much")
    QTest.keyClick(card.choice, Qt.Key.Key_Return)
    assert card.said.text().startswith("“much” is no share of answers.")

    ended = person.waits_for(lambda: pick(card.choice, "5 %"))
    assert ended.how == "done", ended.text
    person.sees(lambda: len(card.plot.series) == 4)
    assert (person.project.promise, card.choice.currentText()) == (0.05, "5 %")
    assert card.said.text() == said["said"]
    level, mark = card.plot.series[2:]
    assert level.points == ((0, 5), (100, 5))
    assert mark.points[0][0] == pytest.approx(100 * said["answers"] / said["images"])
    card.plot.read(mark.points[0][0])
    assert card.plot.said()[0] == f"{mark.points[0][0]:.0f} % answered"
    assert card.plot.table()[0][:2] == ["answered, %", "wrong (%)"]

    page = person.page("Try")
    page.try_paths([image])
    person.sees(lambda: page.verdict.text() == "Not sure")
    assert "At most 5 % of the answers may be wrong" in page.reason.text()
    assert page.bars.accessibleDescription().startswith("Not sure which. ")
    # The same image gets an answer as soon as nothing is promised.
    person.waits_for(lambda: person.presses("Ctrl+Z"))
    person.sees(lambda: page.verdict.text() in HUES)


def pick(box: Any, text: str) -> None:
    """Chooses a line of a list, as a click on it does."""
    box.setCurrentIndex(box.findText(text))
    box.activated.emit(box.currentIndex())

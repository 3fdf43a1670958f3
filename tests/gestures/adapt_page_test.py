"""A person adapts the network on the Tune page to images that have no classes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from tests.app.test_accessible import complaints
from tests.gestures.tune_page_test import lines, types
from tests.helpers import image_files
from tests.helpers.window import Person, texts

FEW = {"lr": 2e-5, "batch": 4, "epochs": 2.0}


def without_classes(person: Person) -> object:
    page = person.page("Tune")
    person.sees(lambda: page.form.way.buttons and page.form.way.buttons["without"].isVisible())
    person.presses("Alt+Z")
    person.sees(page.form.source.isVisible)
    return page


def test_a_person_adapts_to_a_folder_and_sees_what_came_of_it(
    learnt: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        image_files.image(tmp_path / "found" / f"{number}.jpg", number)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "found"))
    page = without_classes(learnt)
    form = page.form
    assert form.choices["method"].isVisible()
    assert not form.choices["tuner"].isVisible()
    assert form.choices["schedule"].currentData() == "last_stages"
    assert "images" not in form.values, "it has a control of its own"
    assert complaints(page) == []

    learnt.presses("Alt+G")
    learnt.sees(form.source.choice.hasFocus)
    QTest.keyClick(form.source.choice, Qt.Key.Key_End)
    form.source.choice.activated.emit(form.source.choice.currentIndex())
    assert form.source.choice.currentText() == "found"
    types(learnt, **FEW)
    learnt.sees(lambda: "4 steps on 8 images" in form.time.text())

    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+Return"))

    assert ended.how == "done", ended.text
    learnt.sees(lambda: page.table.runs.rows and page.card.comparison.isVisible())
    run = page.table.run(1)
    assert (run["tuner"], run["schedule"]) == ("vicreg", "last_stages")
    assert run["settings"]["images"] == str(tmp_path / "found")
    learnt.sees(lambda: len(lines(page.watch.loss)["train"]) == 2)
    assert "collapsed" not in texts(page.card)

    learnt.presses("Alt+Q")
    learnt.sees(lambda: not form.source.isVisible())
    learnt.presses("Ctrl+R")
    learnt.sees(lambda: form.way.name == "without")
    assert form.source.value == str(tmp_path / "found")
    assert form.values["batch"] == 4


def test_an_adapting_run_is_paused_and_gone_on_with(learnt: Person) -> None:
    page = without_classes(learnt)
    types(learnt, **{**FEW, "epochs": 60.0})
    learnt.presses("Ctrl+Return")
    learnt.sees(lambda: page.live.running and page.live.curves.epochs)
    learnt.sees(page.card.pause_button.isVisible)
    assert "Spread of the outputs" in texts(page.card)
    learnt.presses("Ctrl+Shift+P")
    learnt.sees(page.card.resume_button.isVisible)
    done = page.table.run(1)["epochs_done"]
    assert done >= 1
    learnt.presses("Ctrl+Shift+E")
    learnt.sees(page.card.comparison.isVisible)
    assert page.table.run(1)["state"] in ("done", "adopted")

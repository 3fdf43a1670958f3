"""A person's network comes in one size: it is made elastic, searched for a speed, and narrowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog

from app.pages.specialise.form import SearchForm
from engine.events import Ended
from tests.helpers.image_files import class_folders, weights
from tests.helpers.window import Person, drop, texts, urls

SIZE = 64
PATIENT = 600_000


@pytest.fixture
def narrowable(person: Person, tmp_path: Path) -> Person:
    """A person whose project learnt three classes with a network that can be narrowed."""
    net = str(weights(tmp_path / "net.safetensors", "mobilenet_v3_small"))
    path = str(tmp_path / "mine.espalier")
    submit = person.window.bridge.submit
    ended = person.waits_for(lambda: submit("new_project", path=path, weights=net, size=SIZE))
    assert ended.how == "done", ended.text
    folders = class_folders(tmp_path / "fruit", {"apple": 20, "banana": 20, "cherry": 20})
    ended = person.waits_for(lambda: drop(person.page("Images"), urls([folders])))
    assert ended.how == "done", ended.text
    return person


def test_a_network_of_one_size_is_made_elastic_and_a_narrower_one_is_used(
    narrowable: Person, tmp_path: Path
) -> None:
    page = narrowable.page("Specialise")
    narrowable.sees(lambda: page.elastic_button.isVisible())
    said = texts(page.one_size)
    assert "This network comes in one size" in said
    assert "It can be made elastic" in said
    assert not page.search_button.isVisible()

    ended = asked(narrowable, "Ctrl+Shift+W")

    assert ended.how == "done", ended.text
    narrowable.sees(lambda: page.search_button.isVisible() and page.plot.points)
    assert page.search_button.objectName() == "primary"
    assert not page.computer.isVisible(), "nothing of this computer is to be measured"
    assert not page.form.budget.isVisible()
    assert len(page.plot.points) == len(page.form.sizes), "the whole network at each size"
    fastest, slowest = page.plot.range
    assert fastest < page.form.target.value() < slowest

    only_fewer_parameters(page.form)
    ended = asked(narrowable, "Ctrl+F")

    assert ended.how == "done", ended.text
    assert ended.result["params"] < 1.2e6
    narrowable.sees(lambda: page.subnet.chosen)
    assert page.subnet.text.full.startswith("MobileNetV3-Small, 64 pixels, ")
    assert sum(map(len, page.subnet.drawing.stages)) == 10
    assert page.news.text().startswith("Found: ")

    found, told = page.subnet.chosen["architecture"], list[str]()
    narrowable.later(lambda: agreed(narrowable, told))

    ended = asked(narrowable, "Ctrl+Shift+N")

    assert ended.how == "done", ended.text
    assert "learns to see in your" in told[0]
    assert "second" in told[0] or "minute" in told[0]
    narrowable.sees(lambda: page.subnet.chosen)
    page.plot.picked.emit(found)
    narrowable.sees(lambda: page.subnet.chosen and page.subnet.chosen["architecture"] == found)

    ended = asked(narrowable, "Ctrl+U")

    assert ended.how == "done", ended.text
    assert narrowable.project.backbone_title == "MobileNetV3-Small, narrower"
    narrowable.sees(lambda: page.plot.in_use == ended.result["architecture"])
    assert not page.fold.isVisible(), "it was narrowed for all classes"
    plum = class_folders(tmp_path / "more", {"plum": 12})
    narrowable.waits_for(lambda: drop(narrowable.page("Images"), urls([plum])))
    narrowable.page("Specialise")
    narrowable.sees(lambda: page.fold.isVisible())
    assert "narrowed before plum came" in page.fold.text.text()

    folded = asked(narrowable, "Ctrl+Shift+Y")

    assert folded.how == "done", folded.text
    narrowable.sees(lambda: not page.fold.isVisible())
    narrowable.waits_for(lambda: narrowable.presses("Ctrl+Z"))
    assert narrowable.project.backbone_title == "MobileNetV3-Small, narrower"
    narrowable.sees(lambda: page.fold.isVisible())


def agreed(person: Person, told: list[str]) -> bool:
    """Presses Train in the question, when it is there, and keeps what it said."""
    for dialog in person.window.findChildren(QDialog):
        if dialog.isVisible() and dialog.windowTitle() == "Train this network a little?":
            told.append(texts(dialog))
            QTest.keyClick(dialog, Qt.Key.Key_Return)
            return True
    return False


def only_fewer_parameters(form: SearchForm) -> None:
    """Asks for no latency, which other work here would change."""
    for size, box in form.sizes.items():
        box.setChecked(size == SIZE)
    form.target.setValue(0)
    form.limits["parameters"].setValue(1.2)


def asked(person: Person, key: str) -> Ended:
    """The end of a job that takes longer than most."""
    return person.waits_for(lambda: person.presses(key), PATIENT)

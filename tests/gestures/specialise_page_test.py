"""A person asks for a latency, looks at what was found, compares, uses and exports a subnet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.pages.specialise.page import EMPTY, UNKNOWN
from app.shell.backbones import BackboneDialog
from engine.events import Candidate
from tests.helpers.image_files import class_folders
from tests.helpers.window import Person, drop, texts, urls

SIZE = 64
"""Pixels of the network's input; subnets are also tried at three quarters and half of it."""


@pytest.fixture
def embedded(person: Person, tmp_path: Path) -> Person:
    """A person whose project learnt three classes with the embedded backbone."""
    path = str(tmp_path / "mine.espalier")
    submit = person.window.bridge.submit
    ended = person.waits_for(
        lambda: submit("new_project", path=path, backbone="embedded", size=SIZE)
    )
    assert ended.how == "done", ended.text
    folders = class_folders(tmp_path / "fruit", {"apple": 20, "banana": 20, "cherry": 20})
    ended = person.waits_for(lambda: drop(person.page("Images"), urls([folders])))
    assert ended.how == "done", ended.text
    return person


@pytest.fixture
def measured(embedded: Person) -> Person:
    """That person on the page, with this computer measured at the smallest resolution only."""
    page = embedded.page("Specialise")
    embedded.sees(lambda: page.form.isVisible())
    for size, box in page.form.sizes.items():
        box.setChecked(size == min(page.form.sizes))
    if page.plot.range is None:
        assert page.plot.empty == UNKNOWN
        assert page.measure_button.objectName() == "primary", "it is what to do first"
        assert page.search_button.objectName() == ""
        ended = embedded.waits_for(lambda: embedded.presses("Ctrl+M"))
        assert ended.how == "done", ended.text
    embedded.sees(lambda: page.plot.range)
    return embedded


@pytest.fixture
def searched(measured: Person) -> Person:
    """That person after a small search."""
    page = measured.window.pages["Specialise"]
    page.form.budget.setValue(4)
    ended = measured.waits_for(lambda: measured.presses("Ctrl+F"))
    assert ended.how == "done", ended.text
    measured.sees(lambda: page.subnet.chosen)
    return measured


def test_without_classes_the_page_says_what_to_do_first(owner: Person) -> None:
    page = owner.page("Specialise")
    assert "Learn some classes first" in texts(page)
    assert not page.search_button.isVisible()


def test_until_the_networks_are_read_the_page_says_nothing_false(learnt: Person) -> None:
    page = learnt.page("Specialise")
    assert "One moment …" in texts(page)
    assert "Learn some classes first" not in texts(page)
    learnt.sees(lambda: page.backbone_button.isVisible())
    assert "One moment …" not in texts(page)


def test_a_backbone_without_subnets_leads_to_those_that_have_some(learnt: Person) -> None:
    page = learnt.page("Specialise")
    learnt.sees(lambda: page.backbone_button.isVisible())
    said = texts(page.no_subnets)
    assert "This network comes in one size" in said
    assert "EfficientNet, EfficientNet-Lite, ResNet-50 and MobileNet can be made smaller" in said
    assert "Your images and classes stay" in said

    learnt.presses("Ctrl+Shift+B")

    learnt.sees(lambda: learnt.window.findChild(BackboneDialog))
    dialog = learnt.window.findChild(BackboneDialog)
    learnt.sees(lambda: dialog.rows.rows)
    many = [row["name"] for row in dialog.rows.rows if "many sizes" in dialog.rows.text(row, 3)]
    assert set(many) == {"embedded", "ofa_w10", "ofa_w12"}
    dialog.reject()


def test_what_is_known_of_this_computer_and_a_first_target_are_shown(measured: Person) -> None:
    page = measured.window.pages["Specialise"]
    assert re.search(r"Measured on \d+ \w+ \d{4} at \d\d:\d\d: ", page.table_news.text())
    assert page.search_button.objectName() == "primary"
    assert page.measure_button.objectName() == ""
    fastest, slowest = page.plot.range
    assert fastest < page.form.target.value() == page.plot.target < slowest
    assert page.plot.empty == EMPTY
    assert list(page.form.sizes) == [32, 48, 64]
    assert page.form.values["resolutions"] == [32]


def test_candidates_arrive_while_the_search_runs(measured: Person) -> None:
    page = measured.window.pages["Specialise"]
    events = [
        Candidate(
            "32: 33/33",
            "subnet at 32 pixels",
            1.0 + n,
            0.1,
            None,
            0.5 + 0.1 * n,
            10**6,
            10**5,
            10**5,
            10**6,
        )
        for n in range(2)
    ]

    for number, event in enumerate(events):
        measured.window.bridge.candidate.emit(1, event)
        assert len(page.plot.points) == 1, f"the same network, better known ({number})"

    assert page.plot.points["32: 33/33"].accuracy == pytest.approx(0.6)
    assert "1 network tried" in page.news.text()


def test_a_search_shows_its_networks_and_chooses_the_best(searched: Person) -> None:
    page = searched.window.pages["Specialise"]
    searched.sees(lambda: len(page.plot.points) >= 3)
    chosen = page.subnet.chosen["architecture"]
    assert page.plot.chosen == chosen in page.plot.points
    assert page.plot.points[chosen].measured is not None, "the winner is timed for real"
    assert page.subnet.drawing.isVisible()
    assert len(page.subnet.drawing.stages) == 5
    assert {name for name, *_ in page.subnet.bars.bars} == {"apple", "banana", "cherry"}
    assert "Found:" in page.news.text()
    rows = page.subnet.table.rows
    shown = {rows.index(n, 0).data(): rows.index(n, 1).data() for n in range(rows.rowCount())}
    assert shown["Resolution"] == f"{min(page.form.sizes)} px"
    assert shown["Measured"].endswith(" ms")
    assert float(shown["MACs"].split()[0]) > 0


def test_networks_are_compared_with_each_other_and_with_the_one_in_use(searched: Person) -> None:
    page = searched.window.pages["Specialise"]
    ended = searched.waits_for(lambda: searched.presses("Ctrl+Shift+M"))
    assert ended.how == "done", ended.text
    searched.sees(lambda: page.plot.landmarks)
    assert "In use" in page.plot.landmarks[-1].name
    assert page.plot.landmarks[-1].accuracy is not None
    searched.sees(lambda: page.subnet.chosen)
    first = page.subnet.chosen["architecture"]
    searched.presses("Ctrl+K")
    searched.sees(lambda: page.subnet.pinned)

    QTest.keyClick(page.plot, Qt.Key.Key_Right)
    if page.plot.chosen == first:
        QTest.keyClick(page.plot, Qt.Key.Key_Left)

    searched.sees(lambda: page.subnet.chosen["architecture"] != first)

    assert page.plot.pinned == first != page.plot.chosen
    assert page.subnet.other.isVisible()
    assert page.subnet.drawing.isVisible()
    rows = page.subnet.table.rows
    assert rows.columnCount() == 4
    assert "apple (%)" in {rows.index(n, 0).data() for n in range(rows.rowCount())}
    searched.presses("Ctrl+K")
    searched.sees(lambda: not page.subnet.other.isVisible())


def test_an_impossible_target_is_refused_with_what_is_possible(measured: Person) -> None:
    page = measured.window.pages["Specialise"]
    page.form.target.setValue(0.01)
    assert page.plot.target == 0.01, "the line follows the field"

    ended = measured.waits_for(lambda: measured.presses("Ctrl+F"))

    assert ended.how == "refused"
    assert " ms" in ended.text
    assert ended.text in measured.messages()


def test_a_subnet_is_exported_then_used_and_undo_takes_that_back(
    searched: Person, tmp_path: Path
) -> None:
    page = searched.window.pages["Specialise"]
    before = searched.project.backbone, searched.project.current_step.id
    searched.will_choose_file(tmp_path / "small.onnx")

    ended = searched.waits_for(lambda: searched.presses("Ctrl+E"))

    assert ended.how == "done", ended.text
    assert (tmp_path / "small.onnx").stat().st_size > 100_000
    assert "Exported and checked" in page.news.text()
    assert (searched.project.backbone, searched.project.current_step.id) == before
    assert "undo takes it back" in page.subnet.use_button.toolTip()

    ended = searched.waits_for(lambda: searched.presses("Ctrl+U"))

    assert ended.how == "done", ended.text
    assert (searched.project.backbone, searched.project.current_step.id) != before
    assert "Undo takes it back" in page.news.text()
    searched.sees(lambda: page.plot.in_use == page.subnet.chosen.get("architecture"))
    searched.waits_for(lambda: searched.presses("Ctrl+Z"))
    assert (searched.project.backbone, searched.project.current_step.id) == before

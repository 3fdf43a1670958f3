"""A person compares ways to learn: sees rows come, stops and goes on, uses the best, takes it
back."""

from __future__ import annotations

import csv
import html
import os
import signal
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QScrollArea

from app.pages.compare.saving import write
from app.shell.window import Window
from app.widgets.viewer import Viewer
from engine.system.words import whole
from tests.app.test_accessible import complaints
from tests.helpers.window import Person, drop, texts, urls
from tests.helpers.window_fixtures import with_project

TUNED = "last_3"


def on_page(person: Person) -> Any:
    """The page, once it knows what there is."""
    page = person.page("Compare")
    person.sees(lambda: page.form.items and not page.question)
    return page


def ticks(person: Person, *names: str) -> None:
    """Ticks these strategies alone, with the keyboard."""
    form = person.window.pages["Compare"].form
    person.presses("Alt+T")
    person.sees(form.tree.hasFocus)
    for name, item in form.items.items():
        if (name in names) != (name in form.chosen):
            form.tree.setCurrentItem(item)
            QTest.keyClick(form.tree, Qt.Key.Key_Space)
    assert set(form.chosen) == set(names)


def types_epochs(person: Person, epochs: float) -> None:
    amount = person.window.pages["Compare"].form.amount
    amount.setFocus()
    amount.selectAll()
    QTest.keyClicks(amount, f"{epochs:.2f}")
    QTest.keyClick(amount, Qt.Key.Key_Tab)


def measured(page: Any) -> list[str]:
    return [line.name for line in page.table.lines.rows if line.row is not None]


def test_without_classes_the_page_says_what_it_is_for(owner: Person) -> None:
    page = owner.page("Compare")
    assert "Learn two classes first" in texts(page)
    assert not page.form.start_button.isVisible()


def test_a_person_compares_looks_closer_uses_a_row_and_takes_it_back(
    learnt: Person, tmp_path: Path
) -> None:
    page = on_page(learnt)
    assert page.form.preset.currentData() == "usual"
    assert {"ncm", "slda", TUNED, "all_stages"} <= set(page.form.chosen)
    assert "Gradual unfreezing" in page.form.items["gradual"].toolTip(0)
    learnt.sees(lambda: "to measure: about" in page.form.time.text())
    assert complaints(page) == []

    ticks(learnt, "ncm", "slda", TUNED)
    assert page.form.preset.currentData() == "own"
    types_epochs(learnt, 0.05)
    learnt.presses("Alt+U")  # curves of all rows
    learnt.sees(lambda: page.form.time.text().startswith("3 rows to measure"))
    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+Return"))
    assert ended.how == "done", ended.text
    learnt.sees(lambda: set(measured(page)) == {"ncm", "slda", TUNED} and page.last["done"])

    assert page.said.text() == ended.result["said"]
    learnt.sees(lambda: len(page.curves.plot.series) == 3)
    assert complaints(page) == []
    looks_closer(learnt, page)
    before = learnt.project.backbone
    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+U"))
    assert ended.how == "done", ended.text
    learnt.sees(lambda: page.last["changed"] == "network")
    assert learnt.project.backbone != before
    assert any("Fine-tuning the last 3 stages is in use" in m for m in learnt.messages())
    assert not page.use_button.isEnabled()
    assert "Undo" in page.use_button.toolTip()
    learnt.waits_for(lambda: learnt.presses("Ctrl+Z"))
    learnt.sees(lambda: not page.last["changed"] and page.use_button.isEnabled())
    assert learnt.project.backbone == before
    saves(page, tmp_path)


def test_each_way_is_offered_with_every_other_network_that_is_here(learnt: Person) -> None:
    page = on_page(learnt)
    items = page.form.items
    group = items["network_embedded"].parent()
    network, other = "embedded", group.text(0)
    with_it = [name for name, item in items.items() if item.parent() is group]
    ways = {name for name in items if not name.startswith(("network_", "narrowed_", "subnet_"))}
    assert {f"{way}@{network}" for way in ways if "@" not in way} < set(with_it)
    assert (other.startswith("With "), group.isExpanded()) == (True, False)
    assert items[with_it[0]].text(0) == "As it is"
    inside = [items[f"subnet_{size}@{network}"] for size in ("smallest", "middle", "largest")]
    assert [item.text(0) for item in inside] == [
        f"The {size} network inside" for size in ("smallest", "middle", "largest")
    ]
    assert all(item.parent() is group for item in inside)

    ticks(learnt, "ncm", f"ncm@{network}")
    assert group.isExpanded()
    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+Return"))
    assert ended.how == "done", ended.text
    learnt.sees(lambda: set(measured(page)) == {"ncm", f"ncm@{network}"})


def test_another_study_adds_its_rows_and_discard_begins_anew(learnt: Person) -> None:
    page = on_page(learnt)
    ticks(learnt, "ncm", "roots")
    learnt.waits_for(lambda: learnt.presses("Ctrl+Return"))
    learnt.sees(lambda: set(measured(page)) == {"ncm", "roots"} and page.last["done"])
    assert not page.state.isVisible()
    ticks(learnt, "slda")
    learnt.waits_for(lambda: learnt.presses("Ctrl+Return"))
    learnt.sees(lambda: set(measured(page)) == {"ncm", "roots", "slda"})
    assert page.form.chosen == ["slda"]
    told = "2 rows of the study before stand in the table too: the same images, seed and budget."
    learnt.sees(lambda: page.state.isVisible() and page.state.text().startswith(told))
    assert page.state.text().endswith(" Discard begins anew.")
    assert "corrected for 2 comparisons" in page.said.text()
    learnt.presses("Alt+4")
    learnt.sees(page.by_class.isVisible)
    shares, best = page.by_class.shares, page.last["study"]["rows"][0]["per_class"]
    assert set(shares.titles[1:]) == set(best)
    assert shares.rowCount() == 3
    shown = {row["name"]: [shares.text(row, at) for at in (1, 2, 3)] for row in shares.rows}
    for row in page.last["study"]["rows"]:
        each = [whole(row["per_class"][name]) for name in shares.titles[1:]]
        assert shown[row["name"]] == each
    assert complaints(page) == []
    page.table.setFocus()
    page.table.choose(["ncm"])  # a row of before is used like any other
    learnt.presses("Alt+2")
    learnt.sees(page.bars.isVisible)
    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+U"))
    assert ended.how == "done", ended.text
    learnt.sees(lambda: any("Nearest class mean is in use" in m for m in learnt.messages()))
    learnt.waits_for(lambda: learnt.presses("Ctrl+Shift+D"))
    ticks(learnt, "slda")
    learnt.waits_for(lambda: learnt.presses("Ctrl+Return"))
    learnt.sees(lambda: measured(page) == ["slda"])


def looks_closer(learnt: Person, page: Any) -> None:
    """The classes of a row, and the images that it or the best one alone has right."""
    page.table.setFocus()
    page.table.choose([TUNED])
    learnt.presses("Alt+2")
    learnt.sees(page.bars.isVisible)
    assert {bar.name for bar in page.bars.bars} == {"apple", "banana", "cherry"}
    learnt.presses("Alt+3")
    learnt.sees(lambda: "Answered alike" in page.beside.counts.full)
    assert page.beside.names[0] == TUNED
    assert complaints(page) == []
    learnt.presses("Alt+S")  # beside the model in use, which is the first of the list
    QTest.keyClick(page.beside.second, Qt.Key.Key_Home)
    assert page.beside.names == (TUNED, "in_use")
    learnt.sees(lambda: not page.beside.question)
    assert "Only the model in use is right" in page.beside.part.itemText(1)
    for at in range(page.beside.part.count()):
        page.beside.part.setCurrentIndex(at)
        learnt.sees(lambda: not page.beside.question)
        if page.beside.rows.rowCount():
            break
    page.beside.gallery.setFocus()
    page.beside.gallery.go_to(0)
    QTest.keyClick(page.beside.gallery, Qt.Key.Key_Return)
    learnt.sees(lambda: learnt.window.findChild(Viewer))
    viewer = learnt.window.findChild(Viewer)
    answer, whom = page.beside.rows.row(0)["answered"]
    learnt.presses("H", viewer)
    learnt.sees(lambda: viewer.reason.found)
    assert viewer.reason.found["answer"] == answer
    named = f"{whom} answered {answer}; the model in use is asked why."
    assert (named in viewer.reason.where.text()) == (whom != "")
    viewer.close()


def saves(page: Any, tmp_path: Path) -> None:
    """As a table, a page and a drawing."""
    study = page.last["study"]
    for kind in ("csv", "html", "png"):
        write(study, tmp_path / f"study.{kind}")
    rows = list(csv.DictReader((tmp_path / "study.csv").read_text().splitlines()))
    assert [r["title"] for r in rows if r["share"] == "100"] == [r["title"] for r in study["rows"]]
    assert study["said"] in html.unescape((tmp_path / "study.html").read_text())
    assert (tmp_path / "study.png").read_bytes().startswith(b"\x89PNG")


def test_it_is_paused_found_again_gone_on_with_and_discarded(learnt: Person) -> None:
    page = on_page(learnt)
    ticks(learnt, "ncm", TUNED)
    types_epochs(learnt, 20)
    learnt.presses("Ctrl+Return")
    learnt.sees(lambda: "Tuning" in page.live.said and measured(page) == ["ncm"])
    assert not page.form.start_button.isEnabled()
    ended = learnt.ends(lambda: learnt.presses("Ctrl+Shift+P"))
    assert ended.how == "cancelled", ended.text
    path = learnt.project.path
    learnt.waits_for(lambda: learnt.presses("Ctrl+W"))
    learnt.waits_for(lambda: learnt.window.open_project(path))

    page = on_page(learnt)
    learnt.sees(lambda: page.go_on_button.isVisible())
    assert page.state.text() == "1 of 2 measured. What is done is kept: go on when you like."
    assert set(page.form.chosen) == {"ncm", TUNED}, "the form is as it was"
    assert page.form.amount.value() == 20
    assert complaints(page) == []
    types_epochs(learnt, 3)  # going on is with the study that was begun, whatever the form says
    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+Shift+P"))
    assert ended.how == "done", ended.text
    assert ended.result["epochs"] == 20
    learnt.sees(lambda: set(measured(page)) == {"ncm", TUNED} and not page.go_on_button.isVisible())
    learnt.waits_for(lambda: learnt.presses("Ctrl+Shift+D"))
    learnt.sees(lambda: not page.table.lines.rows and not page.drop_button.isVisible())


def test_a_study_whose_engine_was_killed_goes_on(
    own_window: Window, qtbot: object, weights: Path, tmp_path: Path, images: Path
) -> None:
    person = with_project(Person(own_window, qtbot), weights, tmp_path)
    person.waits_for(lambda: drop(person.page("Images"), urls([images])))
    page = on_page(person)
    ticks(person, "ncm", TUNED)
    types_epochs(person, 20)
    person.presses("Ctrl+Return")
    person.sees(lambda: "Tuning" in page.live.said and measured(page) == ["ncm"])

    def kill() -> None:
        os.kill(own_window.bridge.engine.process_id, signal.SIGKILL)

    assert person.ends(kill).how == "lost"
    assert any("What was measured is kept" in text for text in person.messages())
    person.sees(lambda: page.go_on_button.isVisible() and page.go_on_button.isEnabled())
    ended = person.waits_for(lambda: person.presses("Ctrl+Shift+P"))
    assert ended.how == "done", ended.text
    assert [row["kept"] for row in ended.result["rows"]] == [True, False]


def test_what_more_of_a_class_would_bring_is_told_and_all_has_its_room(learnt: Person) -> None:
    page = on_page(learnt)
    learnt.presses("Alt+C")
    learnt.sees(page.curves.classes.hasFocus)
    counts = {c.name: c.train for c in learnt.project.classes}
    for _ in counts:  # the number follows the class
        name = page.curves.classes.currentText()
        assert page.curves.images.value() == 2 * counts[name] < 100
        QTest.keyClick(page.curves.classes, Qt.Key.Key_Down)
    learnt.presses("Ctrl+Shift+M")
    name = page.curves.classes.currentText()
    told = f"{2 * counts[name]} more images of “{name}” "
    learnt.sees(lambda: page.curves.answer.text().startswith(told))
    assert f"{counts[name]} now" not in page.curves.answer.text(), "none that the curve can't reach"
    page.curves.images.setFocus()
    page.curves.images.selectAll()
    QTest.keyClicks(page.curves.images, "90")
    page.curves.classes.setCurrentText("banana")
    learnt.presses("Ctrl+Shift+M")
    learnt.sees(lambda: page.curves.answer.text().startswith("90 more images of “banana” can't"))
    for wide, high in ((1280, 800), (1024, 700)):
        learnt.window.resize(wide, high)
        learnt.sees(lambda wide=wide: learnt.window.width() == wide)
        for place in page.findChildren(QScrollArea):
            learnt.sees(lambda place=place: not place.horizontalScrollBar().maximum())
        learnt.sees(lambda: room_below(learnt.window.rail) > 80)  # of the two tools


def room_below(rail: Any) -> int:
    """Pixels of the rail below its last page."""
    return rail.height() - list(rail.buttons.values())[-1].geometry().bottom()

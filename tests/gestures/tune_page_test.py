"""A person tunes the network: watches it, pauses, stops early, adopts, and compares runs."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QScrollArea

from app.pages.tune.preview import PreviewDialog
from app.shell.window import Window
from tests.app.test_accessible import complaints
from tests.helpers.window import Person, drop, texts, urls
from tests.helpers.window_fixtures import with_project

RATE = 2e-5
"""The weights of these tests are random: at the rates for real ones they grow beyond all bounds."""


@pytest.fixture
def tuner(learnt: Person) -> Person:
    """A person with three classes on the page, whose form is there."""
    return on_page(learnt)


def on_page(person: Person) -> Person:
    page = person.page("Tune")
    person.sees(lambda: page.form.way.buttons and page.form.way.buttons["own"].isVisible())
    person.presses("Alt+O")
    person.sees(lambda: page.form.first.isVisible())
    return person


def types(person: Person, **values: Any) -> None:
    """Writes settings as with the keyboard: each into its field, in place of what is there."""
    form = person.window.pages["Tune"].form
    for name, value in values.items():
        control = (form.first.controls | form.more.controls)[name]
        control.setFocus()
        control.selectAll()
        QTest.keyClicks(control, f"{value:f}" if isinstance(value, float) else str(value))
        QTest.keyClick(control, Qt.Key.Key_Tab)


def chooses(person: Person, name: str, value: str) -> None:
    """An entry of the tuner's or the schedule's combo box, by its key."""
    choice = person.window.pages["Tune"].form.choices[name]
    person.presses("Alt+T" if name == "tuner" else "Alt+S")
    person.sees(choice.hasFocus)
    QTest.keyClick(choice, Qt.Key.Key_Home)
    while choice.currentData() != value:
        QTest.keyClick(choice, Qt.Key.Key_Down)


def starts(person: Person, **settings: Any) -> None:
    """Types the settings and starts a run; its time need not be known."""
    page = person.window.pages["Tune"]
    types(person, **{"lr": RATE, "batch": 4, **settings})
    person.sees(lambda: page.form.start_button.isEnabled())
    person.presses("Ctrl+Return")
    person.sees(lambda: page.live.running)


def tunes(person: Person, **settings: Any) -> Any:
    """A whole run; returns how it ended."""
    return person.waits_for(lambda: starts(person, **settings))


def never_adopts(person: Person) -> None:
    adopt = person.window.pages["Tune"].form.adopt
    adopt.setCurrentIndex(adopt.findData("never"))


def lines(plot: Any) -> dict[str, tuple[Any, ...]]:
    return {series.name: series.points for series in plot.series}


def test_without_classes_the_page_says_what_tuning_is_for(owner: Person) -> None:
    page = owner.page("Tune")
    assert "Learn two classes first" in texts(page)
    assert "tells your classes apart" in texts(page)
    assert not page.form.start_button.isVisible()


def test_a_person_chooses_how_long_it_may_take_and_sees_the_current_network(learnt: Person) -> None:
    page = learnt.page("Tune")
    learnt.sees(lambda: page.form.way.name == "quick" and page.table.isVisible())
    assert not page.form.first.isVisible(), "nothing has to be set"
    assert page.form.start_button.isEnabled(), "its time is not known yet, and need not be"
    assert page.form.bar.isVisible(), "something is being done"
    learnt.sees(lambda: "…" not in page.form.way.times["quick"].text())
    assert not page.form.bar.isVisible()
    told = [page.form.way.times[name].text() for name in ("quick", "thorough", "long")]
    assert all(text.startswith("about ") for text in told)
    assert page.form.time.text().lower().startswith(told[0])
    assert complaints(page) == []
    learnt.presses("Alt+N")
    learnt.sees(lambda: page.form.way.name == "long")
    assert page.form.start_button.isEnabled(), "its time is known already"
    assert page.form.time.text().lower().startswith(told[2])
    learnt.presses("Alt+Q")
    learnt.sees(lambda: page.form.way.name == "quick")

    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+Return"))

    assert ended.how == "done", ended.text
    learnt.sees(lambda: page.table.runs.rows and page.card.comparison.isVisible())
    run = page.table.run(1)
    assert (run["tuner"], run["schedule"]) == ("fine_tune", "last_stages")
    assert run["settings"]["batch"] >= 16, "batch norms need more than a few images"
    learnt.sees(lambda: "before tuning" in lines(page.watch.accuracy))
    (_, first), (_, last) = lines(page.watch.accuracy)["before tuning"]
    assert first == last == pytest.approx(100 * run["before"]["accuracy"])
    best = lines(page.watch.accuracy)["best epoch"]
    assert [y for _, y in best] == [pytest.approx(100 * run["best_accuracy"])]


def test_nothing_scrolls_sideways_on_a_new_page(learnt: Person) -> None:
    page = learnt.page("Tune")
    learnt.sees(lambda: page.table.isVisible())
    for wide, high in ((1280, 800), (1024, 700)):
        learnt.window.resize(wide, high)
        learnt.sees(lambda wide=wide: learnt.window.width() == wide)
        for place in page.findChildren(QScrollArea):
            learnt.sees(lambda place=place: not place.horizontalScrollBar().maximum())


def test_titles_and_ways_of_runs_are_whole_beside_the_card(learnt: Person) -> None:
    learnt.window.resize(1280, 800)
    page = learnt.page("Tune")
    learnt.sees(lambda: page.form.way.name == "quick" and learnt.window.width() == 1280)
    asked = {"preset": "quick", "epochs": 1, "adopt": "never"}
    learnt.waits_for(lambda: learnt.window.bridge.submit("tune", **asked))
    learnt.sees(lambda: page.card.comparison.isVisible())
    header, metrics = page.table.horizontalHeader(), page.table.fontMetrics()
    titles = page.table.runs.titles
    for column, title in enumerate(titles):
        assert metrics.horizontalAdvance(title) + 8 <= header.sectionSize(column), title
    for column in (1, 2):
        text = page.table.runs.index(0, column).data()
        assert metrics.horizontalAdvance(text) + 8 <= header.sectionSize(column), text
    assert not page.table.horizontalScrollBar().maximum()


def test_a_run_is_told_its_time_and_what_can_not_be_tuned_is_refused(tuner: Person) -> None:
    page = tuner.window.pages["Tune"]
    assert page.form.choices["tuner"].currentData() == "fine_tune"
    assert page.form.values["lr"] < 0.003, "the rate goes with the small batch"
    assert page.form.values["batch"] >= 16, "batch norms need more than a few images"
    assert "most accurate way" in page.form.helps["tuner"].text()
    assert page.count.text() == "No runs"
    types(tuner, epochs=2, batch=4)
    assert page.form.start_button.isEnabled(), "nothing waits for the estimate"
    tuner.sees(lambda: " for " in page.form.time.text())
    images = sum(c.train for c in tuner.project.classes)
    assert f" for {2 * (images // 4)} steps on {images} images" in page.form.time.text()
    assert page.form.time.text().startswith("About")

    types(tuner, batch=64)

    tuner.sees(lambda: "batch of 64" in page.form.time.text())
    assert not page.form.start_button.isEnabled()
    chooses(tuner, "schedule", "freezeout")
    assert not page.form.more.isVisible()
    tuner.presses("Ctrl+Shift+L")
    tuner.sees(lambda: page.form.more.controls["t0"].isVisible())
    assert page.form.values["batch"] == 64, "another schedule keeps what was set"
    page.form.choices["schedule"].setFocus()
    QTest.keyClick(page.form.choices["schedule"], Qt.Key.Key_Tab)
    assert page.form.first.controls["epochs"].hasFocus(), "Tab goes on below"
    assert complaints(page) == []


def test_images_are_previewed_as_training_sees_them(tuner: Person) -> None:
    tuner.presses("Ctrl+P")
    tuner.sees(lambda: tuner.window.findChild(PreviewDialog))
    dialog = tuner.window.findChild(PreviewDialog)

    tuner.sees(lambda: len(dialog.tiles) == 12)

    tuner.sees(lambda: {"apple", "banana", "cherry"} <= set(texts(dialog).split("\n")))
    assert complaints(dialog) == []
    tuner.presses("Esc", dialog)
    tuner.sees(lambda: not tuner.window.findChild(PreviewDialog))


def test_a_run_is_watched_to_its_verdict(tuner: Person) -> None:
    page = tuner.window.pages["Tune"]
    chooses(tuner, "schedule", "freezeout")
    never_adopts(tuner)

    starts(tuner, epochs=3)
    tuner.sees(lambda: page.watch.layers.layers.done > 0)

    assert page.watches_live
    assert page.watch.updates.isVisible()
    assert page.watch.layers.layers.total == page.live.plan.total
    assert not page.form.start_button.isEnabled()
    tuner.sees(lambda: page.live.curves.epochs)
    tuner.sees(lambda: page.card.figures["flops"].value.text() != "–")
    tuner.sees(lambda: page.card.comparison.isVisible())
    ended = tuner.endings[-1]
    assert ended.how == "done", ended.text
    assert not ended.result["adopted"]

    tuner.sees(lambda: len(lines(page.watch.accuracy)["validation"]) == 3)
    accuracy = lines(page.watch.accuracy)
    assert [x for x, _ in accuracy["validation"]] == [1.0, 2.0, 3.0]
    assert len(accuracy["train, steps"]) == page.live.plan.total
    assert set(lines(page.watch.loss)) == {"validation", "train", "train, steps"}
    tuner.presses("Alt+2")
    tuner.sees(lambda: page.watch.accuracy.x_title == "seconds")
    seconds = [x for x, _ in lines(page.watch.accuracy)["validation"]]
    assert seconds == pytest.approx([row["seconds"] for row in page.live.curves.epochs])
    assert page.watch.layers.layers.stages[-1] == "head"
    assert page.watch.layers.layers.at(page.live.plan.total - 1).frozen[0], "the stem froze"
    assert texts(page.card).count(f"{ended.result['after']['accuracy']:.1%}".replace("%", " %"))


def test_a_network_is_adopted_undone_and_not_wanted(tuner: Person) -> None:
    page = tuner.window.pages["Tune"]
    never_adopts(tuner)
    before = tuner.project.backbone
    assert tunes(tuner, epochs=1).how == "done"
    tuner.sees(lambda: page.card.adopt_button.isVisible() and page.card.adopt_button.isEnabled())

    ended = tuner.waits_for(lambda: tuner.presses("Ctrl+U"))

    assert ended.how == "done", ended.text
    assert tuner.project.backbone == "tuned" != before
    assert tuner.project.undo[-1] == "Adopt run 1"
    tuner.sees(lambda: page.table.run(1)["state"] == "adopted")
    assert not page.card.adopt_button.isVisible()
    tuner.waits_for(lambda: tuner.presses("Ctrl+Z"))
    assert tuner.project.backbone == before
    tuner.sees(lambda: page.card.keep_button.isVisible())
    ended = tuner.waits_for(lambda: tuner.presses("Ctrl+K"))
    assert ended.how == "done", ended.text
    tuner.sees(lambda: page.table.run(1)["state"] == "discarded")
    assert tuner.project.backbone == before


def test_a_run_is_paused_resumed_and_stopped_early(tuner: Person) -> None:
    page = tuner.window.pages["Tune"]
    never_adopts(tuner)
    starts(tuner, epochs=500)
    assert not page.card.finish_button.isVisible(), "there is nothing to keep yet"
    tuner.sees(lambda: page.live.curves.epochs and page.live.run)

    ended = tuner.ends(lambda: tuner.presses("Ctrl+Shift+P"))

    assert ended.how == "cancelled"
    tuner.sees(lambda: page.card.resume_button.isVisible())
    assert "Paused after" in page.card.heading.text()
    assert page.table.run(1)["state"] == "paused"
    assert not any("ancelled" in text for text in tuner.messages()), "the page says it"
    tuner.sees(lambda: lines(page.watch.accuracy).get("validation"))
    known = lines(page.watch.accuracy)["validation"]
    tuner.sees(lambda: page.watch.layers.has_figures())
    done = page.watch.layers.layers.done
    assert 0 < done < page.watch.layers.layers.total / 2, "what it did not come to is only planned"

    tuner.presses("Ctrl+Shift+P")

    tuner.sees(lambda: len(page.live.curves.epochs) > len(known) + 1)
    steps = page.live.curves.steps["step"]
    assert steps == list(range(1, len(steps) + 1)), "none is missing and none comes twice"
    assert page.watch.layers.layers.done > done
    tuner.sees(lambda: len(lines(page.watch.accuracy).get("validation", ())) > len(known))
    assert lines(page.watch.accuracy)["validation"][: len(known)] == known
    tuner.sees(lambda: page.card.finish_button.isEnabled())
    tuner.presses("Ctrl+Shift+E")
    tuner.sees(lambda: tuner.endings and tuner.endings[-1].how == "done")
    tuner.sees(lambda: page.table.run(1)["state"] == "done")
    tuner.sees(lambda: page.card.comparison.isVisible())
    assert page.card.adopt_button.isVisible()


def test_runs_are_repeated_with_one_change_compared_and_removed(tuner: Person) -> None:
    page = tuner.window.pages["Tune"]
    never_adopts(tuner)
    chooses(tuner, "schedule", "slanted")
    assert tunes(tuner, epochs=1).how == "done"
    chooses(tuner, "schedule", "none")
    types(tuner, epochs=7)
    tuner.sees(lambda: page.repeat_button.isEnabled() and page.table.selected() == [1])

    tuner.presses("Ctrl+R")

    tuner.sees(lambda: page.form.values["epochs"] == 1)
    assert page.form.choices["schedule"].currentData() == "slanted"
    assert page.form.values["lr"] == pytest.approx(RATE)
    assert tunes(tuner, smoothing=0.2).how == "done"
    tuner.sees(lambda: len(page.table.runs.rows) == 2 and page.table.selected() == [2])
    tuner.presses("Alt+R")
    QTest.keyClick(page.table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)

    tuner.sees(lambda: set(lines(page.watch.accuracy)) == {"run 1", "run 2", "current network"})

    assert set(lines(page.watch.loss)) == {"run 1", "run 2"}
    assert page.watch.table.isVisible()
    assert not page.watch.layers.isVisible()
    assert page.watch.differing.titles == ("Setting", "Run 1", "Run 2")
    assert page.watch.differing.rows == [("Smoothing", "0.1", "0.2")]
    assert "2 runs" in page.card.heading.text()
    assert not page.repeat_button.isEnabled()
    QTest.keyClick(page.table, Qt.Key.Key_Up)
    tuner.sees(lambda: page.watch.layers.isVisible() and page.watch.layers.has_figures())
    assert page.table.selected() == [2]
    QTest.keyClick(page.table, Qt.Key.Key_Tab)
    assert not page.table.hasFocus(), "the table lets the keyboard go"
    tuner.will_answer(button="Remove")
    ended = tuner.waits_for(lambda: tuner.presses("Ctrl+Delete"))
    assert ended.how == "done", ended.text
    tuner.sees(lambda: [run["id"] for run in page.table.runs.rows] == [1])


@pytest.mark.logs_warnings
def test_a_run_whose_engine_was_killed_goes_on(
    own_window: Window, qtbot: object, weights: Path, tmp_path: Path, images: Path
) -> None:
    person = with_project(Person(own_window, qtbot), weights, tmp_path)
    ended = person.waits_for(lambda: drop(person.page("Images"), urls([images])))
    assert ended.how == "done", ended.text
    page = on_page(person).window.pages["Tune"]
    starts(person, epochs=500)
    person.sees(lambda: len(page.live.curves.epochs) > 1)

    ended = person.ends(lambda: os.kill(own_window.bridge.engine.process_id, signal.SIGKILL))

    assert ended.how == "lost"
    assert any("Resume takes its last checkpoint" in text for text in person.messages())
    person.sees(lambda: page.card.resume_button.isVisible() and page.card.resume_button.isEnabled())
    # Stopped, or paused where the project was opened again before its runs were listed.
    assert " after " in page.card.heading.text()
    known = page.table.run(1)["epochs_done"]
    assert known >= 1
    person.presses("Ctrl+Shift+P")
    person.sees(lambda: page.live.curves.epochs and page.live.curves.epochs[-1]["epoch"] > known)
    steps = page.live.curves.steps["step"]
    assert steps == list(range(1, len(steps) + 1))
    person.sees(lambda: page.card.pause_button.isEnabled() and page.card.pause_button.isVisible())
    person.ends(lambda: person.presses("Ctrl+Shift+P"))
    person.sees(lambda: page.card.resume_button.isEnabled() and page.card.resume_button.isVisible())
    assert "Paused after" in page.card.heading.text()
    with qtbot.waitSignal(page.card.finish_button.clicked):
        person.presses("Ctrl+Shift+E")
        page.table.clearSelection()  # The button acts a moment after its key.
    page.table.choose([1])
    person.sees(lambda: page.card.finish_button.isEnabled() and page.card.finish_button.isVisible())
    ended = person.ends(lambda: person.presses("Ctrl+Shift+E"))
    assert ended.how == "done", ended.text
    person.sees(lambda: page.card.comparison.isVisible())

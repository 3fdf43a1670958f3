"""A person grows a branch for new classes: sees what it may share, what it costs, takes it back."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtTest import QTest

from app.pages.branches.dialog import BranchDialog
from tests.app.test_accessible import complaints, controls
from tests.helpers.image_files import class_folders
from tests.helpers.window import Person, drop, texts, urls

PATIENCE = 180_000
"""Milliseconds that trainings may take on a computer that does other things too."""


@pytest.fixture
def grower(person: Person, weights: Path, tmp_path: Path) -> Person:
    """A person whose small project learnt two classes."""
    path, submit = str(tmp_path / "mine.espalier"), person.window.bridge.submit
    ended = person.waits_for(
        lambda: submit("new_project", path=path, weights=str(weights), size=32)
    )
    assert ended.how == "done", ended.text
    old = class_folders(tmp_path / "old", {"apple": 12, "banana": 12})
    ended = person.waits_for(lambda: drop(person.page("Images"), urls([old])))
    assert ended.how == "done", ended.text
    return person


def adds(person: Person, folder: Path, *names: str) -> None:
    """Drops folders of new classes, which are not learnt at once."""
    page = person.page("Images")
    page.adding.at_once.setChecked(False)
    new = class_folders(folder, dict.fromkeys(names, 12), seed=5)
    ended = person.waits_for(lambda: drop(page, urls([new])))
    assert ended.how == "done", ended.text


def opened(person: Person) -> BranchDialog:
    """The dialog, opened by its key on the Tune page, once it has read what there is."""
    page = person.page("Tune")
    person.sees(lambda: page.form.branches_button.isVisible())
    person.presses("Ctrl+Shift+B")
    person.sees(lambda: person.window.findChild(BranchDialog))
    dialog = person.window.findChild(BranchDialog)
    person.sees(lambda: dialog.choices)
    return dialog


def does(person: Person, dialog: BranchDialog, key: str) -> Any:
    """Presses the key of a job that trains, and waits for its end."""
    return person.waits_for(lambda: person.presses(key, dialog), PATIENCE)


def types(dialog: BranchDialog, **values: Any) -> None:
    """Writes numbers as with the keyboard, and chooses entries by their first keys."""
    for name, value in values.items():
        control = (dialog.first.controls | dialog.more.controls)[name]
        control.setFocus()
        if isinstance(value, str):
            QTest.keyClick(control, Qt.Key.Key_Home)
            while control.currentData() != value:
                QTest.keyClick(control, Qt.Key.Key_Down)
        else:
            control.selectAll()
            QTest.keyClicks(control, str(value))
            QTest.keyClick(control, Qt.Key.Key_Tab)


def quick(dialog: BranchDialog, **values: Any) -> None:
    """Few steps, and a branch that is used whatever it is good for."""
    types(dialog, epochs=2, **values)
    dialog.fold.click()
    types(dialog, batch=16, views=1, adopt="always")
    dialog.fold.click()


def unlearnt(person: Person) -> set[str]:
    return {c.name for c in person.project.classes if not c.learnt}


def test_without_new_classes_it_says_what_to_do(grower: Person) -> None:
    dialog = opened(grower)
    grower.sees(lambda: "No new classes" in texts(dialog))
    assert "Learn what is added at once" in texts(dialog)
    assert "upper stages" in texts(dialog)
    assert not dialog.grow_button.isEnabled()
    assert not dialog.measure_button.isEnabled()
    grower.presses("Esc", dialog)
    grower.sees(lambda: not grower.window.findChild(BranchDialog))


def test_one_new_class_is_too_few_and_is_refused_in_a_sentence(
    grower: Person, tmp_path: Path
) -> None:
    adds(grower, tmp_path / "new", "cherry")
    dialog = opened(grower)
    assert "takes two new ones at least" in dialog.classes.text()
    assert not dialog.grow_button.isEnabled()
    assert not dialog.measure_button.isEnabled()
    dialog.reject()


def test_the_curve_marks_a_cut_by_the_threshold_and_a_point_can_be_taken(
    grower: Person, tmp_path: Path
) -> None:
    adds(grower, tmp_path / "new", "cherry", "damson")
    dialog = opened(grower)
    assert "2 classes: cherry, damson" in dialog.classes.text()
    assert set(dialog.first.controls) == {"cut", "threshold", "epochs", "join"}
    assert "to the last bit" in dialog.first.controls["join"].toolTip()
    quick(dialog)

    ended = does(grower, dialog, "Ctrl+M")

    assert ended.how == "done", ended.text
    assert unlearnt(grower) == {"cherry", "damson"}, "measuring keeps nothing"
    plot = dialog.plot
    cuts = [p["cut"] for p in plot.points]
    assert len(cuts) >= 2
    assert plot.points[-1]["share_macs"] == 1.0
    assert plot.recommended == ended.result["recommended"]
    types(dialog, threshold=100)
    assert plot.recommended == cuts[-1], "all is shared where any loss is allowed"
    assert "within 100 points" in plot.legend()[1][0]
    plot.setFocus()
    QTest.keyClick(plot, Qt.Key.Key_Right)
    QTest.keyClick(plot, Qt.Key.Key_Right)
    assert plot.words(plot.points[plot.at])[0] == cuts[1]
    QTest.keyClick(plot, Qt.Key.Key_Return)
    assert dialog.values["cut"] == cuts[1], "a point that is picked is taken into the form"
    plot.save(str(tmp_path / "curve.csv"))
    kept = list(csv.reader((tmp_path / "curve.csv").read_text("utf-8").splitlines()))
    assert [row[0] for row in kept[1:]] == cuts
    dialog.reject()


def grows(person: Person, folder: Path) -> tuple[BranchDialog, Any]:
    """Grows a branch above stage2 by keyboard; returns the dialog and how it ended."""
    adds(person, folder, "cherry", "damson")
    dialog = opened(person)
    quick(dialog, cut="stage2")
    ended = does(person, dialog, "Ctrl+Return")
    assert ended.how == "done", ended.text
    person.sees(lambda: dialog.tabs[3].text() == "Branches (1)")
    return dialog, ended


def test_a_branch_is_compared_with_training_everything_anew(grower: Person, tmp_path: Path) -> None:
    dialog, ended = grows(grower, tmp_path / "new")

    assert ended.result["cut"] == "stage2"
    assert not unlearnt(grower)
    assert grower.project.backbone == "tuned"
    assert [x for x, _ in dialog.live.series[0].points] == [1.0, 2.0]
    shown = texts(dialog.result)
    assert "without" in shown
    assert "old" in shown
    rows = dialog.result.costs
    assert rows.titles == ("", "This branch", "Same stages anew", "All anew", "A network each")
    branch, anew = ended.result["costs"]["rows"][0], ended.result["costs"]["rows"][2]
    assert branch["pictures"] < anew["pictures"]
    told = {rows.text(given, 0): given for given in rows.rows}
    assert rows.text(told["To learn: images"], 1) == str(branch["pictures"])
    assert rows.text(told["To learn: images"], 3) == str(anew["pictures"])
    assert rows.text(told["time, measured"], 3) == "–", "what is not measured is not told"
    assert "ISSCC 2014" in rows.help(told["energy, est."], 1)
    assert "In use: stored" in told
    assert complaints(dialog) == []
    keys = [w.property("key") for w in controls(dialog) if w.isVisible() and w.property("key")]
    assert len(keys) == len(set(keys))
    assert dialog.size().boundedTo(QSize(1024, 640)) == dialog.size()
    dialog.reject()


def test_a_branch_is_removed_and_both_are_undone(grower: Person, tmp_path: Path) -> None:
    before = grower.project.backbone
    dialog, _ = grows(grower, tmp_path / "new")
    assert grower.project.undo[-1].startswith("Grow a branch for")
    grower.presses("Alt+4", dialog)
    grower.sees(lambda: dialog.table.isVisible())
    told = [dialog.rows.text(dialog.rows.rows[0], n) for n in range(5)]
    assert told[:2] == ["1", "stage2"]
    assert told[4] == "cherry, damson"

    ended = grower.waits_for(lambda: grower.presses("Ctrl+Delete", dialog))

    assert ended.how == "done", ended.text
    assert "Branch 1 is removed" in dialog.news.text()
    grower.sees(lambda: dialog.tabs[3].text() == "Branches (0)")
    assert not unlearnt(grower), "its classes are known without it"
    for _ in range(2):
        ended = grower.waits_for(lambda: grower.presses("Ctrl+Z", dialog))
        assert ended.how == "done", ended.text
    grower.sees(lambda: "2 classes" in dialog.classes.text())
    assert grower.project.backbone == before
    assert unlearnt(grower) == {"cherry", "damson"}
    dialog.reject()


def test_a_growth_that_is_stopped_leaves_the_project_as_it_was(
    grower: Person, tmp_path: Path
) -> None:
    adds(grower, tmp_path / "new", "cherry", "damson")
    before = grower.project
    dialog = opened(grower)
    quick(dialog, cut="stem")
    types(dialog, epochs=500)
    grower.presses("Ctrl+Return", dialog)
    grower.sees(lambda: dialog.work.curves.epochs)
    assert dialog.live.isVisible()
    assert dialog.bar.isVisible()
    assert not dialog.settings_part.isEnabled()
    grower.presses("Esc", dialog)
    grower.sees(lambda: not grower.window.findChild(BranchDialog))
    again = opened(grower)
    assert again.live.isVisible(), "it went on, and is looked at again"
    assert again.stop_button.isVisible()

    ended = grower.ends(lambda: grower.presses("Ctrl+Backspace", again))

    assert ended.how == "cancelled"
    assert grower.project.backbone == before.backbone
    assert grower.project.undo == before.undo
    assert unlearnt(grower) == {"cherry", "damson"}
    grower.sees(lambda: again.grow_button.isVisible() and again.grow_button.isEnabled())
    assert again.rows.rows == []
    again.reject()

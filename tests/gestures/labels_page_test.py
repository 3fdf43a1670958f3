"""A person brings classes in from a file, and saves them for other programs, in the window."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QMimeData
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QFileDialog

from tests.helpers.window import Person, drop, urls


@pytest.fixture
def table(images: Path) -> Path:
    """A table beside the class folders that gives other classes: red ones, and the rest."""
    rows = [
        (
            path.relative_to(images.parent).as_posix(),
            "red" if path.parent.name != "banana" else "=x",
        )
        for path in sorted(images.rglob("*.jpg"))
    ]
    with (images.parent / "classes.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "class"), *rows, ("fruit/gone.jpg", "red")])
    return images.parent / "classes.csv"


def rows_in(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def entry(person: Person, words: str) -> QAction:
    """An entry of the Add button's menu."""
    menu = person.page("Images").adding.button.menu()
    return next(a for a in menu.actions() if words in a.text().replace("&", ""))


def test_a_dropped_file_of_classes_is_learnt_like_a_folder(owner: Person, table: Path) -> None:
    page = owner.page("Images")
    ended = owner.waits_for(lambda: drop(page, urls([table])))
    assert ended.how == "done", ended.text
    assert owner.classes() == {"=x": 12, "red": 24}
    assert all(view.learnt for view in owner.project.classes)
    said = owner.messages()
    assert "One file was left out. The list under Images says why." in said
    assert any(text.startswith("Learnt =x and red: ") for text in said), said
    owner.waits_for(lambda: owner.presses("Ctrl+Z"))
    assert owner.classes() == {}


def test_without_learning_at_once_it_is_only_added(owner: Person, table: Path) -> None:
    page = owner.page("Images")
    page.adding.at_once.setChecked(False)
    owner.waits_for(lambda: drop(page, urls([table])))
    assert owner.classes() == {"=x": 12, "red": 24}
    assert not any(view.learnt for view in owner.project.classes)


def test_a_file_and_a_folder_dropped_together_both_come_in(
    owner: Person, table: Path, images: Path
) -> None:
    drop(owner.page("Images"), urls([table, images / "apple"]))
    owner.sees(lambda: len(owner.endings) == 3)
    assert [ended.how for ended in owner.endings] == ["done"] * 3
    assert owner.classes() == {"=x": 12, "apple": 12, "red": 24}
    assert owner.project.conflicts == 12


@pytest.mark.parametrize("page", ["Learn", "the welcome"])
def test_it_can_be_dropped_elsewhere_too(page: str, person: Person, owner: Person, table: Path):
    if page == "Learn":
        owner.waits_for(lambda: drop(owner.page("Learn"), urls([table])))
    else:
        owner.waits_for(lambda: owner.window.bridge.submit("close_project"))
        before = len(owner.endings)
        owner.will_answer("", "Create")
        drop(owner.window.welcome, urls([table]))
        owner.sees(lambda: len(owner.endings) == before + 2)
    assert owner.endings[-1].how == "done", owner.endings[-1].text
    assert owner.classes() == {"=x": 12, "red": 24}


def test_a_key_chooses_a_file_of_classes(owner: Person, table: Path) -> None:
    owner.page("Images")
    owner.will_choose_file(table)
    ended = owner.waits_for(lambda: owner.presses("Ctrl+Shift+D"))
    assert ended.how == "done", ended.text
    assert owner.classes() == {"=x": 12, "red": 24}


def test_a_file_that_is_none_is_refused_in_one_sentence(owner: Person, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("name,side\na.jpg,left\n")
    ended = owner.waits_for(lambda: drop(owner.page("Images"), urls([tmp_path / "bad.csv"])))
    assert ended.how == "refused"
    assert owner.messages() == [ended.text]
    assert "no column “class”" in ended.text
    assert owner.project.undo == ()


def pick(person: Person, file: Path, words: str) -> Callable[[], bool]:
    """Chooses a format and a name in the dialog that saves."""

    def act() -> bool:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QFileDialog):
            return False
        dialog.selectNameFilter(next(f for f in dialog.nameFilters() if f.startswith(words)))
        return person.answer_files(file)

    return act


def test_a_key_saves_the_classes_as_a_table(learnt: Person, tmp_path: Path) -> None:
    page = learnt.page("Images")
    learnt.will_choose_file(tmp_path / "mine")
    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+Shift+S"))
    assert ended.how == "done", ended.text
    rows = rows_in(tmp_path / "mine.csv")
    assert len(rows) == 36
    assert all(Path(row["path"]).parent.name == row["class"] for row in rows)
    sides = {c.name: c.validation for c in learnt.project.classes}
    for name, count in sides.items():
        held = [r for r in rows if (r["class"], r["split"]) == (name, "validation")]
        assert len(held) == count
    assert "Wrote 36 rows to mine.csv." in learnt.messages()
    assert learnt.project.undo[-1].startswith("Learn "), "nothing is there to be undone"
    assert page.isVisible()


def test_a_format_is_chosen_in_the_dialog(learnt: Person, tmp_path: Path) -> None:
    save = entry(learnt, "Save the classes")
    learnt.later(pick(learnt, tmp_path / "out", "Label Studio"))
    assert learnt.waits_for(save.trigger).how == "done"
    assert len(json.loads((tmp_path / "out.json").read_text("utf-8"))) == 36
    learnt.later(pick(learnt, tmp_path / "out.xml", "CSV"))
    assert learnt.waits_for(save.trigger).how == "done"
    assert len(ElementTree.parse(tmp_path / "out.xml").getroot().findall("image")) == 36


def test_sidecars_lie_beside_the_images(learnt: Person, images: Path) -> None:
    learnt.will_choose_file(images)
    ended = learnt.waits_for(entry(learnt, "XMP sidecars").trigger)
    assert ended.how == "done", ended.text
    assert len(list(images.rglob("*.jpg.xmp"))) == 36
    assert "apple" in (images / "apple" / "000.jpg.xmp").read_text("utf-8")


def test_without_images_there_is_nothing_to_save(owner: Person, learnt: Person) -> None:
    assert entry(learnt, "Save the classes").isEnabled()
    learnt.waits_for(lambda: learnt.presses("Ctrl+Z"))
    assert not entry(learnt, "Save the classes").isEnabled()
    assert not entry(learnt, "XMP sidecars").isEnabled()


def test_each_entry_of_the_menu_has_a_help_and_keys_differ(owner: Person) -> None:
    actions = [a for a in owner.page("Images").adding.button.menu().actions() if a.text()]
    assert all(a.toolTip() for a in actions)
    letters = [a.text()[a.text().index("&") + 1].lower() for a in actions]
    assert len(set(letters)) == len(letters)


def test_a_folder_is_no_file_of_classes(owner: Person, images: Path) -> None:
    """Not even one that is called so."""
    (images / "apple").rename(images.parent / "apple.csv")
    mime: QMimeData = urls([images.parent / "apple.csv"])
    owner.will_answer("", "All of one class")
    owner.waits_for(lambda: drop(owner.page("Images"), mime))
    assert owner.classes() == {"apple.csv": 12}

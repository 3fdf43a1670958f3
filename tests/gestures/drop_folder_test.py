"""A person drops a folder: classes appear, are learnt, and can be taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from app.shell.project_dialog import SUFFIX, ProjectDialog
from tests.helpers.live import film_of, scene
from tests.helpers.window import Person, drop, texts, urls


def test_a_dropped_folder_becomes_classes_that_are_learnt(owner: Person, images: Path) -> None:
    page = owner.page("Images")

    ended = owner.waits_for(lambda: drop(page, urls([images])))

    assert ended.how == "done", ended.text
    assert owner.classes() == {"apple": 12, "banana": 12, "cherry": 12}
    assert all(view.learnt for view in owner.project.classes)
    owner.sees(lambda: page.rows.rowCount() == 36)
    assert page.classes.rows.rowCount() == 4, "all images, and three classes"
    learn = owner.page("Learn")
    owner.sees(lambda: sorted(learn.scores.matrix.names) == sorted(owner.classes()))
    assert "test images are right" in texts(learn.scores.summary)


def test_undo_takes_the_drop_back_and_redo_brings_it_again(owner: Person, images: Path) -> None:
    page = owner.page("Images")
    owner.waits_for(lambda: drop(page, urls([images])))
    assert owner.window.header.undo.accessibleName() == "Undo: learnt apple, banana and cherry"
    assert owner.project.undo[-1] == "Learn apple, banana and cherry"

    owner.waits_for(lambda: owner.presses("Ctrl+Z"))
    assert owner.classes() == {}
    assert page.pages.currentWidget() is page.empty

    owner.waits_for(lambda: owner.presses("Ctrl+Shift+Z"))
    assert owner.classes() == {"apple": 12, "banana": 12, "cherry": 12}
    assert all(view.learnt for view in owner.project.classes)


def test_a_drop_on_a_class_adds_to_it(owner: Person, images: Path) -> None:
    page = owner.page("Images")
    owner.waits_for(lambda: drop(page, urls([images / "apple", images / "banana"])))
    place = page.classes.visualRect(page.classes.rows.index(1)).center()

    owner.waits_for(lambda: drop(page.classes.viewport(), urls([images / "cherry"]), place))

    assert owner.classes() == {"apple": 24, "banana": 12}


def test_an_empty_folder_is_refused_in_one_sentence(owner: Person, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    ended = owner.waits_for(lambda: drop(owner.page("Images"), urls([empty])))

    assert ended.how == "refused"
    assert owner.messages() == [ended.text]
    assert owner.classes() == {}
    assert owner.project.undo == ()


def shown_in(window: Any, part: QWidget) -> QWidget | None:
    return part if part.isVisibleTo(window) else None


def test_a_folder_dropped_into_the_empty_window_makes_a_project(
    person: Person, images: Path
) -> None:
    window = person.window
    assert window.stack.currentWidget() is window.welcome

    proposed: list[str] = []

    def look() -> bool:
        if dialog := QApplication.activeModalWidget():
            field = dialog.findChild(QLineEdit)
            proposed.extend((field.text(), field.selectedText()))
        return dialog is not None

    person.later(look)
    person.will_answer("My fruit: red/yellow", "Create")
    arriving, seen = window.pages["Images"].arriving, list[QWidget | None]()
    window.bridge.progress.connect(lambda *_: seen.append(shown_in(window, arriving)))
    drop(window.header, urls([images]))  # anywhere: also beside the page

    person.sees(lambda: len(person.endings) == 2)
    assert arriving in seen, "while nothing is there yet, the page says what comes"
    assert shown_in(window, arriving) is None
    assert [ended.how for ended in person.endings] == ["done", "done"]
    assert proposed == ["fruit", "fruit"], "the folder's name is proposed, to be typed over"
    assert person.project.name == "My fruit: red/yellow"
    assert Path(person.project.path).name == "My fruit red yellow.espalier"
    assert person.classes() == {"apple": 12, "banana": 12, "cherry": 12}
    assert window.preferences.recent == [person.project.path]
    assert window.preferences.names == {person.project.path: person.project.name}
    assert window.rail.isVisible()


def test_a_folder_dropped_on_learn_is_learnt(owner: Person, images: Path) -> None:
    owner.waits_for(lambda: drop(owner.page("Learn"), urls([images])))
    assert owner.classes() == {"apple": 12, "banana": 12, "cherry": 12}
    page = owner.page("Learn")
    matrix = page.scores.matrix
    over = page.childAt(matrix.mapTo(page, matrix.rect().center()))
    while not over.acceptDrops():
        over = over.parentWidget()
    assert over is page, "nothing on the page takes the drop for itself"


def sample_of_one(person: Person, images: Path) -> None:
    """Opens a project where the sample lies: drawing the real one takes seconds."""
    path = str(person.window.sample.path)
    submit = person.window.bridge.submit
    person.waits_for(lambda: submit("new_project", path=path))
    person.waits_for(lambda: submit("add_images", paths=[str(images / "apple")]))


def test_an_own_folder_dropped_on_the_sample_makes_a_project_of_its_own(
    person: Person, images: Path
) -> None:
    sample_of_one(person, images)
    sample, before = person.project.path, len(person.endings)

    person.will_answer("", "New project")
    drop(person.page("Images"), urls([images]))
    person.sees(lambda: person.window.findChild(ProjectDialog))
    person.will_answer("", "Create")

    person.sees(lambda: len(person.endings) == before + 2)
    assert person.project.path != sample
    assert Path(person.project.path).name == f"fruit{SUFFIX}"
    assert person.classes() == {"apple": 12, "banana": 12, "cherry": 12}


def test_an_own_folder_is_added_to_the_sample_where_the_person_says_so(
    person: Person, images: Path
) -> None:
    sample_of_one(person, images)
    sample, before = person.project.path, len(person.endings)

    person.will_answer("", "Cancel")
    drop(person.page("Learn"), urls([images / "banana"]))
    person.sees(lambda: QApplication.activeModalWidget() is None)
    assert len(person.endings) == before
    person.will_answer("", "Add to the sample")
    person.waits_for(lambda: drop(person.page("Learn"), urls([images / "banana"])))
    assert person.project.path == sample
    assert person.classes() == {"apple": 12, "banana": 12}
    person.waits_for(lambda: drop(person.page("Images"), urls([images / "cherry"])))
    assert list(person.classes()) == ["apple", "banana", "cherry"], "asked once"


@pytest.mark.parametrize("single", [False, True])
def test_what_is_dropped_first_without_class_folders_can_be_sorted(
    owner: Person, images: Path, single: bool
) -> None:
    """A person has all images in one folder, of many classes, and begins as with class folders."""
    dropped = sorted((images / "apple").iterdir()) if single else [images / "apple"]
    owner.will_answer("", "Sort them")
    ended = owner.waits_for(lambda: drop(owner.page("Images"), urls(dropped)))
    assert ended.how == "done", ended.text
    assert (owner.project.unsorted, owner.classes()) == (12, {})
    assert owner.window.stack.currentWidget() is owner.window.pages["Sort"]


def test_what_is_dropped_first_without_class_folders_can_be_one_class(
    owner: Person, images: Path
) -> None:
    page = owner.page("Images")
    owner.will_answer("", "Cancel")
    drop(page, urls([images / "apple"]))
    owner.sees(lambda: QApplication.activeModalWidget() is None)
    owner.will_answer("", "All of one class")
    owner.waits_for(lambda: drop(page, urls([images / "apple"])))
    assert owner.classes() == {"apple": 12}
    owner.waits_for(lambda: drop(page, urls([images / "banana"])))
    assert owner.classes() == {"apple": 12, "banana": 12}, "asked while there is no class alone"


@pytest.mark.parametrize("at_once", [True, False])
def test_films_in_class_folders_are_of_their_classes(
    owner: Person, tmp_path: Path, at_once: bool
) -> None:
    page = owner.page("Images")
    page.adding.at_once.setChecked(at_once)
    for name, first in (("moth", 0), ("snail", 40)):
        (tmp_path / "films" / name).mkdir(parents=True)
        scenes = [scene(first + second) for second in range(6) for _ in range(25)]
        film_of(tmp_path / "films" / name / "film.avi", scenes, side=96)

    ended = owner.waits_for(lambda: drop(page, urls([tmp_path / "films"])))

    assert ended.how == "done", ended.text
    assert owner.classes() == {"moth": 6, "snail": 6}
    owner.sees(
        lambda: any("Nothing of moth and snail can be tested" in m for m in owner.messages())
    )

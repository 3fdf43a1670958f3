"""A person puts images right where they are seen to be wrong, by keys alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from app.widgets.rows import row_of
from app.widgets.viewer import Viewer
from tests.helpers.image_files import plain_folders, planted
from tests.helpers.window import Person, drop, urls

CLASSES = ["hat", "shoes", "skirt", "pants"]
MOVES = [
    ("hat", "shoes", 0),
    ("hat", "skirt", 1),
    ("shoes", "pants", 2),
    ("skirt", "hat", 3),
    ("skirt", "pants", 4),
    ("pants", "hat", 5),
    ("pants", "shoes", 6),
]
FIRST = 15


@pytest.fixture
def planted_files(tmp_path: Path) -> list[str]:
    """Seven images in wrong classes, of four classes of 24."""
    return planted(plain_folders(tmp_path / "clothes", CLASSES, 24), MOVES)


@pytest.fixture
def mender(owner: Person, tmp_path: Path, planted_files: list[str]) -> Person:
    """A person on the Learn page, whose project has learnt with seven images in wrong classes."""
    ended = owner.waits_for(lambda: drop(owner.page("Images"), urls([tmp_path / "clothes"])))
    assert ended.how == "done", ended.text
    owner.page("Learn")
    return owner


def pictures(person: Person) -> QWidget:
    return person.window.pages["Learn"].scores.images


def names(person: Person) -> list[str]:
    return [Path(row["path"]).name for row in pictures(person).rows.everything()]


def current(person: Person) -> dict:
    found = pictures(person)
    return found.rows.row(found.gallery.currentIndex().row())


def shows_wrong(person: Person) -> None:
    person.presses("Alt+W")
    person.sees(lambda: pictures(person).choices[1].isChecked() and names(person))
    person.sees(lambda: pictures(person).gallery.hasFocus() and current(person))


def presses(person: Person, key: str) -> None:
    person.presses(key)


def learnt_all(person: Person) -> Callable[[], bool]:
    return lambda: not person.window.bridge.jobs and "earnt" in pictures(person).bar.news.text()


def test_seven_images_in_wrong_classes_are_found_and_mended_by_keys_alone(
    mender: Person, planted_files: list[str]
) -> None:
    before = mender.project.current_step.accuracy
    shows_wrong(mender)
    assert set(planted_files) <= set(names(mender)[:FIRST])
    keys = 1

    for _ in range(FIRST):
        if not (row := current(mender)):
            break
        name = Path(row["path"]).name
        belongs = name.split()[0] if name in planted_files else row["class"]
        key = "Return" if row["predicted"] == belongs else "K"
        presses(mender, key)
        keys += 1
        mender.sees(lambda shown=row: current(mender) is None or current(mender) != shown)

    mender.sees(learnt_all(mender))
    assert keys <= FIRST + 1
    assert mender.classes() == dict.fromkeys(CLASSES, 24)
    assert mender.project.current_step.accuracy > before
    assert all(view.learnt for view in mender.project.classes)
    assert not set(planted_files) & set(names(mender))


def test_both_sides_are_shown_and_say_what_they_are_taken_for(
    mender: Person, planted_files: list[str]
) -> None:
    shows_wrong(mender)
    rows = [r for r in pictures(mender).rows.everything() if Path(r["path"]).name in planted_files]

    assert {row["split"] for row in rows} == {"train", "validation"}
    for row in rows:
        share = f"{100 * row['confidence']:.0f} %"
        assert row["caption"] == f"{row['class']}, taken for\n{row['predicted']} {share}"
    shown = pictures(mender).bar.choices.text().replace("\xa0", " ")
    assert shown.startswith(f"1 {current(mender)['predicted']} ")
    assert current(mender)["class"] not in shown


def test_a_digit_moves_to_the_class_that_it_stands_for(mender: Person) -> None:
    shows_wrong(mender)
    row = current(mender)
    third = [name for name, _ in row["likeliest"] if name != row["class"]][2]

    mender.waits_for(lambda: presses(mender, "3"))

    assert mender.classes()[third] == 24 + 1 + balance(third)
    mender.sees(learnt_all(mender))
    left = {r["id"] for r in pictures(mender).rows.everything()}
    assert row["id"] not in left, "nobody is asked about it again"


def balance(name: str) -> int:
    """How many more images a class has than it should, before anything is mended."""
    return sum((to == name) - (of == name) for of, to, _ in MOVES)


def test_k_keeps_and_z_asks_again(mender: Person) -> None:
    shows_wrong(mender)
    row, before = current(mender), mender.classes()

    mender.waits_for(lambda: presses(mender, "K"))

    assert mender.classes() == before
    assert current(mender)["id"] != row["id"], "the next image is shown"
    mender.page("Learn").scores.images.choices[0].click()
    mender.sees(lambda: len(names(mender)) > 10)
    assert row["id"] not in {r["id"] for r in pictures(mender).rows.everything()}
    mender.waits_for(lambda: presses(mender, "Z"))
    shows_wrong(mender)
    mender.sees(lambda: row["id"] in {r["id"] for r in pictures(mender).rows.everything()})


def test_delete_removes_and_z_brings_the_image_back_to_the_eye(mender: Person) -> None:
    shows_wrong(mender)
    row, before = current(mender), mender.classes()

    mender.waits_for(lambda: presses(mender, "Delete"))
    assert sum(mender.classes().values()) == sum(before.values()) - 1
    assert current(mender)["id"] != row["id"]
    mender.sees(learnt_all(mender))
    mender.waits_for(lambda: presses(mender, "Z"))

    assert mender.classes() == before
    assert current(mender)["id"] == row["id"]
    assert len(mender.project.undo) == 1, "one undo for both"


def test_several_chosen_images_go_each_where_it_belongs(
    mender: Person, planted_files: list[str]
) -> None:
    shows_wrong(mender)
    pictures(mender).gallery.selectAll()
    rows = pictures(mender).chosen()
    answers = {row["predicted"] for row in rows}
    assert len(answers) > 1

    presses(mender, "Return")
    mender.sees(learnt_all(mender))

    assert {row["id"] for row in rows}.isdisjoint(
        row["id"] for row in pictures(mender).rows.everything()
    )
    assert mender.classes() == dict.fromkeys(CLASSES, 24)


def test_the_menu_has_the_same_acts(mender: Person) -> None:
    shows_wrong(mender)
    row, gallery = current(mender), pictures(mender).gallery

    gallery.customContextMenuRequested.emit(QPoint(4, 4))
    menu = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMenu) and w.isVisible())
    words = [action.text() for action in menu.actions() if action.text()]
    assert words[0].startswith(f"Move to {row['predicted']} (")
    assert words[0].endswith("\t1")
    assert words[-3:] == [f"Keep in {row['class']}\tK", "Remove\tDelete", "Undo\tZ"]
    mender.waits_for(menu.actions()[0].trigger)
    menu.close()

    assert mender.classes()[row["predicted"]] == 24 + 1 + balance(row["predicted"])


def test_the_viewer_mends_and_goes_on_to_the_next(mender: Person) -> None:
    shows_wrong(mender)
    mender.presses("Space", pictures(mender).gallery)
    viewer: Viewer = mender.window.findChild(Viewer)
    mender.sees(viewer.isVisible)
    first = current(mender)
    share = f"{100 * first['confidence']:.0f} %"
    assert viewer.answer.full == f"{first['class']}, taken for {first['predicted']} {share}"

    mender.waits_for(lambda: mender.presses("Return", viewer))

    assert viewer.isVisible()
    assert mender.classes()[first["predicted"]] == 24 + 1 + balance(first["predicted"])
    second = viewer.chosen()[0]
    assert second["id"] != first["id"]
    assert viewer.image.path == second["file"]
    mender.waits_for(lambda: mender.presses("Z", viewer))
    assert viewer.chosen()[0]["id"] == first["id"]
    mender.presses("Esc", viewer)


def test_the_viewer_enlarges_and_shows_all_again(mender: Person) -> None:
    shows_wrong(mender)
    mender.presses("Space", pictures(mender).gallery)
    viewer: Viewer = mender.window.findChild(Viewer)
    mender.sees(lambda: viewer.isVisible() and not viewer.image.image.isNull())
    whole = viewer.image.place()

    mender.presses("+", viewer)
    mender.sees(lambda: viewer.image.place().width() > whole.width())
    mender.presses("-", viewer)
    mender.sees(lambda: viewer.image.place() == whole)
    for times in range(3):
        mender.presses("+", viewer)
        mender.sees(lambda n=times + 1: viewer.image.times > 1.2**n)
    before = viewer.image.place()
    QTest.mousePress(viewer.image, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    QTest.mouseMove(viewer.image, QPoint(90, 80))
    QTest.mouseRelease(viewer.image, Qt.MouseButton.LeftButton, pos=QPoint(90, 80))
    assert viewer.image.place().topLeft() != before.topLeft()
    mender.presses("0", viewer)
    assert viewer.image.place() == whole
    mender.presses("Esc", viewer)


def test_on_try_a_wrong_answer_is_told_what_it_is(mender: Person, tmp_path: Path) -> None:
    more = plain_folders(tmp_path / "more", CLASSES, 1, seed=9)
    page = mender.page("Try")
    drop(page, urls([more / "skirt" / "000.jpg"]))
    mender.sees(lambda: page.bars.bars)
    mender.will_answer("scarf", "OK")

    mender.waits_for(lambda: mender.presses("Ctrl+K"))

    (scarf,) = [view for view in mender.project.classes if view.name == "scarf"]
    assert (scarf.train, scarf.learnt) == (1, True)
    mender.sees(lambda: "scarf" in dict(page.bars.bars))
    assert any("scarf" in text for text in mender.messages())
    mender.waits_for(lambda: mender.presses("Ctrl+Z"))
    assert "scarf" not in mender.classes()


def test_a_pasted_image_is_added_too(mender: Person, tmp_path: Path) -> None:
    more = plain_folders(tmp_path / "more", CLASSES, 1, seed=9)
    page, before = mender.page("Try"), mender.classes()["skirt"]
    QGuiApplication.clipboard().setImage(QImage(str(more / "skirt" / "000.jpg")))
    mender.presses("Ctrl+V")
    mender.sees(lambda: page.bars.bars)
    mender.will_answer("skirt", "OK")

    mender.waits_for(lambda: mender.presses("Ctrl+K"))

    assert mender.classes()["skirt"] == before + 1


def test_a_method_that_judges_one_side_says_so(mender: Person) -> None:
    bridge = mender.window.bridge
    mender.waits_for(lambda: bridge.submit("learn", learner="tilda"))

    mender.sees(lambda: "can't be judged" in pictures(mender).title.full)
    rows = pictures(mender).rows.everything()
    assert {row["split"] for row in rows} == {"validation"}


def test_the_button_says_where_return_moves_it_and_is_gone_where_nowhere(
    mender: Person, planted_files: list[str]
) -> None:
    shows_wrong(mender)
    bar, row = pictures(mender).bar, current(mender)
    assert row["predicted"] != row["class"]
    assert bar.mover.text() == f"Move to {row['predicted']}  ↵"

    mender.presses("Alt+U")
    found = pictures(mender)
    mender.sees(lambda: found.choices[0].isChecked() and found.rows.rowCount())
    right = next(n for n, r in enumerate(found.rows.everything()) if r["predicted"] == r["class"])
    below = bar.buttons[0].pos()
    found.gallery.go_to(right)

    assert not bar.mover.isVisible()
    assert bar.buttons[0].isVisible()
    assert bar.buttons[0].pos() == below, "nothing moves"


def test_captions_are_shortened_in_their_names_alone(owner: Person, tmp_path: Path) -> None:
    names_ = [f"a class with a very long name that ends in {n}" for n in range(2)]
    planted(plain_folders(tmp_path / "long", names_, 24), [(*names_, 0), (*names_[::-1], 1)])
    owner.waits_for(lambda: drop(owner.page("Images"), urls([tmp_path / "long"])))
    owner.page("Learn")
    shows_wrong(owner)
    gallery = pictures(owner).gallery

    row = row_of(gallery.rows.index(0))
    first, second = gallery.tile.words(row, 128)

    assert first.endswith(f"{row['class'][-1]} →")
    assert second.endswith(f"{row['predicted'][-1]} {100 * row['confidence']:.0f} %")
    whole = f"class {row['class']}, seen as {row['predicted']} "
    assert whole in gallery.rows.index(0).data(Qt.ItemDataRole.ToolTipRole)


def test_keys_stand_at_the_foot_and_news_moves_none_of_them(mender: Person) -> None:
    shows_wrong(mender)
    bar = pictures(mender).bar
    keys = [bar.mover, *bar.buttons]
    before = [key.mapTo(mender.window, QPoint()) for key in keys]
    assert not bar.news.isVisible()
    assert bar.buttons[0].geometry().bottom() >= bar.height() - 1, "no room is lost below them"

    mender.waits_for(lambda: presses(mender, "K"))

    mender.sees(lambda: bar.news.isVisible() and bar.mover.isVisible())
    mender.sees(lambda: [key.mapTo(mender.window, QPoint()) for key in keys] == before)


def test_long_names_leave_the_cards_as_wide_as_they_are(owner: Person, tmp_path: Path) -> None:
    long = "a class whose name is longer than the room beside its images, as those of moths are"
    root = plain_folders(tmp_path / "clothes", ["hat", long, "skirt"], 12)
    owner.waits_for(lambda: drop(owner.page("Images"), urls([root])))
    owner.window.resize(1280, 800)
    scores = owner.page("Learn").scores
    owner.sees(lambda: long[:3] in scores.images.bar.choices.text().replace("\xa0", " "))
    owner.sees(lambda: scores.matrix_card.width() > scores.images_card.width())
    words = scores.images.bar.choices
    metrics = words.fontMetrics()
    for said in words.text().split("   "):
        assert metrics.horizontalAdvance(said) <= words.width()

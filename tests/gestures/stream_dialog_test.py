"""A person judges by a stream: opens its dialog on the Learn page, reads it, learns the images."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.pages.images.camera import CameraDialog
from app.pages.learn.stream import StreamDialog, line
from app.shell.window import Window
from app.widgets.viewer import Viewer
from tests.app.test_accessible import complaints
from tests.gestures.hold_button_test import opened as camera_opened
from tests.gestures.hold_button_test import taken
from tests.helpers.image_files import class_folders, plain_folders
from tests.helpers.live import Camera, served
from tests.helpers.sort_page import CLASSES as PLAIN
from tests.helpers.sort_page import at_rest, page, plain, presses
from tests.helpers.window import Person, drop, texts, urls
from tests.helpers.window_fixtures import with_project


def opened(person: Person) -> StreamDialog:
    person.page("Learn")
    person.presses("Ctrl+Shift+J")
    person.sees(lambda: person.window.findChild(StreamDialog))
    return person.window.findChild(StreamDialog)


def test_three_orders_and_what_looks_different(learnt: Person, tmp_path: Path) -> None:
    names = learnt.project.current_step.classes
    root = class_folders(tmp_path / "new", dict.fromkeys(names, 5), seed=8)
    steps, before = len(learnt.project.steps), learnt.classes()
    dialog = opened(learnt)
    assert not dialog.learn_button.isEnabled()
    assert complaints(dialog) == []
    learnt.sees(lambda: dialog.plot.chart is not None)
    assert not dialog.plot.chart.isVisible(), "it says what to do, and nothing lies over that"

    learnt.will_choose_file(root)
    dialog.choose_button.click()

    learnt.sees(lambda: dialog.plot.series)
    assert [s.name for s in dialog.plot.series] == ["as they came", "shuffled", "class by class"]
    assert {len(s.points) for s in dialog.plot.series} == {5 * len(names)}
    assert dialog.news.text().startswith(f"{5 * len(names)} images. Right: as they came ")
    tests = len(names) + 3
    assert "No drift was found." in dialog.drift.says.text()
    assert not dialog.drift.parts
    assert f"Without drift, {tests} tests raise any alarm in 5 % of all" in texts(dialog)
    assert "(Gama, Sebastião and Rodrigues, 2013)" in texts(dialog)
    assert complaints(dialog) == []

    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+L", dialog))

    assert ended.how == "done", ended.text
    assert len(learnt.project.steps) == steps + 1
    assert learnt.classes() == {name: count + 5 for name, count in before.items()}


def test_what_is_judged_by_can_be_set(learnt: Person, tmp_path: Path) -> None:
    """The order, how answers fade and how rare false alarms are, by their keys: judged anew."""
    names = learnt.project.current_step.classes
    root = class_folders(tmp_path / "new", dict.fromkeys(names, 5), seed=8)
    dialog = opened(learnt)
    drop(dialog, urls([root]))
    learnt.sees(lambda: dialog.plot.series)

    types_in(learnt, dialog, "Alt+A", "0.5")
    learnt.sees(lambda: "raise any alarm in 0.5 % of all streams" in texts(dialog))
    types_in(learnt, dialog, "Alt+F", "0.5")
    learnt.sees(lambda: "Here f is 0.5" in texts(dialog))
    learnt.presses("Alt+O", dialog)
    assert dialog.settings.order.hasFocus()
    QTest.keyClick(dialog.settings.order, Qt.Key.Key_Down)
    QTest.keyClick(dialog.settings.order, Qt.Key.Key_Down)
    learnt.sees(lambda: [s.name for s in dialog.plot.series] == ["shuffled"])

    assert "raise any alarm in 0.5 % of all streams" in texts(dialog)
    assert dialog.news.text().startswith(f"{5 * len(names)} images. Right: shuffled ")
    assert complaints(dialog) == []
    dialog.reject()


def types_in(person: Person, dialog: StreamDialog, key: str, text: str) -> None:
    """Goes to a field by its key, and types a number there."""
    person.presses(key, dialog)
    field = dialog.focusWidget()
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert dialog.isVisible(), "Return takes the number, and presses no button"


def red_turned(tmp_path: Path) -> Path:
    """Images of three classes, of which from the 9th on those of red are as those of teal."""
    root = plain_folders(tmp_path / "days", PLAIN, 24, seed=4)
    for file in sorted((root / "red").iterdir())[8:]:
        with Image.open(root / "teal" / file.name) as image:
            image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(file)
    return root


def test_what_looks_different_is_seen(owner: Person, tmp_path: Path) -> None:
    """Each alarm with its images, which open large by Return, by a double click and by Space."""
    known = plain_folders(tmp_path / "known", PLAIN, 40)
    ended = owner.waits_for(lambda: drop(owner.page("Images"), urls([known])))
    assert ended.how == "done", ended.text
    dialog = opened(owner)

    drop(dialog, urls([red_turned(tmp_path)]))

    owner.sees(lambda: dialog.drift.parts)
    alarm = next(p for p in dialog.drift.parts if "red looks different since" in texts(p))
    assert "Gama" not in texts(dialog.drift), "what the figures mean stands apart from alarms"
    shown = alarm.rows.everything()
    assert {Path(row["file"]).parent.name for row in shown} == {"red"}
    pictures = owner.window.thumbs.kept
    owner.sees(lambda: all(row["thumb"] in pictures for row in shown))
    assert not any(pictures[row["thumb"]].isNull() for row in shown)
    assert complaints(dialog) == []
    owner.presses("Alt+I", dialog)
    first = dialog.drift.parts[0]
    assert first.gallery.hasFocus()
    first.gallery.go_to(0)
    assert (
        looked_at(owner, lambda: QTest.keyClick(first.gallery, Qt.Key.Key_Return))
        == (first.rows.everything()[0]["file"])
    )
    place, port = alarm.gallery.visualRect(alarm.rows.index(1)).center(), alarm.gallery.viewport()
    left = Qt.MouseButton.LeftButton
    QTest.mouseClick(port, left, pos=place)
    assert looked_at(owner, lambda: QTest.mouseDClick(port, left, pos=place)) == shown[1]["file"]
    assert dialog.isVisible()
    dialog.reject()


def looked_at(person: Person, gesture: Callable[[], object]) -> str:
    """The file that a gesture opens large; it is closed again."""
    gesture()
    person.sees(lambda: person.window.findChild(Viewer))
    viewer = person.window.findChild(Viewer)
    person.sees(lambda: not viewer.image.image.isNull())
    path = viewer.image.path
    person.presses("Esc", viewer)
    person.sees(lambda: person.window.findChild(Viewer) is None)
    return path


def test_how_suggestions_went_is_drawn_while_one_sorts(begun: Person) -> None:
    """The dialog stands beside the window: keys of the Sort page are pressed while it shows."""
    dialog = opened(begun)
    begun.page("Sort")
    at_rest(begun)
    begun.sees(lambda: dialog.plot.series)
    (found,) = dialog.plot.series
    before = len(found.points)
    name_next(begun)
    begun.sees(lambda: len(dialog.plot.series[0].points) > before)
    (found,) = dialog.plot.series
    assert found.name == "as you sorted"
    assert dialog.news.text().endswith(f"; of late {found.points[-1][1]:.1f} %.")
    before = len(found.points)
    name_next(begun)
    begun.sees(lambda: len(dialog.plot.series[0].points) > before)
    assert "images that nobody chose" in texts(dialog), "of what is drift told, and how to know now"
    assert complaints(dialog) == []
    begun.page("Learn")
    begun.presses("Ctrl+Shift+J")
    begun.sees(dialog.isActiveWindow)
    assert begun.window.findChildren(StreamDialog) == [dialog], "there is one, which comes back"
    begun.window.close_project()
    begun.sees(lambda: begun.window.findChild(StreamDialog) is None)


def test_what_a_camera_saw_looks_different_while_one_holds(owner: Person, tmp_path: Path) -> None:
    """Each hold is one image that nobody chose: told of without a folder, with the images."""
    known = plain_folders(tmp_path / "known", PLAIN, 40)
    ended = owner.waits_for(lambda: drop(owner.page("Images"), urls([known])))
    assert ended.how == "done", ended.text
    later = plain_folders(tmp_path / "later", PLAIN, 12, seed=3)
    stream = opened(owner)
    with served(shown := Camera()) as address:
        taking = camera_opened(owner, address, "Learn")
        taking.name.setCurrentText("red")
        days = itertools.count(1_700_000_000, 86_400)
        for file in sorted((later / "teal").iterdir()):
            ticks = itertools.count(next(days), 0.3)
            taking.clock = lambda ticks=ticks: next(ticks)
            held(owner, shown, taking, file.read_bytes())
        owner.presses("Esc", taking)

    owner.sees(lambda: stream.drift.parts)
    assert "red looks different since" in texts(stream.drift.parts[0])
    assert stream.drift.parts[0].rows.rowCount() > 2
    assert "raise any alarm in 5 % of all streams" in texts(stream)
    assert complaints(stream) == []
    stream.reject()


def held(person: Person, shown: Camera, taking: CameraDialog, frame: bytes) -> None:
    """Holds the button while the camera shows one image, until some of it is taken."""
    QTest.keyPress(taking.hold, Qt.Key.Key_Space)

    def took() -> bool:
        shown.sends(frame)
        return taken(taking) > 0

    person.sees(took)
    ended = person.waits_for(lambda: QTest.keyRelease(taking.hold, Qt.Key.Key_Space))
    assert ended.how == "done", ended.text


def name_next(person: Person) -> None:
    """Takes what is suggested for the next image, by its key."""
    gallery = page(person).gallery
    gallery.setFocus()
    gallery.go_to(plain(person))
    person.waits_for(lambda: presses(person, "Return"))
    at_rest(person)


def test_what_can_not_be_judged_is_said(learnt: Person, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    dialog = opened(learnt)
    drop(dialog, urls([tmp_path / "empty"]))
    learnt.sees(lambda: dialog.news.text().startswith("There is nothing to judge by."))
    assert dialog.choose_button.isEnabled()
    assert not dialog.learn_button.isEnabled()
    dialog.reject()


def test_a_long_line_keeps_its_end() -> None:
    found = line("came", [n / 5000 for n in range(5000)])
    assert len(found.points) <= 602
    assert found.points[0] == (1, 0)
    assert found.points[-1] == (5000, pytest.approx(100 * 4999 / 5000))


def test_it_goes_with_the_window(
    own_window: Window, qtbot: QtBot, weights: Path, images: Path, tmp_path: Path
) -> None:
    person = with_project(Person(own_window, qtbot), weights, tmp_path)
    person.waits_for(lambda: drop(person.page("Images"), urls([images])))
    dialog = opened(person)
    own_window.close()
    assert not dialog.isVisible()


def test_nothing_goes_on_when_it_is_closed(learnt: Person, tmp_path: Path) -> None:
    root = class_folders(tmp_path / "new", {"apple": 30, "pear": 30}, seed=9)
    dialog = opened(learnt)
    drop(dialog, urls([root]))
    assert dialog.question
    learnt.presses("Escape", dialog)
    learnt.sees(lambda: learnt.window.findChild(StreamDialog) is None)
    shutil.rmtree(root)

"""A person looks at all images at once, and names those that lie together."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QPushButton

from app.pages.map.drawn import RING
from app.widgets.viewer import Viewer
from tests.helpers.image_files import plain_folders
from tests.helpers.plots import table
from tests.helpers.window import Person, drop, texts, urls

CLASSES = ["red", "teal", "violet"]
COUNT = 12
SHIFT = Qt.KeyboardModifier.ShiftModifier
LEFT = Qt.MouseButton.LeftButton
KNOWN = {"red": COUNT, "teal": COUNT}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plain_folders(tmp_path_factory.mktemp("sorted"), CLASSES, COUNT)


@pytest.fixture
def looker(owner: Person, folders: Path) -> Person:
    """A person on the Map page: two classes are learnt, and the third waits on the heap."""
    known = [folders / name for name in KNOWN]
    assert owner.waits_for(lambda: drop(owner.page("Images"), urls(known))).how == "done"
    submit = owner.window.bridge.submit
    added = owner.waits_for(lambda: submit("add_unsorted", paths=[str(folders / "violet")]))
    assert added.how == "done"
    owner.page("Map")
    at_rest(owner, 3 * COUNT)
    return owner


def page(person: Person) -> Any:
    return person.window.pages["Map"]


def plot(person: Person) -> Any:
    return page(person).plot


def at_rest(person: Person, count: int) -> None:
    """All that was asked is answered, and what was named is learnt; so many points are there."""
    mapping = page(person).mapping
    person.sees(
        lambda: (
            not (mapping.looking or mapping.drawing or mapping.refining or mapping.due)
            and not mapping.pause.isActive()
            and not person.window.bridge.jobs
            and plot(person).cloud is not None
            and len(plot(person).cloud) == count
            and not plot(person).waiting
        )
    )


def spots(person: Person) -> dict[str, tuple[float, float]]:
    """Where each image lies on the map, by path, to the last bit."""
    cloud = plot(person).cloud
    return {cloud.path(at): tuple(spot) for at, spot in enumerate(cloud.spots.tolist())}


def points_of(person: Person, folder: str) -> dict[str, QPointF]:
    """Where the images of a folder are seen, by path, in pixels of the plot."""
    return {
        path: plot(person).spot(*spot)
        for path, spot in spots(person).items()
        if Path(path).parent.name == folder
    }


def loop(person: Person, around: list[QPointF], keys: Any = None) -> None:
    """Draws a loop around points with the mouse: a circle, a little larger than they need."""
    shown, keys = plot(person), keys or Qt.KeyboardModifier.NoModifier
    x = sum(p.x() for p in around) / len(around)
    y = sum(p.y() for p in around) / len(around)
    far = max(math.hypot(p.x() - x, p.y() - y) for p in around) + 8
    corners = [
        QPoint(
            round(x + far * math.cos(n * math.tau / 24)),
            round(y + far * math.sin(n * math.tau / 24)),
        )
        for n in range(24)
    ]
    QTest.mousePress(shown, LEFT, keys, corners[0])
    for corner in corners[1:]:
        QTest.mouseMove(shown, corner)
        QApplication.processEvents()
    QTest.mouseRelease(shown, LEFT, keys, corners[-1])


def chosen(person: Person) -> set[str]:
    """The names of the folders whose images are chosen, with how many each."""
    cloud = plot(person).cloud
    names = [Path(cloud.path(int(n))).parent.name for n in cloud.chosen.nonzero()[0]]
    return {f"{name} {names.count(name)}" for name in names}


def types(person: Person, name: str) -> None:
    """Begins with a letter on the map, and goes on in the field, which has the focus then."""
    field = page(person).side.field
    plot(person).setFocus()
    QTest.keyClicks(plot(person), name[0])
    assert field.hasFocus()
    QTest.keyClicks(field, name[1:])
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert plot(person).hasFocus(), "the hand is back on the map"


def presses(person: Person, key: Any, keys: Any = None) -> None:
    plot(person).setFocus()
    QTest.keyClick(plot(person), key, keys or Qt.KeyboardModifier.NoModifier)


def test_the_page_is_reached_and_says_what_to_do_first(owner: Person, folders: Path) -> None:
    owner.presses("Ctrl+8")
    found = page(owner)
    owner.sees(lambda: owner.window.stack.currentWidget() is found)
    assert found.pages.currentWidget() is found.empty
    (button,) = [b for b in found.empty.findChildren(QPushButton) if b.isVisible()]
    assert button.hasFocus()
    button.click()
    assert owner.window.stack.currentWidget() is owner.window.pages["Images"]
    owner.will_answer("", "All of one class")
    owner.waits_for(lambda: drop(owner.window.pages["Images"], urls([folders / "red"])))
    owner.page("Map")
    at_rest(owner, COUNT)
    assert "12 images" in texts(found)
    assert "distances between groups mean nothing" in texts(found)


def test_all_images_lie_there_and_each_says_what_it_is(looker: Person) -> None:
    found, classes = page(looker), page(looker).side.classes
    assert [classes.item(n).text() for n in range(classes.count())] == [
        f"1  red   {COUNT}",
        f"2  teal   {COUNT}",
        f"Unsorted   {COUNT}",
    ]
    path, spot = next(iter(points_of(looker, "violet").items()))

    QTest.mouseMove(found.plot, spot.toPoint())
    looker.sees(lambda: len(found.plot.said()) == 3 and found.plot.shown_image.isVisible())

    name, of, likely = found.plot.said()
    assert (Path(path).name, of) == (name, "unsorted")
    assert likely.startswith("looks like ")
    assert found.plot.accessibleDescription() == ", ".join(found.plot.said())


def test_what_is_chosen_is_ringed_also_where_it_lies_on_an_image(looker: Person) -> None:
    shown = plot(looker)
    loop(looker, list(points_of(looker, "violet").values()))

    def on_images() -> list[QPointF]:
        """Chosen points that are no image themselves and lie on one, in pixels of the plot."""
        places = shown.points.images
        bare = [int(n) for n in shown.cloud.chosen.nonzero()[0] if n not in places]
        spots = [shown.spot(*shown.cloud.spots[n]) for n in bare if n != shown.current]
        inner = [place.adjusted(12, 12, -12, -12) for place in places.values()]
        return [s for s in spots if any(place.contains(shown.in_frame(s)) for place in inner)]

    looker.sees(on_images)
    drawn = shown.grab().toImage()
    for spot in on_images():
        ring = [spot + QPointF(math.cos(n), math.sin(n)) * RING / 2 for n in range(6)]
        dark = [drawn.pixelColor(corner.toPoint()).lightness() < 80 for corner in ring]
        assert any(dark), "a ring in the colour of words"


def test_a_loop_chooses_and_a_name_is_for_all_of_it(looker: Person) -> None:
    before = spots(looker)
    loop(looker, list(points_of(looker, "violet").values()))
    assert chosen(looker) == {f"violet {COUNT}"}
    assert page(looker).side.title.full == f"{COUNT} chosen"

    types(looker, "violet")

    assert plot(looker).cloud.counts() == [COUNT, COUNT, COUNT, 0], "it is shown at once"
    at_rest(looker, 3 * COUNT)
    assert looker.classes() == {**KNOWN, "violet": COUNT}
    assert looker.project.unsorted == 0
    assert {c.name for c in looker.project.classes if c.learnt} == set(CLASSES)
    assert spots(looker) == before
    assert not chosen(looker)

    presses(looker, Qt.Key.Key_Backspace)
    looker.sees(lambda: looker.project.unsorted == COUNT)
    at_rest(looker, 3 * COUNT)
    assert looker.classes() == KNOWN
    assert spots(looker) == before


def test_learnt_images_are_moved_and_one_undo_takes_all_of_an_act_back(looker: Person) -> None:
    """A loop around a class and a second one, with Shift, around the heap: a digit names both."""
    loop(looker, list(points_of(looker, "teal").values()))
    loop(looker, list(points_of(looker, "violet").values()), SHIFT)
    assert chosen(looker) == {f"teal {COUNT}", f"violet {COUNT}"}
    presses(looker, Qt.Key.Key_1)
    at_rest(looker, 3 * COUNT)
    assert looker.classes() == {"red": 3 * COUNT, "teal": 0}
    looker.presses("Ctrl+Z")
    looker.sees(lambda: looker.project.unsorted == COUNT)
    at_rest(looker, 3 * COUNT)
    assert looker.classes() == KNOWN


def test_all_of_it_can_be_done_with_keys(looker: Person) -> None:
    """From point to point with arrows, those near it with a full stop, all that is seen, a class
    from the list; a loop is never needed."""
    shown, classes = plot(looker), page(looker).side.classes
    presses(looker, Qt.Key.Key_Right)
    assert shown.current >= 0
    seen = {shown.current}
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down):
        for _ in range(30):
            presses(looker, key)
            seen.add(shown.current)
    assert len(seen) > 9
    assert shown.said()[0] in shown.accessibleDescription()

    before = shown.current
    presses(looker, Qt.Key.Key_Period)
    assert shown.cloud.chosen.sum() == 10
    presses(looker, Qt.Key.Key_Period)
    assert shown.cloud.chosen.sum() == 20
    assert shown.cloud.chosen[before]
    assert "20 chosen" in shown.accessibleDescription()
    presses(looker, Qt.Key.Key_Escape)
    assert not chosen(looker)

    presses(looker, Qt.Key.Key_Left)
    presses(looker, Qt.Key.Key_Right, SHIFT)
    presses(looker, Qt.Key.Key_Up, SHIFT)
    assert shown.cloud.chosen.sum() in (2, 3)
    presses(looker, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert shown.cloud.chosen.all()

    looker.presses("Alt+L")
    assert classes.hasFocus()
    classes.setCurrentRow(2)
    QTest.keyClick(classes, Qt.Key.Key_Return)
    assert chosen(looker) == {f"violet {COUNT}"}
    assert shown.hasFocus()
    assert Path(shown.cloud.path(shown.current)).parent.name == "violet"
    types(looker, "violet")
    at_rest(looker, 3 * COUNT)
    assert looker.classes() == {**KNOWN, "violet": COUNT}


def test_near_is_what_lies_next_to_it(looker: Person) -> None:
    shown = plot(looker)
    page(looker).side.chose_class.emit(-1)
    presses(looker, Qt.Key.Key_Escape)
    presses(looker, Qt.Key.Key_Period)
    at = spots(looker)
    x, y = at[shown.cloud.path(shown.current)]
    nearest = sorted(at, key=lambda path: math.hypot(at[path][0] - x, at[path][1] - y))[:10]
    found = {shown.cloud.path(int(n)) for n in shown.cloud.chosen.nonzero()[0]}
    assert found == set(nearest)


def test_images_are_seen_when_one_looks_closely(looker: Person) -> None:
    shown = plot(looker)
    x = spots(looker)
    spot = shown.spot(*next(iter(x.values())))

    def turn(by: int) -> None:
        at, button, key = QPointF(spot), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
        phase = Qt.ScrollPhase.NoScrollPhase
        event = QWheelEvent(
            at, shown.mapToGlobal(at), QPoint(), QPoint(0, by), button, key, phase, False
        )
        QApplication.sendEvent(shown, event)

    for _ in range(12):
        turn(120)
    looker.sees(lambda: shown.points.images)
    assert shown.points.shown == "images"
    before = shown.pace
    for _ in range(3):
        presses(looker, Qt.Key.Key_Minus)
    assert shown.pace > before
    presses(looker, Qt.Key.Key_0)
    wide = shown.frame()
    assert all(wide.contains(shown.spot(*spot)) for spot in x.values())


def test_a_click_chooses_one_and_space_looks_closer(looker: Person) -> None:
    path, spot = next(iter(points_of(looker, "violet").items()))
    QTest.mouseClick(plot(looker), LEFT, pos=spot.toPoint())
    assert chosen(looker) == {"violet 1"}
    presses(looker, Qt.Key.Key_Space)
    looker.sees(lambda: looker.window.findChild(Viewer))
    viewer = looker.window.findChild(Viewer)
    named = plot(looker).cloud.path(plot(looker).current)
    looker.sees(lambda: Path(named).name in viewer.caption.full)
    assert Path(named).parent == Path(path).parent
    viewer.close()


def test_the_class_of_chosen_images_is_asked_for_from_a_list(looker: Person) -> None:
    loop(looker, list(points_of(looker, "violet").values()))
    looker.will_answer("teal")
    looker.waits_for(lambda: page(looker).side.name.click())
    at_rest(looker, 3 * COUNT)
    assert looker.classes() == {"red": COUNT, "teal": 2 * COUNT}
    assert not looker.window.findChildren(QDialog, "open")


def test_new_images_come_beside_their_like_and_nothing_moves(
    looker: Person, tmp_path: Path
) -> None:
    before = spots(looker)
    more = plain_folders(tmp_path / "more", CLASSES, 2, seed=9)
    submit = looker.window.bridge.submit
    looker.waits_for(lambda: submit("add_unsorted", paths=[str(more / "violet")]))
    at_rest(looker, 3 * COUNT + 2)
    after = spots(looker)
    assert {path: after[path] for path in before} == before


def test_after_a_restart_all_lies_where_it_lay(looker: Person) -> None:
    before, path = spots(looker), looker.project.path
    looker.window.close_project()
    looker.sees(lambda: looker.project is None)
    looker.window.open_project(path)
    looker.sees(lambda: looker.project is not None)
    looker.page("Map")
    at_rest(looker, 3 * COUNT)
    assert spots(looker) == before


def test_it_is_saved_as_a_table_and_as_an_image(looker: Person, tmp_path: Path) -> None:
    head, *rows = table(plot(looker), tmp_path / "map.csv")
    assert head == ["path", "class", "x", "y"]
    found = {path: (float(x), float(y)) for path, _, x, y in rows}
    assert found == {p: pytest.approx(spot, rel=1e-6) for p, spot in spots(looker).items()}
    assert {Path(path).parent.name: of for path, of, *_ in rows} == {
        "red": "red",
        "teal": "teal",
        "violet": "",
    }
    for name in ("map.png", "map.svg"):
        plot(looker).save(str(tmp_path / name))
        assert (tmp_path / name).stat().st_size > 5000
    assert "red" in (tmp_path / "map.svg").read_text("utf-8")


def test_what_can_not_be_done_is_said_and_shown_as_it_was(looker: Person) -> None:
    loop(looker, list(points_of(looker, "red").values()))
    presses(looker, Qt.Key.Key_1)
    at_rest(looker, 3 * COUNT)
    assert "these images are in red already" in page(looker).news.full
    assert looker.classes() == KNOWN


def test_without_the_extra_the_projection_stays_and_it_says_how_to_get_it(
    tmp_path: Path, folders: Path, monkeypatch: pytest.MonkeyPatch, request: Any, weights: Path
) -> None:
    """An engine of its own, whose Python finds no openTSNE."""
    (tmp_path / "sitecustomize.py").write_text('import sys\nsys.modules["openTSNE"] = None\n')
    import os

    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    window = request.getfixturevalue("own_window")
    person = Person(window, request.getfixturevalue("qtbot"))
    submit = window.bridge.submit
    place = str(tmp_path / "mine.espalier")
    person.waits_for(lambda: submit("new_project", path=place, weights=str(weights), size=32))
    person.waits_for(lambda: submit("learn_folder", paths=[str(folders)]))
    person.page("Map")
    at_rest(person, 3 * COUNT)
    assert 'pip install "espalier[map]"' in texts(page(person))
    assert "that 3 classes part" in page(person).facts.full
    assert not page(person).stop.isVisible()
    shutil.rmtree(place, ignore_errors=True)

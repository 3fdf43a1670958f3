"""A person judges by a stream: opens its dialog on the Learn page, reads it, learns the images."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.pages.learn.stream import StreamDialog, line
from tests.app.test_accessible import complaints
from tests.helpers.image_files import class_folders
from tests.helpers.window import Person, drop, urls


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
    assert f"Without drift, {tests} tests raise any alarm in 5 % of all" in dialog.drift.text()
    assert "(Gama, Sebastião and Rodrigues, 2013)" in dialog.drift.text()
    assert complaints(dialog) == []

    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+L", dialog))

    assert ended.how == "done", ended.text
    assert len(learnt.project.steps) == steps + 1
    assert learnt.classes() == {name: count + 5 for name, count in before.items()}


def test_how_suggestions_went_is_drawn_while_one_sorts(learnt: Person, tmp_path: Path) -> None:
    name = learnt.project.current_step.classes[0]
    heap = class_folders(tmp_path / "heap", {name: 4}, seed=11)
    submit = learnt.window.bridge.submit
    learnt.waits_for(lambda: submit("add_unsorted", paths=[str(heap)]))
    dialog = opened(learnt)
    assert not dialog.plot.series
    files = sorted(str(file) for file in (heap / name).iterdir())
    learnt.waits_for(lambda: submit("label_images", to=name, paths=files[:3]))
    learnt.sees(lambda: dialog.plot.series)
    (found,) = dialog.plot.series
    assert found.name == "as you sorted"
    assert dialog.news.text().endswith(f"; of late {found.points[-1][1]:.1f} %.")
    before = len(found.points)
    learnt.waits_for(lambda: submit("label_images", to=name, paths=files[3:]))
    learnt.sees(lambda: len(dialog.plot.series[0].points) > before)
    assert complaints(dialog) == []
    dialog.reject()


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


def test_nothing_goes_on_when_it_is_closed(learnt: Person, tmp_path: Path) -> None:
    root = class_folders(tmp_path / "new", {"apple": 30, "pear": 30}, seed=9)
    dialog = opened(learnt)
    drop(dialog, urls([root]))
    assert dialog.question
    learnt.presses("Escape", dialog)
    learnt.sees(lambda: learnt.window.findChild(StreamDialog) is None)
    shutil.rmtree(root)

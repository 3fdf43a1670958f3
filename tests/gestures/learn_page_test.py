"""A person learns: chooses a learner, reads the plots, looks behind them, goes back, forgets."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from tests.helpers.image_files import class_folders
from tests.helpers.window import Person, drop, urls


def test_another_learner_is_a_new_step_in_the_plot(learnt: Person) -> None:
    page = learnt.page("Learn")
    learnt.sees(lambda: page.learner.count() >= 3)
    page.learner.setCurrentIndex(page.learner.findData("ncm"))
    page.learner.activated.emit(page.learner.currentIndex())

    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+L"))

    assert ended.how == "done", ended.text
    assert learnt.project.learner == "ncm" or learnt.project.current_step.learner == "ncm"
    assert page.rows.rowCount() == 2
    assert [x for x, _ in page.scores.lines.series[0].points] == [1, 2]


def test_classes_learnt_later_split_old_from_new(learnt: Person, tmp_path: Path) -> None:
    more = class_folders(tmp_path / "more", {"plum": 12}, seed=5)
    learnt.waits_for(lambda: drop(learnt.page("Images"), urls([more])))
    page = learnt.page("Learn")

    names = [series.name for series in page.scores.lines.series]

    assert names == ["all classes", "old classes", "new classes"]
    assert learnt.project.current_step.new_classes == ("plum",)


def test_a_cell_of_the_confusion_matrix_opens_the_images_behind_it(learnt: Person) -> None:
    page = learnt.page("Learn")
    matrix, images = page.scores.matrix, page.scores.images
    learnt.sees(lambda: matrix.has_figures())
    counts = [(r, c, n) for r, row in enumerate(matrix.counts) for c, n in enumerate(row) if n]
    row, column, count = counts[0]
    spot = matrix.spot(column + 0.5, -row - 0.5).toPoint()
    QTest.mouseMove(matrix, spot + QPoint(1, 1))
    QTest.mouseMove(matrix, spot)

    QTest.mouseClick(matrix, Qt.MouseButton.LeftButton, pos=spot)

    learnt.sees(lambda: matrix.names[row] in images.title.text())
    learnt.sees(lambda: images.rows.rowCount() == count)
    assert {images.rows.row(i)["class"] for i in range(count)} == {matrix.names[row]}


def test_arrow_keys_and_return_open_a_cell_too(learnt: Person) -> None:
    page = learnt.page("Learn")
    matrix = page.scores.matrix
    learnt.sees(lambda: matrix.has_figures())
    target = next(i for i, row in enumerate(matrix.counts) if row[i])
    for _ in range(target):
        QTest.keyClick(matrix, Qt.Key.Key_Down)
        QTest.keyClick(matrix, Qt.Key.Key_Right)
    if target == 0:
        QTest.keyClick(matrix, Qt.Key.Key_Up)

    QTest.keyClick(matrix, Qt.Key.Key_Return)

    learnt.sees(lambda: page.scores.images.rows.rowCount() == matrix.counts[target][target])
    assert "recognised" in page.scores.images.title.text()


def test_forgetting_a_class_is_exact_and_says_so(learnt: Person) -> None:
    page = learnt.page("Learn")
    learnt.will_answer("apple", "OK")

    learnt.waits_for(page.forget_button.click)

    assert set(learnt.project.current_step.classes) == {"banana", "cherry"}
    assert learnt.classes()["apple"] == 12, "its images stay"
    assert "apple" in page.news.text()


def test_returning_to_a_step_uses_its_model_again(learnt: Person, tmp_path: Path) -> None:
    more = class_folders(tmp_path / "more", {"plum": 12}, seed=5)
    learnt.waits_for(lambda: drop(learnt.page("Images"), urls([more])))
    page = learnt.page("Learn")
    page.steps.setCurrentIndex(page.rows.index(1))
    assert page.return_button.isEnabled()

    learnt.waits_for(page.return_button.click)

    assert learnt.project.current_step.number == 1
    assert "Not learnt yet: plum" in page.news.text()


def test_the_page_promises_what_is_true(learnt: Person) -> None:
    page = learnt.page("Learn")
    learnt.sees(lambda: "equal to learning everything at once" in page.news.text())
    assert "no forgetting" not in page.news.text()

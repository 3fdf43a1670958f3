"""A person learns: chooses a learner, reads the plots, looks behind them, goes back, forgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from app.pages.learn.steps import APART
from app.widgets.rows import ROW
from engine.events import Ended
from engine.system.words import whole
from tests.helpers.image_files import class_folders
from tests.helpers.window import Person, drop, texts, urls

LONG = "a class whose name is much longer than there is room for beside its images"


def unfolds(person: Person) -> None:
    """Opens the details."""
    person.presses("Ctrl+Shift+L")
    person.sees(person.page("Learn").learner.isVisible)


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


def test_where_all_is_learnt_no_step_is_made_and_redo_stays(learnt: Person) -> None:
    page = learnt.page("Learn")
    learnt.sees(lambda: page.learner.count() >= 3)
    learnt.waits_for(lambda: learnt.presses("Ctrl+L"))  # with the method's settings as shown
    learnt.waits_for(lambda: learnt.window.bridge.submit("forget", name="apple"))
    learnt.waits_for(lambda: learnt.presses("Ctrl+Z"))
    steps, redo = len(learnt.project.steps), learnt.project.redo
    assert redo
    learnt.sees(page.learn_button.isEnabled)

    learnt.presses("Ctrl+L")

    learnt.sees(lambda: page.news.text().startswith("Nothing new to learn."))
    learnt.waits_for(lambda: learnt.presses("Ctrl+Shift+Z"))
    assert len(learnt.project.steps) == steps + 1
    assert "apple" not in learnt.project.current_step.classes


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


def test_the_first_sentence_says_how_much_is_right_and_of_how_many(learnt: Person) -> None:
    page = learnt.page("Learn")
    matrix = page.scores.matrix
    learnt.sees(lambda: matrix.has_figures())
    images = sum(map(sum, matrix.counts))
    step = learnt.project.current_step
    assert step.tested == images

    said = texts(page.scores.summary)

    right = round(step.accuracy * images)
    few = f"{right} of {images} test images are right: too few to say how well it does."
    assert said.splitlines()[0] == few


def test_the_accuracy_stands_in_the_header_and_leads_to_the_scores(learnt: Person) -> None:
    learnt.page("Images")
    step = learnt.project.current_step
    score = learnt.window.header.score
    assert score.isVisible()
    assert score.text() == f"{round(step.accuracy * step.tested)} of {step.tested} right"
    assert "too few to say" in score.toolTip()

    learnt.presses("Ctrl+Shift+A")

    learnt.sees(learnt.window.pages["Learn"].isVisible)


def test_one_class_has_no_accuracy_but_the_button_for_a_second(
    owner: Person, tmp_path: Path
) -> None:
    one = class_folders(tmp_path / "one", {"plum": 12}) / "plum"
    two = class_folders(tmp_path / "two", {"pear": 12}, seed=5) / "pear"
    owner.will_answer("", "All of one class")
    owner.waits_for(lambda: drop(owner.page("Images"), urls([one])))
    page = owner.page("Learn")
    assert page.second.isVisible()
    assert page.news.text() == "The class is learnt."
    assert owner.project.current_step.accuracy is None
    assert owner.window.header.score.text() == "not tested"
    owner.will_choose_file(two)

    ended = owner.waits_for(lambda: owner.presses("Ctrl+Shift+I"))

    assert ended.how == "done", ended.text
    owner.sees(lambda: set(page.scores.matrix.names) == {"pear", "plum"})
    assert page.scores.isVisible()
    assert "test images are right" in texts(page.scores.summary)
    assert page.news.text().startswith("Both classes are learnt.")


def test_what_needs_several_steps_is_shown_from_the_second_on(
    learnt: Person, tmp_path: Path
) -> None:
    page = learnt.page("Learn")
    unfolds(learnt)
    later = page.steps_part, page.scores.lines_card, page.details.figures
    assert [part.isVisible() for part in later] == [False, False, False]
    more = class_folders(tmp_path / "more", {"plum": 12}, seed=5)

    learnt.waits_for(lambda: learnt.window.bridge.submit("learn_folder", paths=[str(more)]))

    assert [part.isVisible() for part in later] == [True, True, True]
    forgetting = page.details.values["forgetting"].text()
    assert forgetting.endswith("%")
    assert "-" not in forgetting, "a minus is no hyphen"


def test_the_method_is_recommended_and_named_in_the_details(learnt: Person) -> None:
    page = learnt.page("Learn")
    learnt.sees(lambda: page.form.controls)
    assert "Method: recommended" in texts(page)
    assert "discriminant" not in texts(page)
    assert "Shrinkage" not in texts(page)

    unfolds(learnt)

    assert "Streaming discriminant analysis" in texts(page)
    assert page.form.controls["shrinkage"].isVisible()
    page.form.controls["shrinkage"].setValue(0.5)
    assert "Method: recommended, with your settings" in texts(page)


def test_tab_goes_from_the_button_through_the_details(learnt: Person) -> None:
    page = learnt.page("Learn")
    learnt.sees(lambda: page.form.controls)
    unfolds(learnt)
    page.learn_button.setFocus()
    reached: list[QWidget] = []
    for _ in range(7):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        reached.append(QApplication.focusWidget())

    method = [page.learner, page.form.controls["shrinkage"]]
    details = [page.details.fold, *method, page.details.recent.which]
    below = [page.stream_button, page.forget_button]
    assert reached == [page.camera_button, *details, *below]


@pytest.mark.parametrize("width", [1024, 1280])
def test_choosing_a_cell_moves_no_card(owner: Person, tmp_path: Path, width: int) -> None:
    root = class_folders(tmp_path / "two", {LONG: 12, "pear": 12})
    owner.waits_for(lambda: drop(owner.page("Images"), urls([root])))
    owner.window.resize(width, 700)
    scores = owner.page("Learn").scores
    owner.sees(lambda: scores.matrix.has_figures() and scores.images.title.full)
    cards = scores.matrix_card, scores.images_card
    QApplication.processEvents()
    before = [card.geometry() for card in cards]
    count = scores.matrix.counts[0][0] or scores.matrix.counts[0][1]
    assert count, "the class has an image to test"
    QTest.keyClick(scores.matrix, Qt.Key.Key_Up)
    if not scores.matrix.counts[0][0]:
        QTest.keyClick(scores.matrix, Qt.Key.Key_Right)

    QTest.keyClick(scores.matrix, Qt.Key.Key_Return)

    owner.sees(lambda: LONG in scores.images.title.full)
    QApplication.processEvents()
    assert [card.geometry() for card in cards] == before
    bar = scores.area.horizontalScrollBar()
    assert bar.maximum() == 0, "nothing scrolls sideways"


def test_a_class_without_images_to_test_says_so(owner: Person, tmp_path: Path) -> None:
    root = class_folders(tmp_path / "three", {"pear": 12, "plum": 12, "fig": 2})
    owner.waits_for(lambda: drop(owner.page("Images"), urls([root])))
    assert {c.name: c.validation for c in owner.project.classes}["fig"] == 0
    page = owner.page("Learn")
    owner.sees(lambda: page.scores.bars.bars)

    assert page.scores.bars.bars[-1].words == "not tested"
    assert "1 class is not tested, for want of test images: fig." in texts(page.scores.summary)


def test_steps_of_one_title_are_told_apart(learnt: Person) -> None:
    page = learnt.page("Learn")
    learnt.sees(lambda: page.form.controls)
    submit = learnt.window.bridge.submit
    for learner in ("ncm", "ridge"):
        learnt.waits_for(lambda name=learner: submit("learn", learner=name))

    steps = [page.rows.index(n) for n in range(3)]
    assert [made.data(ROW).title for made in steps[:2]] == ["Learn", "Learn"]
    apart = [made.data(APART) for made in steps]
    assert len(set(apart)) == 3
    assert apart[0].startswith("Ridge on random features · none new · ")
    assert apart[1].startswith("Nearest class mean · none new · ")
    assert " · 3 new · " in apart[2]
    assert "SqueezeNet 1.1" in steps[0].data(Qt.ItemDataRole.ToolTipRole), "not its key"


def test_figures_of_several_steps_are_in_plain_words(learnt: Person, tmp_path: Path) -> None:
    page = learnt.page("Learn")
    more = class_folders(tmp_path / "more", {"plum": 12}, seed=5)
    learnt.waits_for(lambda: learnt.window.bridge.submit("learn_folder", paths=[str(more)]))
    unfolds(learnt)

    said = texts(page.details.figures)
    assert "Older classes lost" in said
    assert "transfer" not in said
    helps = [made.toolTip() for made in page.details.values.values()]
    terms = ["Average incremental accuracy: ", "Forgetting: ", "Backward transfer: "]
    assert all(help.startswith(term) for help, term in zip(helps, terms, strict=True))


def test_the_header_calls_the_network_by_its_title(learnt: Person) -> None:
    assert learnt.project.backbone == "squeezenet1_1"
    assert learnt.window.header.backbone.text() == "SqueezeNet 1.1 · 64 px"


def test_of_many_test_images_a_share_is_said_with_its_range(owner: Person, tmp_path: Path) -> None:
    many = class_folders(tmp_path / "many", {"apple": 40, "fig": 40})
    owner.waits_for(lambda: drop(owner.page("Images"), urls([many])))
    summary, step = owner.page("Learn").scores.summary, owner.project.current_step
    assert step.tested >= 10
    owner.sees(lambda: "(likely between " in texts(summary))
    share = f"{whole(step.accuracy)} of {step.tested}"
    assert owner.window.header.score.text() == share
    assert texts(summary).startswith("All " if step.accuracy == 1 else share)


def test_scores_are_read_again_where_the_project_was_closed_before_they_came(
    learnt: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = learnt.page("Learn").scores
    learnt.sees(scores.matrix.has_figures)
    path, bridge = learnt.project.path, learnt.window.bridge
    submit, ask, cancelled = bridge.submit, bridge.ask, []

    def cancel_first(job: str, answer: Any, *more: Any, **settings: Any) -> int:
        if job != "scores" or cancelled:
            return ask(job, answer, *more, **settings)
        cancelled.append(job)
        answer(Ended("cancelled", ""))
        return 0

    learnt.waits_for(lambda: submit("close_project"))
    scores.shown = "", 0  # as in a window that has just opened
    scores.matrix.show_matrix([], [])
    monkeypatch.setattr(bridge, "ask", cancel_first)
    learnt.waits_for(lambda: submit("open_project", path=path))
    assert cancelled
    learnt.waits_for(lambda: submit("close_project"))
    learnt.waits_for(lambda: submit("open_project", path=path))
    learnt.page("Learn")
    learnt.sees(scores.matrix.has_figures, 20_000)


def test_accuracy_over_steps_is_no_higher_than_the_page_beside_many_bars(
    learnt: Person, tmp_path: Path
) -> None:
    more = class_folders(tmp_path / "more", {"plum": 12}, seed=5)
    learnt.waits_for(lambda: drop(learnt.page("Images"), urls([more])))
    scores = learnt.page("Learn").scores
    learnt.sees(lambda: scores.bars.bars and scores.lines_card.isVisible())
    scores.bars.setMinimumHeight(3 * scores.height())
    learnt.sees(lambda: scores.bars.height() >= 3 * scores.height())
    assert scores.lines_card.height() <= scores.height()


def test_the_page_says_which_method_was_chosen_and_why(learnt: Person) -> None:
    page = learnt.page("Learn")
    said = page.details.choice
    learnt.sees(lambda: page.learner.count() >= 3)
    assert not said.isVisible(), "where the method was named there was no choice"
    page.learner.setCurrentIndex(page.learner.findData("auto"))
    page.learner.activated.emit(page.learner.currentIndex())

    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+L"))

    assert ended.how == "done", ended.text
    assert said.isVisible()
    assert said.text() == learnt.project.current_step.choice["says"]
    assert said.text().startswith("Chosen: ")
    assert said.toolTip().count("%") == 5, "each method that was compared"
    assert said.accessibleDescription() == said.toolTip()
    learnt.waits_for(lambda: learnt.presses("Ctrl+Z"))
    assert not said.isVisible()

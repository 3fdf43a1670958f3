"""A person reviews: what was left out and why, the same image in two classes, near duplicates."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from PySide6.QtWidgets import QAbstractButton

from tests.helpers.image_files import text_file
from tests.helpers.window import Person, drop, texts, urls


def test_what_was_left_out_is_listed_and_saved_as_csv(
    owner: Person, images: Path, tmp_path: Path
) -> None:
    text_file(images / "apple" / "notes.jpg")
    page = owner.page("Images")
    owner.waits_for(lambda: drop(page, urls([images])))
    page.review_button.click()
    skipped = page.review.panels[2]
    page.review.go(2)
    owner.sees(lambda: skipped.rows.rowCount() == 1)
    table = tmp_path / "left-out.csv"
    owner.will_choose_file(table)

    skipped.choose_file()

    (title, row) = list(csv.reader(table.read_text(encoding="utf-8").splitlines()))
    assert title == ["path", "reason"]
    assert row[0].endswith("notes.jpg")
    assert row[1]
    skipped.rows.give([("=1+1.jpg", "-x")])
    skipped.save(str(table))
    (_, row) = list(csv.reader(table.read_text(encoding="utf-8").splitlines()))
    assert row == ["'=1+1.jpg", "'-x"], "what a spreadsheet would run is text"


def test_a_conflict_is_settled_in_favour_of_one_class(owner: Person, images: Path) -> None:
    shutil.copy(images / "apple" / "000.jpg", images / "banana" / "copy.jpg")
    page = owner.page("Images")
    owner.waits_for(lambda: drop(page, urls([images])))
    assert owner.project.conflicts == 1
    page.review_button.click()
    panel = page.review.panels[0]
    owner.sees(lambda: panel.rows.rowCount() == 1)
    panel.gallery.selectAll()
    offered = {panel.keep.itemText(i) for i in range(panel.keep.count())}
    assert offered >= {"apple", "banana"}
    panel.keep.setCurrentText("apple")

    owner.waits_for(panel.settle_button.click)

    assert owner.project.conflicts == 0
    assert owner.classes() == {"apple": 12, "banana": 12, "cherry": 12}
    owner.sees(lambda: panel.rows.rowCount() == 0)


def test_near_duplicates_are_shown_in_groups(owner: Person, images: Path) -> None:
    shutil.copy(images / "apple" / "000.jpg", images / "banana" / "copy.jpg")
    page = owner.page("Images")
    owner.waits_for(lambda: drop(page, urls([images])))
    page.review_button.click()
    page.review.go(1)
    panel = page.review.panels[1]

    owner.sees(lambda: panel.rows.rowCount() >= 2)

    captions = [panel.rows.row(i)["caption"] for i in range(panel.rows.rowCount())]
    assert all(" · " in caption for caption in captions)


def test_where_nothing_is_to_be_reviewed_only_that_is_said(learnt: Person) -> None:
    page = learnt.page("Images")
    page.review_button.click()

    for number, why in enumerate(
        (
            "No image lies in several classes.",
            "No images look almost the same.",
            "No file was left out.",
        )
    ):
        page.review.go(number)
        panel = page.review.panels[number]
        learnt.sees(lambda panel=panel: "Nothing to review" in texts(panel))
        assert texts(panel) == f"Nothing to review. {why}"
        assert not any(made.isVisible() for made in panel.findChildren(QAbstractButton))


def test_whoever_comes_back_to_the_images_sees_them(learnt: Person) -> None:
    page = learnt.page("Images")
    page.review_button.click()
    assert page.stack.currentWidget() is page.review

    learnt.page("Learn")
    learnt.page("Images")

    assert page.stack.currentWidget() is page.gallery
    assert not page.review_button.isChecked()

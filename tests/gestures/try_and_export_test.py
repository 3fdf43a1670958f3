"""A person tries the model on images, and exports it."""

from __future__ import annotations

import json
from pathlib import Path

from PySide6.QtGui import QGuiApplication, QImage

from tests.helpers.image_files import image, text_file
from tests.helpers.window import Person, drop, urls


def test_a_dropped_image_is_answered_with_confidences_and_neighbours(
    learnt: Person, images: Path
) -> None:
    page = learnt.page("Try")

    drop(page, urls([images / "apple" / "000.jpg"]))

    learnt.sees(lambda: page.bars.bars)
    assert {name for name, _ in page.bars.bars} == {"apple", "banana", "cherry"}
    assert abs(sum(share for _, share in page.bars.bars) - 1) < 1e-3
    learnt.sees(lambda: page.near.rowCount() > 0)
    assert page.near.row(0)["split"] == "", "the badge would only repeat the title"
    assert page.verdict.text() in ("apple", "banana", "cherry", "None of these")


def test_a_pasted_image_is_answered(learnt: Person, tmp_path: Path) -> None:
    page = learnt.page("Try")
    QGuiApplication.clipboard().setImage(QImage(str(image(tmp_path / "one.png", kind="PNG"))))

    learnt.presses("Ctrl+V")

    learnt.sees(lambda: page.bars.bars)
    assert page.name.full == "pasted image"


def test_an_empty_clipboard_says_what_to_do(learnt: Person) -> None:
    page = learnt.page("Try")
    QGuiApplication.clipboard().clear()

    learnt.presses("Ctrl+V")

    learnt.sees(lambda: "Copy one" in page.reason.text())
    assert page.bars.bars == []


def test_a_file_that_is_no_image_says_why(learnt: Person, tmp_path: Path) -> None:
    page = learnt.page("Try")

    drop(page, urls([text_file(tmp_path / "notes.jpg")]))

    learnt.sees(lambda: page.question is None)
    assert "can't be read" in page.verdict.text(), page.reason.text()
    assert page.reason.text()
    assert not page.bars.bars


def test_several_images_make_a_list_of_answers(learnt: Person, images: Path) -> None:
    page = learnt.page("Try")

    drop(page, urls(sorted((images / "banana").glob("*.jpg"))[:3]))

    learnt.sees(lambda: page.tried.rowCount() == 3)
    page.list.setCurrentIndex(page.tried.index(2))
    assert page.image.path == str(images / "banana" / "002.jpg")


def test_an_export_gives_a_receipt_that_can_be_copied(learnt: Person, tmp_path: Path) -> None:
    page = learnt.page("Export")
    target = tmp_path / "model.onnx"
    page.target.setText(str(target))

    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+E"))

    assert ended.how == "done", ended.text
    assert target.stat().st_size == ended.result["bytes"]
    assert page.receipt_rows.rowCount() >= 6
    page.copy_button.click()
    assert ended.result["sha256"][target.name] in QGuiApplication.clipboard().text()
    assert json.dumps(ended.result["compared"]) in QGuiApplication.clipboard().text()


def test_a_file_that_is_there_is_not_replaced_unasked(learnt: Person, tmp_path: Path) -> None:
    page = learnt.page("Export")
    target = tmp_path / "model.onnx"
    target.write_bytes(b"precious")
    page.target.setText(str(target))

    ended = learnt.waits_for(page.export_button.click)

    assert ended.how == "refused"
    assert page.news.text() == ended.text
    assert target.read_bytes() == b"precious"
    assert page.export_button.isEnabled()


def test_many_images_show_how_far_they_are_and_can_be_stopped(learnt: Person, images: Path) -> None:
    page = learnt.page("Try")
    files = sorted(images.rglob("*.jpg"))
    told: list[str] = []
    told_before = page.reason.setText
    page.reason.setText = lambda text: (told.append(text), told_before(text))

    drop(page, urls(files))
    assert page.stop_button.isVisible()
    learnt.sees(lambda: page.question is None)

    assert any(text.startswith("32 of 36 images") for text in told), told
    assert not page.stop_button.isVisible()
    drop(page, urls(files))
    page.stop_button.click()
    assert page.verdict.text() == "What is it?"
    assert not page.bars.bars

"""A person chooses a format, notes the images' licence, and opens the receipt's page."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication

from tests.helpers.window import Person, texts


class Desktop(QObject):
    """Stands in for the programs of the desktop: remembers what they were asked to open."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, code: int = 0) -> None:
        super().__init__()
        self.asked = folder / "opened.txt"
        (folder / "bin").mkdir()
        opener = folder / "bin" / "xdg-open"  # what is asked on Linux
        opener.write_text(f'#!/bin/sh\nprintf %s "$1" >{self.asked}\nexit {code}\n')
        opener.chmod(0o755)
        patch.setenv("PATH", str(opener.parent), prepend=os.pathsep)
        QDesktopServices.setUrlHandler("file", self, "open")  # and elsewhere

    @Slot(QUrl)
    def open(self, url: QUrl) -> None:
        self.asked.write_text(url.toLocalFile())

    @property
    def opened(self) -> str:
        return self.asked.read_text() if self.asked.exists() else ""


def test_an_export_leaves_a_page_to_print_that_names_the_noted_licence(
    learnt: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = learnt.page("Export")
    learnt.sees(lambda: page.form.formats)
    target = tmp_path / "fruit.onnx"
    page.target.setText(str(target))
    page.form.licence.setText("CC0, <by> me")

    learnt.waits_for(page.form.licence.editingFinished.emit)
    assert learnt.project.data_licence == "CC0, <by> me"
    ended = learnt.waits_for(page.export_button.click)

    assert ended.how == "done", ended.text
    assert page.matrix.isVisibleTo(page)
    assert sum(map(sum, page.matrix.counts)) == ended.result["accuracy_held_out_images"]
    desktop = Desktop(tmp_path, monkeypatch)
    page.page_button.click()
    learnt.sees(lambda: desktop.opened)
    QDesktopServices.unsetUrlHandler("file")
    assert desktop.opened == str(target.with_suffix(".receipt.html"))
    assert "CC0, &lt;by&gt; me" in Path(desktop.opened).read_text("utf-8")
    page.copy_button.click()
    assert "CC0, <by> me" in QGuiApplication.clipboard().text()

    learnt.waits_for(lambda: learnt.window.bridge.submit("undo"))
    learnt.sees(lambda: page.form.licence.text() == "")
    assert learnt.project.data_licence == ""


def test_the_name_follows_the_format_until_a_person_types_another(learnt: Person) -> None:
    page = learnt.page("Export")
    form = page.form
    learnt.sees(lambda: form.formats)
    assert Path(page.target.text()).name == "mine.onnx"
    other = next(
        (v for v in form.formats.values() if v.name != "onnx" and not v.facts["missing"]), None
    )
    for view in form.formats.values():
        if view.facts["missing"]:
            item = form.format.model().item(form.format.findData(view.name))
            assert not item.isEnabled()
            assert view.facts["missing"] in form.missing.text()
    if other is None:
        return
    form.format.setCurrentIndex(form.format.findData(other.name))
    name = Path(page.target.text()).name
    assert name.startswith("mine.")
    assert name.endswith(other.facts["suffix"])
    assert set(form.settings.controls) == {view.name for view in other.settings}
    page.target.setText("/tmp/own name.onnx")
    form.format.setCurrentIndex(form.format.findData("onnx"))
    assert page.target.text() == "/tmp/own name.onnx"


def test_an_export_goes_into_a_folder_of_its_own_and_the_keyboard_stays(learnt: Person) -> None:
    page = learnt.page("Export")
    learnt.sees(lambda: page.form.formats)
    first = Path(page.target.text())
    assert first.parent.parent == Path(learnt.project.path).parent
    assert first.parent.name.startswith("mine exported 20")
    assert not first.parent.exists()
    page.export_button.setFocus()

    ended = learnt.waits_for(lambda: learnt.presses("Space", page.export_button))

    assert ended.how == "done", ended.text
    assert first.is_file()
    assert page.export_button.hasFocus(), "not the header"
    assert "python mine.py image.jpg" in texts(page)
    assert "espalier predict mine.onnx image.jpg" in texts(page)
    assert page.form.format.currentText() == "ONNX (recommended)"
    assert page.form.help.text().startswith("Right for most")
    page.export_button.setFocus()
    shown = page.target.shortened
    assert len(shown) < len(page.target.text())
    assert shown[:4] == page.target.text()[:4]
    assert shown.endswith(".onnx"), "both ends are seen"
    (card,) = (c for c in learnt.window.notices.cards if "exported and checked" in c.text)
    assert card.action_button.text() == "Show in folder"
    assert Path(page.target.text()).parent.name == f"{first.parent.name} 2", "for the next one"


def test_a_receipt_is_for_people_and_its_file_for_machines(learnt: Person, tmp_path: Path) -> None:
    page = learnt.page("Export")
    learnt.sees(lambda: page.form.formats)
    page.target.setText(str(tmp_path / "fruit.onnx"))
    learnt.waits_for(page.export_button.click)

    learnt.sees(lambda: "SqueezeNet 1.1" in texts(page))
    said = texts(page)
    assert "squeezenet1_1" not in said
    assert "mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225)" in said
    assert "- Network: SqueezeNet 1.1, weights" in (tmp_path / "fruit.md").read_text("utf-8")
    receipt = json.loads((tmp_path / "fruit.receipt.json").read_text("utf-8"))
    assert (receipt["backbone"], receipt["backbone_title"]) == ("squeezenet1_1", "SqueezeNet 1.1")


def test_what_was_in_the_way_of_an_export_is_no_news_after_the_next(
    learnt: Person, tmp_path: Path
) -> None:
    page = learnt.page("Export")
    (tmp_path / "model.onnx").write_bytes(b"precious")
    page.target.setText(str(tmp_path / "model.onnx"))
    ended = learnt.waits_for(page.export_button.click)
    assert ended.text in learnt.messages()

    page.target.setText(str(tmp_path / "other.onnx"))
    learnt.waits_for(page.export_button.click)

    assert ended.text not in learnt.messages()
    assert any("exported and checked" in text for text in learnt.messages())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems say it themselves")
def test_where_no_program_shows_folders_the_path_is_told(
    learnt: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = learnt.page("Export")
    page.target.setText(str(tmp_path / "model.onnx"))
    learnt.waits_for(page.export_button.click)
    desktop = Desktop(tmp_path, monkeypatch, code=3)
    (card,) = (c for c in learnt.window.notices.cards if "exported and checked" in c.text)

    card.action_button.click()

    learnt.sees(lambda: any("No program on this computer" in t for t in learnt.messages()))
    QDesktopServices.unsetUrlHandler("file")
    assert desktop.opened == str(tmp_path)
    (card,) = (c for c in learnt.window.notices.cards if "No program" in c.text)
    assert str(tmp_path) in card.text
    card.action_button.click()
    assert QGuiApplication.clipboard().text() == str(tmp_path)

"""A person chooses a format, notes the images' licence, and opens the receipt's page."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication

from tests.helpers.window import Person


class Desktop(QObject):
    """Stands in for the browser: remembers what it was asked to open."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def open(self, url: QUrl) -> None:
        self.opened.append(url.toLocalFile())


def test_an_export_leaves_a_page_to_print_that_names_the_noted_licence(
    learnt: Person, tmp_path: Path
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
    assert sum(map(sum, page.matrix.counts)) == ended.result["accuracy_images"]
    desktop = Desktop()
    QDesktopServices.setUrlHandler("file", desktop, "open")
    page.page_button.click()
    QDesktopServices.unsetUrlHandler("file")
    assert desktop.opened == [str(target.with_suffix(".receipt.html"))]
    assert "CC0, &lt;by&gt; me" in Path(desktop.opened[0]).read_text("utf-8")
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

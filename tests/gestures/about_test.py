"""About the program: its version, its weights' digests, and the licences of all in it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QApplication

from app.licences import Part, all_parts, as_index
from app.shell.about import AboutDialog
from engine import __version__
from tests.helpers.commands import answered, espalier
from tests.helpers.window import Person, texts


def opened(person: Person) -> AboutDialog:
    person.presses("Shift+F1")
    person.sees(lambda: isinstance(QApplication.activeModalWidget(), AboutDialog))
    return QApplication.activeModalWidget()


def test_about_is_opened_read_and_closed_by_keyboard(person: Person, tmp_path: Path) -> None:
    about = opened(person)
    said = answered(tmp_path, "--version")
    shown = texts(about)
    assert f"Espalier {said['espalier']}" in shown
    for name, digest in said["weights"].items():
        assert f"{name}: sha256 {digest}" in shown

    first = about.licence.toPlainText()
    person.presses("Down", about.table)
    assert about.licence.toPlainText() != first
    assert about.table.accessibleName()
    assert about.licence.accessibleName()

    gone: list[bool] = []
    about.destroyed.connect(lambda: gone.append(True))
    person.presses("Esc", about)
    person.sees(lambda: gone)


def test_about_names_the_licence_of_each_package_that_the_program_uses(person: Person) -> None:
    about = opened(person)
    parts = {part.name.lower(): part for part in about.parts.rows}
    for name in ("torch", "torchvision", "numpy", "pillow", "onnxruntime", "espalier"):
        assert len(parts[name].text) > 500, f"{name} has a licence text"
        assert parts[name].licence
    about.close()


def test_the_menu_leads_to_about(person: Person) -> None:
    actions = {
        a.text().replace("&", ""): a for a in person.window.header.menu_button.menu().actions()
    }
    actions["About Espalier"].trigger()
    person.sees(lambda: isinstance(QApplication.activeModalWidget(), AboutDialog))
    QApplication.activeModalWidget().close()


def test_a_bundle_shows_what_was_gathered_when_it_was_made(tmp_path: Path) -> None:
    given = [Part("Thing", "1.2", "MIT", "Do as you like."), Part("Ding", "3", "X", "Größe")]
    index = tmp_path / "index.json"
    index.write_text(as_index(given), encoding="utf-8")
    assert all_parts(index) == given


def test_the_version_and_the_beginning_of_the_digests_are_printed(tmp_path: Path) -> None:
    printed = espalier(tmp_path, "--version").stdout.splitlines()
    whole = answered(tmp_path, "--version")
    assert printed[0] == f"espalier {__version__}"
    assert len(printed) == 1 + len(whole["weights"]) > 1
    for line, (name, digest) in zip(printed[1:], whole["weights"].items(), strict=True):
        assert line.startswith(f"{name}: sha256 ")
        assert len(digest) == 64
        assert digest.startswith(line.split()[-1])

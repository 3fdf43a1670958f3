"""A network of timm in a project: by the command line and in the window, with and without it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from PySide6.QtTest import QTest

from app.shell.backbones import BackboneDialog
from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, refused
from tests.helpers.timm_networks import CNN, SIDES, needs_timm, weights_file
from tests.helpers.window import Person, texts

GET = 'pip install "espalier[timm]"'
ABSENT = "import sys\nsys.modules['timm'] = None\n"
"""In a process that begins with this, timm is not installed."""


@pytest.fixture(scope="module")
def pictures(home: Path) -> Path:
    return image_files.class_folders(home / "pictures", {"moth": 12, "beetle": 12, "snail": 12})


@needs_timm
@pytest.mark.parametrize("name", SIDES)
def test_it_learns_predicts_exports_and_opens_again(
    home: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path, file = tmp_path / "p.espalier", weights_file(tmp_path / "own.safetensors", name)
    answered(home, "new", path, "--backbone", name, "--weights", file, "--size", SIDES[name])
    file.unlink()  # the project keeps what it needs
    learnt = answered(home, "learn", path, pictures)
    assert learnt["classes"] == {"moth": 12, "beetle": 12, "snail": 12}
    assert learnt["accuracy"] > 0.5

    receipt = answered(home, "export", path, "--to", tmp_path / "net.onnx")
    assert receipt["top_class_agreement"] == 1.0
    assert receipt["backbone"] == name
    assert "as timm states it" in str(receipt)

    image = next((pictures / "moth").iterdir())
    ours, theirs = (
        answered(home, "predict", model, image)[str(image)]
        for model in (path, tmp_path / "net.onnx")
    )
    assert max(ours, key=ours.get) == max(theirs, key=theirs.get)
    assert ours == pytest.approx(theirs, abs=1e-3)

    monkeypatch.setitem(sys.modules, "timm", None)
    assert answered(home, "classes", path)["classes"], "it opens, and can be looked at"
    assert GET in refused(home, "predict", path, image)


def test_without_timm_the_list_says_how_to_get_it_and_its_names_are_refused(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    for words in ((), ("resnet18",)):
        listed = espalier(home, "backbones", *words)
        assert "ResNet-18" in listed.stdout
        assert listed.stdout.rstrip().endswith(f"with an extra: {GET}.")
    said = refused(home, "new", tmp_path / "p", "--backbone", CNN)
    assert said.endswith(f"are an extra that is not installed here. Get it with: {GET}.")
    assert not (tmp_path / "p.espalier").exists()


@needs_timm
def test_networks_are_listed_by_words_and_one_alone_with_its_terms(home: Path) -> None:
    found = answered(home, "backbones", "dinov2", "small")["backbones"]
    assert all("dinov2" in row["name"] and "small" in row["name"] for row in found)
    assert all(80e6 < row["bytes"] < 100e6 for row in found)
    listed = espalier(home, "backbones", CNN).stdout
    assert re.search(rf"{re.escape(CNN)} +45 MB .* no ", listed)
    assert "apache-2.0, as timm states it" in listed
    assert "No network here has" in espalier(home, "backbones", "nowhere").stdout
    assert all(row["name"][:5] != "timm/" for row in answered(home, "backbones")["backbones"])


def dialog_of(person: Person) -> BackboneDialog:
    person.presses("Ctrl+B")
    person.sees(lambda: person.window.findChild(BackboneDialog))
    dialog = person.window.findChild(BackboneDialog)
    person.sees(lambda: dialog.rows.rows)
    return dialog


@needs_timm
def test_in_the_window_it_is_searched_and_taken_from_a_file(learnt: Person, tmp_path: Path) -> None:
    dialog = dialog_of(learnt)
    many = len(dialog.rows.rows)
    assert "Any of timm's networks can be used as well" in texts(dialog)
    learnt.presses("Ctrl+F", dialog)
    learnt.sees(dialog.words.hasFocus)

    QTest.keyClicks(dialog.words, "resnet18 in1k")

    learnt.sees(lambda: any(row["name"] == CNN for row in dialog.rows.rows))
    rows = [row["name"] for row in dialog.rows.rows]
    assert all("resnet18" in name for name in rows)
    dialog.table.selectRow(rows.index(CNN))
    learnt.sees(lambda: dialog.use_button.text() == "Download 44.7 MB and use")
    assert "apache-2.0, as timm states it" in dialog.note.text()
    dialog.words.clear()
    learnt.sees(lambda: len(dialog.rows.rows) == many)

    QTest.keyClicks(dialog.words, CNN)

    learnt.sees(lambda: [row["name"] for row in dialog.rows.rows] == [CNN])
    dialog.side.setValue(64)
    learnt.will_choose_file(weights_file(tmp_path / "own.safetensors", CNN))
    ended = learnt.waits_for(dialog.file_button.click)
    assert ended.how == "done", ended.text
    assert learnt.project.backbone == CNN
    assert all(view.learnt for view in learnt.project.classes)


def test_in_the_window_without_timm_it_says_how_to_get_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    qtbot: object,
    weights: Path,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(ABSENT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    person = Person(request.getfixturevalue("own_window"), qtbot)
    path = str(tmp_path / "mine.espalier")
    submit = person.window.bridge.submit
    person.waits_for(lambda: submit("new_project", path=path, weights=str(weights), size=64))
    dialog = dialog_of(person)
    assert GET in texts(dialog)
    QTest.keyClicks(dialog.words, "dinov2")
    person.sees(lambda: not dialog.rows.rows)
    assert GET in texts(dialog)
    assert "No network has these words" in texts(dialog)
    assert not dialog.use_button.isEnabled()
    dialog.reject()

"""A person trains the subnets on their own images: sees the time first, watches, and uses them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSize

from app.pages.specialise.training_dialog import TrainDialog
from tests.app.test_accessible import complaints, controls
from tests.helpers.image_files import class_folders
from tests.helpers.window import Person, drop, urls


@pytest.fixture
def embedded(person: Person, tmp_path: Path) -> Person:
    """A person whose small project learnt two classes with the embedded backbone."""
    path = str(tmp_path / "mine.espalier")
    submit = person.window.bridge.submit
    ended = person.waits_for(lambda: submit("new_project", path=path, backbone="embedded", size=32))
    assert ended.how == "done", ended.text
    folders = class_folders(tmp_path / "fruit", {"apple": 30, "banana": 30})
    ended = person.waits_for(lambda: drop(person.page("Images"), urls([folders])))
    assert ended.how == "done", ended.text
    return person


def opened(person: Person) -> TrainDialog:
    """The dialog, with the time that a first training takes."""
    page = person.page("Specialise")
    person.sees(lambda: page.train_button.isVisible())
    person.presses("Ctrl+Shift+T")
    person.sees(lambda: person.window.findChild(TrainDialog))
    return person.window.findChild(TrainDialog)


def set_to(dialog: TrainDialog, **values: float) -> None:
    for name, value in values.items():
        dialog.form.controls[name].setValue(value)


def begun(person: Person, **values: float) -> TrainDialog:
    """The dialog, with a training that has begun."""
    dialog = opened(person)
    person.sees(lambda: dialog.form.controls)
    set_to(dialog, **values)
    person.sees(lambda: dialog.train_button.isEnabled())
    person.presses("Ctrl+Return", dialog)
    person.sees(lambda: person.window.pages["Specialise"].training.running)
    return dialog


def test_the_time_is_known_first_and_what_can_not_be_trained_is_refused(
    embedded: Person, tmp_path: Path
) -> None:
    dialog = opened(embedded)
    embedded.sees(lambda: dialog.form.controls)
    assert not dialog.train_button.isEnabled(), "nothing starts before its time is known"
    assert [dialog.method.itemText(n) for n in range(dialog.method.count())] == [
        "Sandwich rule",
        "Progressive shrinking",
    ]
    set_to(dialog, epochs=1, batch=4)
    embedded.sees(lambda: dialog.train_button.isEnabled())
    images = sum(c.train for c in embedded.project.classes)
    steps = images // 4
    words = dialog.time.text()
    assert f" for {steps} steps on {images} images" in words
    assert words.startswith("About")

    set_to(dialog, batch=64)

    assert not dialog.train_button.isEnabled()
    embedded.sees(lambda: "fewer than one batch of 64" in dialog.time.text())
    assert not dialog.train_button.isEnabled()
    assert dialog.size().boundedTo(QSize(1024, 640)) == dialog.size()
    assert complaints(dialog) == []
    keys = [w.property("key") for w in controls(dialog) if w.property("key") and w.isVisible()]
    assert len(set(keys)) == len([k for k in keys if k != "Ctrl+S"]) + 1
    set_to(dialog, batch=4)
    dialog.out.setText(str(tmp_path / "no.bin"))
    embedded.sees(lambda: dialog.train_button.isEnabled())

    ended = embedded.waits_for(lambda: embedded.presses("Ctrl+Return", dialog))

    assert ended.how == "refused"
    assert "ends in .safetensors" in dialog.news.text()
    assert ended.text in embedded.messages()
    assert dialog.form.isEnabled(), "it can be mended and tried again"
    embedded.presses("Esc", dialog)
    embedded.sees(lambda: not embedded.window.findChild(TrainDialog))


def test_it_trains_while_the_dialog_is_closed_and_the_result_is_used(
    embedded: Person, tmp_path: Path
) -> None:
    page, window = embedded.window.pages["Specialise"], embedded.window
    out = tmp_path / "mine-supernet.safetensors"

    dialog = begun(embedded, epochs=1, batch=8, score_every=1)

    assert dialog.out.text() == str(out)
    assert dialog.form.values["lr"] < 0.05, "the rate goes with the small batch"
    assert not dialog.form.isEnabled()
    embedded.presses("Esc", dialog)
    embedded.sees(lambda: not window.findChild(TrainDialog))
    assert page.train_button.text().startswith("Watch")
    assert not page.search_button.isEnabled()
    embedded.sees(lambda: window.job_bar.bar.maximum() > 0 and not window.job_bar.bar.isHidden())
    again = opened(embedded)
    assert again.stop_button.isVisible() == page.training.running

    embedded.sees(lambda: not page.training.running)

    assert {series.name for series in again.plot.series} == {"smallest", "middle", "largest"}
    last = {series.name: series.points[-1] for series in again.plot.series}
    result = page.training.result
    assert last == {name: (result["steps"], 100 * result[name]) for name in last}
    assert again.plot.steps() == list(range(1, result["steps"] + 1)), "none was missed"
    assert out.is_file()
    assert "The subnets are trained" in again.news.text()
    (said,) = (c for c in window.notices.cards if "The subnets are trained" in c.text)
    assert said.action_button.text() == "Use it"
    assert "goes on where it was" in again.file_news.text()

    embedded.presses("Ctrl+U", again)

    # Learning takes a subnet out of the new supernet.
    embedded.sees(lambda: embedded.project.backbone == "subnet" and embedded.project.current_step)
    assert embedded.project.input_size == 32
    assert all(c.learnt for c in embedded.project.classes)


def test_a_training_that_is_stopped_can_go_on(embedded: Person) -> None:
    page = embedded.window.pages["Specialise"]
    dialog = begun(embedded, epochs=50, batch=8, score_every=1, save_every=1)
    embedded.sees(lambda: page.training.points["largest"])

    ended = embedded.ends(lambda: embedded.presses("Ctrl+Backspace", dialog))

    assert ended.how == "cancelled"
    before = list(page.training.points["largest"])
    out = dialog.out.text()
    dialog.reject()
    embedded.sees(lambda: not embedded.window.findChild(TrainDialog))
    again = opened(embedded)
    embedded.sees(lambda: again.train_button.isEnabled())
    assert again.out.text() == out
    assert again.settings["epochs"] == 50
    embedded.presses("Ctrl+Return", again)
    embedded.sees(lambda: len(page.training.points["largest"]) > len(before))
    found = list(page.training.points["largest"])
    assert found[: len(before)] == before
    assert found == list(range(1, len(found) + 1))
    embedded.ends(lambda: embedded.presses("Ctrl+Backspace", again))
    again.reject()

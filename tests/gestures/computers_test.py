"""A person chooses which computers work, and sees what each worker does."""

from __future__ import annotations

from app.shell.computers_dialog import ComputersDialog
from engine.cluster.library import MISSING
from tests.app.test_accessible import complaints
from tests.helpers.window import Person


def opened(person: Person) -> ComputersDialog:
    person.presses("Ctrl+Alt+C")
    person.sees(lambda: person.window.findChild(ComputersDialog))
    dialog = person.window.findChild(ComputersDialog)
    person.sees(lambda: dialog.shown is not None)
    return dialog


def test_workers_are_chosen_seen_and_left(learnt: Person) -> None:
    dialog = opened(learnt)
    assert complaints(dialog) == []
    assert dialog.alone.isChecked()
    assert dialog.state.text() == "This computer works alone."
    dialog.others.setChecked(True)
    learnt.presses("Ctrl+Return", dialog)
    learnt.sees(lambda: dialog.news.text() == "Type the address of a scheduler first.")

    dialog.address.setText("192.0.2.7")
    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+Return", dialog))
    assert ended.how == "refused"
    assert "espalier cluster new-keys" in dialog.news.text()

    dialog.address.setText("local:1")
    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+Return", dialog))
    assert (ended.how, ended.result["workers"]) == ("done", 1), ended.text
    learnt.sees(lambda: len(dialog.rows.rows) == 1)
    learnt.sees(lambda: dialog.state.text() == "Works with local:1.")
    assert dialog.rows.text(dialog.rows.rows[0], 1) == "Waiting"

    dialog.alone.setChecked(True)
    ended = learnt.waits_for(lambda: learnt.presses("Ctrl+Return", dialog))
    assert ended.result == {"address": "", "workers": 0}
    learnt.sees(lambda: dialog.state.text() == "This computer works alone.")

    dialog.show_workers({"address": "", "missing": MISSING, "workers": []})
    assert "pip install 'espalier[cluster]'" in dialog.state.text()
    assert not dialog.address.isEnabled()
    learnt.presses("Escape", dialog)
    learnt.sees(lambda: learnt.window.findChild(ComputersDialog) is None)
    dialog = opened(learnt)
    assert dialog.address.text() == "local:1", "it is kept, and nobody is asked by itself"
    assert dialog.alone.isChecked()
    learnt.presses("Escape", dialog)
    learnt.sees(lambda: learnt.window.findChild(ComputersDialog) is None)


def test_closed_before_anybody_answered(learnt: Person) -> None:
    dialog = opened(learnt)
    dialog.others.setChecked(True)
    dialog.address.setText("192.0.2.7")

    def uses_and_leaves() -> None:
        learnt.presses("Ctrl+Return", dialog)
        learnt.presses("Escape", dialog)
        learnt.sees(lambda: learnt.window.findChild(ComputersDialog) is None)

    assert learnt.waits_for(uses_and_leaves).how == "refused"

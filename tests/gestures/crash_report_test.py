"""After a crash: what was kept of it is offered once, at the next start, and sent nowhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QPushButton

from app.shell.crash_report import ReportDialog
from app.shell.window import CRASHED
from engine import __version__
from engine.system.crash_reports import crash_folder, keep_report, note
from engine.worker import Engine
from tests.helpers.window import Person
from tests.helpers.window_fixtures import gone, opened

ROOT = Path(__file__).parents[2]
WINDOW = """
import sys
from PySide6.QtCore import QTimer
from app.shell import window as w
class Window(w.Window):
    def offer_reports(self):
        super().offer_reports()
        {then}
w.Window = Window
if __name__ == "__main__":
    sys.exit(w.main(w.Engine()))
"""
SIGNAL = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
DEFECT = "QTimer.singleShot(0, self.close); raise ValueError('a defect to report')"


def window_that(then: str, folder: Path) -> int:
    """A real window in a process of its own, that does something once it is there."""
    script = folder / "window.py"
    script.write_text(WINDOW.format(then=then))
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    return done.returncode


def shown(person: Person) -> ReportDialog:
    """Presses the button of the offer."""
    card = next(c for c in person.window.notices.cards if c.text == CRASHED)
    card.action_button.click()
    person.sees(lambda: isinstance(QApplication.activeModalWidget(), ReportDialog))
    return QApplication.activeModalWidget()


@pytest.fixture
def report() -> None:
    """What a window left behind that is gone."""
    note("job 7 asked for: learn")
    keep_report("a defect in the window", ["window"], "ValueError: of old")


def test_a_report_is_offered_once_shown_and_closed_by_keyboard(
    report: None, person: Person, shared_engine: Engine
) -> None:
    assert person.messages() == [CRASHED]
    dialog = shown(person)
    text = dialog.text.toPlainText()
    for words in (
        "a defect in the window",
        __version__,
        "torch ",
        "job 7 asked for: learn",
        "ValueError: of old",
        "The end of window.log",
    ):
        assert words in text
    assert str(Path.home()) not in text, "the report says ~ for the person's folder"

    person.presses("Alt+C", dialog)
    person.sees(lambda: QGuiApplication.clipboard().text() == text)
    person.presses("Esc", dialog)
    person.sees(lambda: QApplication.activeModalWidget() is None)

    again = opened(shared_engine, person.qtbot)
    assert [c.text for c in again.notices.cards] == [], "it is not offered twice"
    gone(again)
    assert len(list(crash_folder().glob("*.txt"))) == 1, "it stays until it is deleted"


def test_an_offer_can_be_dismissed_and_a_report_deleted(
    report: None, person: Person, shared_engine: Engine
) -> None:
    dialog = shown(person)
    delete = next(b for b in dialog.findChildren(QPushButton) if "Delete" in b.text())
    delete.click()
    person.sees(lambda: not list(crash_folder().glob("*.txt")))

    keep_report("the window ended at once", ["window"])
    again = opened(shared_engine, person.qtbot)
    (card,) = again.notices.cards
    card.dismiss()
    assert not again.notices.cards
    gone(again)


def test_a_fatal_signal_in_the_window_is_reported_at_the_next_start(
    tmp_path: Path, shared_engine: Engine, qtbot: object
) -> None:
    assert window_that(SIGNAL, tmp_path) == -signal.SIGSEGV
    window = opened(shared_engine, qtbot)
    dialog = shown(Person(window, qtbot))
    text = dialog.text.toPlainText()
    assert "the window ended at once" in text
    assert "Segmentation fault" in text
    assert "offer_reports" in text, "it says where the window was"
    dialog.close()
    gone(window)


def test_a_defect_in_the_window_is_reported_at_the_next_start(
    tmp_path: Path, shared_engine: Engine, qtbot: object
) -> None:
    assert window_that(DEFECT, tmp_path) == 0
    window = opened(shared_engine, qtbot)
    dialog = shown(Person(window, qtbot))
    assert "ValueError: a defect to report" in dialog.text.toPlainText()
    dialog.close()
    gone(window)
    assert not list(crash_folder().glob("window-*.fault")), "a window that closes leaves no trace"


def test_a_lost_engine_is_reported_at_the_next_start(own_window: object, qtbot: object) -> None:
    person = Person(own_window, qtbot)
    person.sees(lambda: person.window.bridge.engine.process_id)
    lost = person.window.bridge.engine.process_id
    psutil.Process(lost).kill()
    person.sees(lambda: list(crash_folder().glob("new-*.txt")))

    (report,) = crash_folder().glob("new-*.txt")
    text = report.read_text()
    assert "the engine process was ended by signal 9" in text
    assert "The end of engine.log" in text

"""Which computers work: this one alone, or the workers of a scheduler, with what each one does."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QGridLayout,
    QHeaderView,
    QLineEdit,
    QRadioButton,
    QWidget,
)

from app.bridge import Bridge
from app.shell.preferences import Preferences
from app.theme import GRID
from app.widgets.controls import buddy, button, column, keeps_place, label, named, reach, row
from app.widgets.path_field import PathField
from app.widgets.sizes import sized
from app.widgets.table import Table, TableRows
from engine.events import Ended
from engine.results.cluster import ComputersChosen, ComputersSeen, WorkerRow

LOOK_EVERY = 1000
"""Milliseconds between two looks at the workers while the dialog is open."""
TITLES = ("Worker", "State", "Images", "A second", "What it does")
ADDRESS, KEYS = "computers_address", "computers_keys"
"""In the preferences: what was typed last. Nobody is asked before a person says so again."""
ALONE = "This computer works alone."
NONE_YET = "No worker is there now: this computer does the work."
WHAT = (
    "Images are opened, and what they show is computed, by the workers that joined a scheduler. "
    "They get no project. Start them with “espalier scheduler” and “espalier worker”, which say "
    "what to type."
)


class WorkerRows(TableRows):
    numbers = frozenset((2, 3))

    def text(self, given: WorkerRow, column: int) -> str:
        rate = f"{given['rate']:.1f}" if given["rate"] else "–"
        name, state = given["name"], given["state"].capitalize()
        return (name, state, f"{given['images']:,}", rate, given["doing"])[column]


class ComputersDialog(QDialog):
    """The choice, below it the workers, and at the foot what became of the choice."""

    def __init__(self, bridge: Bridge, preferences: Preferences, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Computers")
        sized(self, 880, 560)
        self.bridge, self.preferences, self.question = bridge, preferences, 0
        self.shown: list[WorkerRow] | None = None
        self.alone, self.others = QRadioButton("This computer a&lone"), QRadioButton("&Workers of")
        self.address, self.keys = QLineEdit(preferences.get(ADDRESS, "")), PathField()
        self.keys.setText(preferences.get(KEYS, ""))
        self.rows = WorkerRows(TITLES)
        self.table = Table(self.rows)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        self.state, self.news = label("Looking …", wrap=True), label("", "muted", wrap=True)
        self.timer = QTimer(self, interval=LOOK_EVERY)
        self.make_controls()
        self.lay_out()
        self.timer.timeout.connect(self.ask)
        self.finished.connect(self.leave)
        self.timer.start()
        self.ask()

    def make_controls(self) -> None:
        """The choice and the two answers."""
        named(self.alone, "This computer alone", "As usual: nothing leaves this computer", "Alt+L")
        help = (
            "Images go to the workers of a scheduler, unless these read the same files themselves"
        )
        named(self.others, "Workers of a scheduler", help, "Alt+W")
        help = (
            "As “espalier scheduler” says it, like tls://192.168.1.20:8786; local:2 starts two here"
        )
        named(self.address, "Address of the scheduler", help, "Alt+A")
        help = "The folder that “espalier cluster new-keys” made; needed for other computers"
        named(self.keys, "Folder of the keys", help, "Alt+K")
        named(self.table, "Workers", "Each worker, how much it did and what it does now", "Alt+T")
        reach(self.address, "Alt+A")
        reach(self.table, "Alt+T")
        self.address.textEdited.connect(lambda _: self.others.setChecked(True))
        self.keys.textEdited.connect(lambda _: self.others.setChecked(True))
        self.alone.setChecked(True)
        self.choose = button("Choose …", "Shows where the keys are", self.choose_keys, key="Alt+C")
        self.close_button = button("Close", "Goes back; the choice stays", self.reject, key="Esc")
        self.use_button = button(
            "Use",
            "Works with the chosen computers from now on",
            self.use,
            key="Ctrl+Return",
            kind="primary",
        )

    def lay_out(self) -> None:
        """The choice with its two fields below each other, the workers, and the answers."""
        fields = QGridLayout()
        fields.setSpacing(GRID)
        fields.addWidget(self.others, 0, 0)
        fields.addWidget(self.address, 0, 1, 1, 2)
        fields.addWidget(buddy("&Keys in", self.keys), 1, 0, Qt.AlignmentFlag.AlignRight)
        fields.addWidget(self.keys, 1, 1)
        fields.addWidget(self.choose, 1, 2)
        foot = row(self.news, self.close_button, self.use_button)
        foot.setStretch(0, 1)
        head = column(label("Computers", "big"), label(WHAT, "muted", wrap=True))
        choice = column(self.alone, fields)
        keeps_place(self.table)
        whole = column(head, choice, self.state, self.table, foot, gap=16, edge=24)
        whole.setStretch(3, 1)
        self.setLayout(whole)

    # Gestures.

    def choose_keys(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of the keys", self.keys.text())
        if folder:
            self.keys.setText(folder)
            self.others.setChecked(True)

    def use(self) -> None:
        """Joins the scheduler, or leaves it; waits for what the project is just doing."""
        address = self.address.text().strip() if self.others.isChecked() else ""
        if self.others.isChecked() and not address:
            self.news.setText("Type the address of a scheduler first.")
            self.address.setFocus()
            return
        keys = self.keys.text().strip()
        if address:
            self.preferences.put(ADDRESS, address)
            self.preferences.put(KEYS, keys)
        self.news.setText("Looking for workers …" if address else "Leaving the workers …")
        self.use_button.setEnabled(False)
        self.bridge.submit("use_computers", self.used, address=address, keys=keys)

    def ask(self) -> None:
        """Asks for the workers, unless the last answer is still to come."""
        if not self.question:
            self.question = self.bridge.ask("see_computers", self.take)

    def leave(self, *_: object) -> None:
        self.timer.stop()
        self.bridge.drop(self.question)
        self.question = 0
        self.deleteLater()

    # Showing.

    def used(self, ended: Ended) -> None:
        """What became of the choice."""
        self.use_button.setEnabled(True)
        if ended.how != "done":
            self.news.setText(ended.text)
            return
        found = ended.of(ComputersChosen)
        self.news.setText("")
        self.state.setText(f"Works with {found['address']}." if found["address"] else ALONE)

    def take(self, ended: Ended) -> None:
        self.question = 0
        if ended.how == "done":
            self.show_workers(ended.of(ComputersSeen))

    def show_workers(self, found: ComputersSeen) -> None:
        """The workers; a table is filled anew only where something changed."""
        for control in (self.others, self.address, self.keys, self.choose):
            control.setEnabled(not found["missing"])
        workers = found["workers"]
        said = f"Works with {found['address']}." if found["address"] else ALONE
        self.state.setText(
            found["missing"] or (said if workers or not found["address"] else NONE_YET)
        )
        self.table.setVisible(bool(workers))
        if self.shown is None and found["address"]:
            self.others.setChecked(True)
        if workers != self.shown:
            self.shown = workers
            self.rows.give(workers)

"""How long a run may take, in plain words: three lengths of time, or settings of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QLabel, QRadioButton, QVBoxLayout, QWidget

from app.widgets.controls import column, label, named, pack, row
from engine.results.tune import PresetRow
from engine.system.words import duration

OWN = "own"
FIRST = "quick"
"""The preset that is chosen at first: it takes the least time, and changes the least."""
OWN_TITLE, OWN_HELP = "Own settings", "Choose what learns, when and how fast."
WITHOUT = "without"
WITHOUT_TITLE = "Without classes"
WITHOUT_HELP = "The network adapts to images whose classes nobody has named."
SET = (OWN, WITHOUT)
"""Choices whose settings a person sees; of the others the engine knows the time."""
KEYS = {"quick": "Q", "thorough": "H", "long": "N", OWN: "O", WITHOUT: "Z"}
"""The letter of each choice, with Alt."""
WAITING = "…"


def marked(title: str, letter: str) -> str:
    """The title with an & before the letter."""
    at = title.lower().find(letter.lower())
    return title if at < 0 else f"{title[:at]}&{title[at:]}"


class PresetChoice(QWidget):
    """One choice below the other, each with its time. `chosen` carries the name."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.buttons: dict[str, QRadioButton] = {}
        self.times: dict[str, QLabel] = {}
        self.words: list[QLabel] = []
        self.group = QButtonGroup(self)
        self.lines: QVBoxLayout = column(gap=4)
        self.setLayout(self.lines)
        self.group.buttonToggled.connect(self.tell)

    def show_presets(self, presets: Sequence[PresetRow]) -> None:
        """The presets that the engine knows, and below them what has settings of its own."""
        if self.buttons:
            return
        for preset in presets:
            self.add(preset["name"], preset["title"], preset["help"])
        self.add(OWN, OWN_TITLE, OWN_HELP)
        self.add(WITHOUT, WITHOUT_TITLE, WITHOUT_HELP)
        self.buttons[FIRST].setChecked(True)

    def add(self, name: str, title: str, help: str) -> None:
        """A choice: its title and its time, and below them what it does."""
        letter = KEYS.get(name, "")
        made = QRadioButton(marked(title, letter))
        named(made, title, help, f"Alt+{letter}" if letter else "")
        if letter.lower() not in title.lower():
            made.setShortcut(f"Alt+{letter}")  # else that of the marked letter
        time = label("" if name in SET else WAITING, "muted")
        words = label(help, "caption", wrap=True)
        words.setContentsMargins(24, 0, 0, 0)
        self.buttons[name], self.times[name] = made, time
        self.words.append(words)
        self.group.addButton(made)
        line = row(made, 0, time)
        pack(self.lines, line, words, gap=4)

    def tell(self, button: QRadioButton, on: bool) -> None:
        """The words go where the form of own settings needs their room; tooltips have them."""
        if on:
            for words in self.words:
                words.setVisible(self.name not in SET)
            self.chosen.emit(self.name)

    @property
    def name(self) -> str:
        """The name of what is chosen; nothing while nothing is known."""
        return next((name for name, made in self.buttons.items() if made.isChecked()), "")

    def choose(self, name: str) -> None:
        if name in self.buttons:
            self.buttons[name].setChecked(True)

    def show_times(self, seconds: Mapping[str, float]) -> None:
        """The time of each; of those that are not known yet, that they are not."""
        for name, time in self.times.items():
            if name not in SET:
                known = seconds.get(name)
                time.setText(WAITING if known is None else duration(known))

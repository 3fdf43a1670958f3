"""The dialog of the presenter: what is said for each class, and how. It holds at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QHeaderView,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from app.bridge import Bridge
from app.pages.live.voice_settings import VoiceSettings
from app.presenting import FASTEST, SLOWEST, UNSURE
from app.widgets.controls import buddy, button, column, indented, label, named, reach, row
from app.widgets.sizes import sized
from app.widgets.table import Titles
from engine.events import Ended
from engine.results.voice import VoicesKnown

ABOUT = "Choose a line and type what is said for its class. Emptied, it is the class's name."
OWN = "The computer's usual voice"
TRIES = "One moment …"


class VoiceDialog(QDialog):
    """`changed` is called after each change."""

    def __init__(
        self,
        parent: QWidget,
        bridge: Bridge,
        settings: VoiceSettings,
        path: str,
        names: Sequence[str],
        changed: Callable[[], object],
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Words and voice")
        self.bridge, self.settings, self.changed = bridge, settings, changed
        self.path, self.names = path, [*names, *UNSURE]
        self.ticket = 0
        self.words = QTableWidget(len(self.names), 2)
        self.voice = QComboBox()
        self.speed, self.volume = indented(QSpinBox()), indented(QSpinBox())
        self.unsure = QCheckBox("Say “none of these” and “not sure”, &too")
        self.news = label("", "warning", wrap=True)
        self.make_table()
        self.make_controls()
        self.lay_out()
        self.finished.connect(lambda _: self.hush())
        sized(self, 560, 600)
        self.voices = bridge.ask("voices", self.show_voices)

    def make_table(self) -> None:
        """A line for each class, and for what is said where none is the answer."""
        table = self.words
        table.setHorizontalHeader(Titles(table))
        table.setHorizontalHeaderLabels(["Class", "Is said as"])
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        table.horizontalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        )
        table.verticalHeader().hide()
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.AllEditTriggers)
        table.setTabKeyNavigation(False)
        words = self.settings.words(self.path)
        for line, name in enumerate(self.names):
            first = QTableWidgetItem(name)
            first.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            table.setItem(line, 0, first)
            table.setItem(line, 1, QTableWidgetItem(words.get(name) or usual(name)))
        table.setCurrentCell(0, 1)
        table.itemChanged.connect(self.keep_words)

    def make_controls(self) -> None:
        """Names, keys and bounds."""
        named(self.words, "Words", "Type what is said for the class of the line, then Return")
        reach(self.words, "Alt+C")
        named(self.voice, "Voice", "Who says it: the voices of this computer", "Alt+V")
        self.voice.addItem(OWN, "")
        if self.settings.voice:  # until the voices are known
            self.voice.addItem(self.settings.voice, self.settings.voice)
            self.voice.setCurrentIndex(1)
        named(self.speed, "Speed", "How many words are said in a minute", "Alt+S")
        self.speed.setRange(SLOWEST, FASTEST)
        self.speed.setSingleStep(10)
        self.speed.setSuffix(" words a minute")
        self.speed.setValue(self.settings.speed)
        named(self.volume, "Volume", "How loud it is said, beside other programs", "Alt+L")
        self.volume.setRange(0, 100)
        self.volume.setSingleStep(10)
        self.volume.setSuffix(" %")
        self.volume.setValue(self.settings.volume)
        named(self.unsure, "Say the unsure, too", "Also what is no class is said", "Alt+T")
        self.unsure.setChecked(self.settings.unsure)
        self.voice.currentIndexChanged.connect(self.keep)
        self.speed.valueChanged.connect(self.keep)
        self.volume.valueChanged.connect(self.keep)
        self.unsure.toggled.connect(self.keep)
        help = "Says the words of the chosen line, with this voice"
        self.test = button("Say it once", help, self.say_once, key="Ctrl+Return")
        self.close_button = button("Close", "Goes back", self.close, key="Esc", kind="primary")
        for each in (self.test, self.close_button):
            each.setAutoDefault(False)

    def lay_out(self) -> None:
        """Words above, how they are said below."""
        layout = column(
            label("Words and voice", "big"),
            label(ABOUT, "muted", wrap=True),
            self.words,
            self.unsure,
            row(buddy("&Voice", self.voice), self.voice, 0),
            row(
                buddy("&Speed", self.speed),
                self.speed,
                16,
                buddy("Vo&lume", self.volume),
                self.volume,
                0,
            ),
            self.news,
            row(0, self.test, self.close_button),
            gap=16,
            edge=24,
        )
        layout.setStretch(2, 1)
        self.setLayout(layout)

    def show_voices(self, ended: Ended) -> None:
        """Fills the list; what was chosen stays chosen, also where that voice is gone."""
        self.voices = 0
        found = ended.of(VoicesKnown) if ended.how == "done" else None
        self.news.setText(found["missing"] if found else ended.text)
        known = [
            (voice["id"], f"{voice['name']}  ({voice['language']})")
            for voice in (found["voices"] if found else [])
        ]
        chosen = self.settings.voice
        if chosen and chosen not in [key for key, _ in known]:
            known.insert(0, (chosen, f"{chosen}  (not here)"))
        self.voice.blockSignals(True)
        self.voice.clear()
        self.voice.addItem(OWN, "")
        for key, words in known:
            self.voice.addItem(words, key)
        self.voice.setCurrentIndex(max(0, self.voice.findData(chosen)))
        self.voice.blockSignals(False)

    def keep(self) -> None:
        self.settings.put(
            name=self.voice.currentData(),
            speed=self.speed.value(),
            volume=self.volume.value(),
            unsure=self.unsure.isChecked(),
        )
        self.changed()

    def keep_words(self, item: QTableWidgetItem) -> None:
        """Keeps what was typed; a class's own name is not kept, so that it follows the class."""
        name, words = self.names[item.row()], " ".join(item.text().split())
        kept = {key: said for key, said in self.settings.words(self.path).items() if key != name}
        if words and words != usual(name):
            kept[name] = words
        self.settings.put_words(self.path, kept)
        self.words.blockSignals(True)
        item.setText(words or usual(name))
        self.words.blockSignals(False)
        self.changed()

    def say_once(self) -> None:
        self.hush()
        item = self.words.item(max(0, self.words.currentRow()), 1)
        assert item is not None
        self.news.setText(TRIES)
        ticket = self.ticket = self.bridge.ask(
            "say",
            lambda ended: self.said(ticket, ended),
            text=item.text(),
            **self.settings.manner(),
        )

    def said(self, ticket: int, ended: Ended) -> None:
        if ticket == self.ticket:
            self.ticket = 0
            self.news.setText("" if ended.how == "done" else ended.text)

    def hush(self) -> None:
        """Breaks off what is being said, and waits for no answer."""
        for ticket in filter(None, (self.ticket, self.voices)):
            self.bridge.drop(ticket)
        self.ticket = self.voices = 0


def usual(name: str) -> str:
    """What is said for a class unless a person writes other words."""
    return UNSURE.get(name, name)

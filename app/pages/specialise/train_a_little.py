"""The button that trains the chosen network a little, and the question before it, with its time."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.bridge import Bridge
from app.widgets.ask import choose
from app.widgets.controls import button, say_on
from engine.events import Ended
from engine.results.specialise import FormEstimate, FormTrained
from engine.system.words import duration, per_cent, plural

TRAIN, TIMING = "Train a little …", "Timing …"
HELP = (
    "Lets this network learn to see in your images what the whole one sees in them; you see first "
    "how long it takes"
)
ABOUT = (
    "This takes {long}. The network learns to see in your {images} what the whole network sees in "
    "them; their classes have no part in it. Where that helps it stands in the plot beside the "
    "present one; the network that you use stays as it is. Stopped, it goes on where it was."
)
KEPT = (
    "Trained: what it sees differs from the whole network by {after}, before by {before}. It "
    "stands in the plot beside the one that it was."
)


class TrainALittle(QObject):
    """Asks how long a training takes, then for it, then says what became of it (`said`).

    `made` is the architecture that came of the last one, until it is taken.
    """

    said = Signal(str, str)

    def __init__(self, bridge: Bridge, parent: QWidget) -> None:
        super().__init__(parent)
        self.bridge, self.made, self.wanted = bridge, "", ""
        self.window_of = parent.window
        self.button = button(TRAIN, HELP, self.ask, key="Ctrl+Shift+N")

    def show_chosen(self, architecture: str, elastic: bool) -> None:
        """Which network it is for; a network that holds many sizes trains all of them at once."""
        trained = architecture.partition(":")[0].endswith(" trained")
        self.wanted = architecture if elastic and not trained else ""
        self.button.setVisible(elastic)

    def ask(self) -> None:
        """Times a step first."""
        if self.wanted:
            say_on(self.button, TIMING)
            self.bridge.ask("estimate_train_form", self.take_estimate, architecture=self.wanted)

    def take_estimate(self, ended: Ended) -> None:
        say_on(self.button, TRAIN)
        if ended.how != "done":
            self.said.emit(ended.text, "")
            return
        found, wanted = ended.of(FormEstimate), self.wanted
        text = ABOUT.format(long=duration(found["seconds"]), images=plural(found["images"]))
        answers = [("Train", HELP, lambda: self.train(wanted))]
        choose(self.window_of(), "Train this network a little?", text, answers)

    def train(self, architecture: str) -> None:
        self.said.emit("Training …", "")
        self.bridge.submit("train_form", self.take, architecture=architecture)

    def take(self, ended: Ended) -> None:
        """What was not better was told by the job already."""
        if ended.how != "done":
            self.said.emit(ended.text, "")
            return
        found = ended.of(FormTrained)
        self.made = found["architecture"]
        before, after = per_cent(found["before"], 0), per_cent(found["after"], 0)
        said = KEPT.format(before=before, after=after)
        self.said.emit(said if found["kept"] else "", "")

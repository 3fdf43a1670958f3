"""A line above the Specialise page: classes came after the network was narrowed; fold it anew."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame

from app.bridge import Bridge
from app.widgets.controls import button, label, laid_out, row, set_kind
from engine.events import Ended
from engine.results import specialise

HELP = (
    "Narrows the network as much as it is now, on all images that are there, and learns all "
    "classes again with it (about 2 minutes); undo takes it back"
)
WORSE = "Fold it anew, and it fits them, too."
ALIKE = "That is about as little, so it can stay; folded anew it fits all of them."
FOLDING = "Folding the network anew …"
DONE = "Folded anew on all images. Undo takes it back."


class FoldNews(QFrame):
    """Asks what the narrowed network loses on classes that it was not narrowed for, and offers to
    fold it anew; not to be seen where there is nothing to say. `said` is for the page."""

    said = Signal(str, str)

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.setObjectName("card")
        self.bridge, self.question = bridge, 0
        self.text = label("", wrap=True)
        self.button = button("Fold anew", HELP, self.fold, key="Ctrl+Shift+Y")
        self.setLayout(row(self.text, self.button, gap=16))
        laid_out(self).setContentsMargins(16, 8, 16, 8)
        laid_out(self).setStretch(0, 1)
        self.hide()

    def read(self) -> None:
        """Looks at the network in use and the images that are there now."""
        self.bridge.drop(self.question)
        self.question = self.bridge.ask("look_at_fold", self.take)

    def take(self, ended: Ended) -> None:
        if ended.how != "done":
            self.hide()
            return
        found = ended.of(specialise.FoldNews)
        self.text.setText(f"{found['text']} {WORSE if found['worse'] else ALIKE}")
        set_kind(self.button, "primary" if found["worse"] else "")
        self.setVisible(bool(found["new"]))

    def clear(self) -> None:
        self.bridge.drop(self.question)
        self.hide()

    def fold(self) -> None:
        self.said.emit(FOLDING, "")
        self.bridge.submit("fold_anew", self.take_folded)

    def take_folded(self, ended: Ended) -> None:
        self.said.emit(DONE if ended.how == "done" else ended.text, "")

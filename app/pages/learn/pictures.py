"""The images behind the scores: uncertain, wrong, or of a cell; what is wrong is put right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtWidgets import QButtonGroup, QPushButton

from app.bridge import Bridge
from app.widgets.controls import Elided, button, column, laid_out, named, reach, row
from app.widgets.mend_list import MendList
from app.widgets.thumbs import Thumbnails
from engine.results.learn import AnsweredImages
from engine.system.words import plural

ONE_SIDE = " to test · those to learn can't be judged by this method"
PICTURE = 112
"""Pixels of an image's longer side: large enough to judge it, and for the words below it."""


class Pictures(MendList):
    """Images with the model's answers: uncertain, wrong, or of one cell; wrong ones are mended."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails) -> None:
        super().__init__(bridge, thumbs, PICTURE)
        self.gallery.setMinimumHeight(self.gallery.cell.height())
        named(self.gallery, "Answers", "Images with the model's answers; Return moves, K keeps")
        reach(self.gallery, "Alt+I")
        self.title = Elided("", "muted")
        self.group = QButtonGroup(self)
        self.choices = [
            self.choice("Least certain", "Alt+U", {"wrong": False}),
            self.choice("Wrong", "Alt+W", {"wrong": True}),
        ]
        self.asked = ("uncertain_images", {"wrong": False})
        self.choices[0].setChecked(True)
        self.setLayout(column(row(*self.choices, 0), self.title, self.gallery, self.bar, gap=4))
        laid_out(self).setStretch(2, 1)

    def choice(self, name: str, key: str, settings: Mapping[str, Any]) -> QPushButton:
        help = f"Shows images of both sides: {name.lower()}"
        made = button(name, help, lambda: self.start("uncertain_images", settings), key=key)
        made.setObjectName("quiet")
        made.setCheckable(True)
        self.group.addButton(made)
        return made

    def ask_cell(self, true: str, predicted: str) -> None:
        """Shows the images behind a cell of the confusion matrix."""
        self.group.setExclusive(False)
        for made in self.choices:
            made.setChecked(False)
        self.group.setExclusive(True)
        self.ask("confusion_images", {"true": true, "predicted": predicted})

    def again(self) -> tuple[str, Mapping[str, Any]]:
        """The same list; what is looked at comes with it, though it may be certain by now."""
        job, settings = self.asked
        if job == "uncertain_images":
            settings = {**settings, "also": [r["id"] for r in self.chosen()]}
        return job, settings

    def say(self, found: AnsweredImages) -> None:
        cell = self.asked[1]
        about = f"{cell['true']} taken for {cell['predicted']} · " if "true" in cell else ""
        if cell.get("true") and cell["true"] == cell["predicted"]:
            about = f"{cell['true']}, recognised · "
        one_side = "" if "true" in cell or found["both_sides"] else ONE_SIDE
        self.title.set_full(about + plural(found["total"]) + one_side)

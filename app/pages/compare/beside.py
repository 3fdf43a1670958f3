"""Two models side by side: how often they agree, and the images that one of them has right."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QWidget

from app.bridge import Bridge
from app.widgets.captions import Caption, Name
from app.widgets.controls import Elided, column, label, laid_out, named, reach, row
from app.widgets.gallery import Gallery
from app.widgets.rows import ImageRows
from app.widgets.thumbs import Thumbnails
from app.widgets.viewer import Viewer
from engine.events import Ended, Progress
from engine.results.compare import SideBySide, SideChoice, SideChoices

CHOOSE = "Nothing to put side by side yet: learn your classes, then compare ways to learn, or tune."
SHORT = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
PARTS = (
    ("first", "Only {0} is right"),
    ("second", "Only {1} is right"),
    ("neither", "Neither is right"),
    ("both", "Both are right"),
)
IN_USE = "in_use"
"""The name of the model in use, which H asks."""
SIDE = 96
"""Pixels of an image's longer side."""


class Beside(QWidget):
    """The two models and counts above; below them the images of one part, which a click opens.

    Rows that are chosen in the study's table come here by themselves.
    """

    def __init__(self, bridge: Bridge, thumbs: Thumbnails) -> None:
        super().__init__()
        self.bridge, self.question, self.listing = bridge, 0, 0
        self.stale = True
        self.offered: tuple[str, str] | None = None
        self.wanted: tuple[str, str] | None = None
        """What was last chosen in the table; and until it is in the lists here."""
        self.choices: list[SideChoice] = []
        self.first, self.second = QComboBox(), QComboBox()
        for made, words, key in ((self.first, "First", "Alt+F"), (self.second, "Second", "Alt+S")):
            named(made, f"{words} model", "A row of the study, the model in use, or a run of Tune")
            reach(made, key)
            made.setMinimumContentsLength(12)
            made.setSizeAdjustPolicy(SHORT)
            made.activated.connect(lambda _: self.ask())
        self.counts = Elided(CHOOSE, "muted")
        self.part = QComboBox()
        named(self.part, "Which images", "Which of the held-out images are shown")
        reach(self.part, "Alt+W")
        for name, words in PARTS:
            self.part.addItem(words.format("the first", "the second"), name)
        self.rows = ImageRows(bridge)
        self.gallery = Gallery(self.rows, thumbs, SIDE)
        self.gallery.tile.lines = 2
        self.gallery.setMinimumHeight(self.gallery.cell.height())
        help = "Images with both answers; Return, or a double click, looks closer"
        named(self.gallery, "Images side by side", help)
        reach(self.gallery, "Alt+I")
        models = row(self.first, label("and", "muted"), self.second)
        models.setStretch(0, 1)
        models.setStretch(2, 1)
        self.setLayout(column(models, self.part, self.counts, self.gallery, gap=4))
        laid_out(self).setStretch(3, 1)
        self.part.currentIndexChanged.connect(lambda _: self.ask())
        self.gallery.opened.connect(lambda at: Viewer(self.rows, at, self.window()).open())

    # What there is.

    def renew(self) -> None:
        """Something changed: what there is to choose from is asked for when it is looked at."""
        self.stale = True
        self.read()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.read()
        if not self.stale:
            self.ask()

    def read(self) -> None:
        if self.stale and self.isVisible():
            self.stale = False
            self.bridge.drop(self.listing)
            self.listing = self.bridge.ask("side_choices", self.take_choices)

    def take_choices(self, ended: Ended) -> None:
        """The names of all models; the two that were chosen stay, where they are still there."""
        self.listing = 0
        if ended.how != "done":
            self.stale = True
            return
        kept, self.choices = self.names, ended.of(SideChoices)["choices"]
        for made in (self.first, self.second):
            fill(made, self.choices)
        self.choose(self.wanted if self.there(self.wanted) else kept)
        self.wanted = None
        self.ask()

    @property
    def names(self) -> tuple[str, str] | None:
        """The two that are chosen."""
        first, second = self.first.currentData(), self.second.currentData()
        return (first, second) if first and second else None

    def choose(self, names: tuple[str, str] | None) -> None:
        """Chooses these two; where they are not there, the first two that are."""
        if not self.there(names):
            first = [choice["name"] for choice in self.choices[:2]]
            names = (first[0], first[1]) if len(first) > 1 else None
        for made, name in zip((self.first, self.second), names or ("", ""), strict=True):
            made.setCurrentIndex(made.findData(name) if name else -1)
            made.setEnabled(bool(names))

    def show_rows(self, names: tuple[str, str] | None) -> None:
        """Rows that a person chose in the table come in place of what was here."""
        if names is None or names == self.offered:
            return
        self.offered = self.wanted = names
        if self.there(names):
            self.choose(names)
            self.ask()

    def there(self, names: tuple[str, str] | None) -> bool:
        return names is not None and {*names} <= {choice["name"] for choice in self.choices}

    # What they answer.

    def ask(self) -> None:
        """While it is looked at: an answer from before is for others."""
        self.drop()
        for made in (self.first, self.second):
            made.setToolTip(made.currentText())
        if self.names is None:
            self.rows.give([])
            self.counts.set_full(CHOOSE)
        elif self.isVisible():
            first, second = self.names
            part = self.part.currentData()
            settings = {"first": first, "second": second, "part": part}
            self.question = self.bridge.ask("side_by_side", self.take, self.tell, **settings)

    def tell(self, progress: Progress) -> None:
        """A run's network looks at the images first, which may take a while."""
        if progress.total:
            self.counts.set_full(f"{progress.doing}: {progress.done:,} of {progress.total:,}")

    def drop(self) -> None:
        self.bridge.drop(self.question)
        self.question = 0

    def take(self, ended: Ended) -> None:
        """Counts and images, each with what both say of it."""
        self.question = 0
        if ended.how != "done":
            self.rows.give([])
            self.counts.set_full(ended.text)
            return
        found = ended.of(SideBySide)
        alike, images = found["alike"], found["images"]
        self.counts.set_full(
            f"Answered alike: {alike:,} of {images:,}. Below each: its class, then both answers"
        )
        counted = {"first": found["first"], "second": found["second"]}
        counted |= {"neither": found["neither"], "both": found["both"]}
        titles = [title.replace("The model", "the model") for title in found["titles"]]
        for at, (name, words) in enumerate(PARTS):
            self.part.setItemText(at, f"{words.format(*titles)} ({counted[name]:,})")
        self.part.setToolTip(self.part.currentText())
        names = zip(self.names or ("", ""), found["titles"], strict=True)
        whom = ["" if name == IN_USE else title for name, title in names]
        self.rows.give(
            [
                {
                    **shown,
                    "caption": Caption.of([Name(shown["class"])], [Name(told(answers))]),
                    "answered": asked_why(shown["class"], answers, whom),
                }
                for shown, answers in zip(found["shown"], found["answers"], strict=True)
            ]
        )


def fill(made: QComboBox, choices: Sequence[SideChoice]) -> None:
    """All models by their names, a line between kinds of them."""
    made.clear()
    for at, choice in enumerate(choices):
        if at and choice["group"] != choices[at - 1]["group"]:
            made.insertSeparator(made.count())
        made.addItem(choice["title"], choice["name"])


def asked_why(true: str, answers: list[str], whom: list[str]) -> tuple[str, str]:
    """The answer that H explains, the first wrong one if there is one, and who gave it: "" for the
    model in use, which needs no name."""
    wrong = [at for at, answer in enumerate(answers) if answer != true]
    at = wrong[0] if wrong else 0
    return answers[at], whom[at]


def told(answers: list[str]) -> str:
    """What two models say of an image."""
    first, second = answers
    return f"{first} · {second}" if first != second else f"both: {first}"

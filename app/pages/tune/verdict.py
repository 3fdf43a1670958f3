"""One run in words: how far it is, what it saved, and whether its network is better."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QWidget

from app.pages.tune.live import LiveRun
from app.pages.tune.runs import STATES, took
from app.widgets.controls import button, column, label, row, set_kind
from app.widgets.figure import Figure
from engine.results.branches import compared_in
from engine.results.scores import PARTS, Compared
from engine.results.tune import RunRow, SavedByFreezing
from engine.system.words import duration, per_cent

NOTHING = (
    "Choose on the left how long it may take, and press Start. The current network stays in use "
    "until a tuned one is better, or you choose it."
)
SAVED = (
    "Against a run in which nothing freezes, measured from the time of its steps. Below 0 where "
    "making the cache has cost more than it saved so far."
)
STATS = (
    ("seconds", "time saved", SAVED),
    ("flops", "FLOPs saved", "Floating point operations that frozen stages did not need. " + SAVED),
    (
        "best",
        "best epoch so far",
        "The best accuracy on validation images at the end of an epoch, with the head of the "
        "training. What would be used learns your classes once more, and is compared at the end.",
    ),
)
UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))
USE = {"adopted": "It is in use. Undo goes back.", "discarded": "The one before was kept."}
BEST = (
    "That epoch’s network is what would be used. At its end it had {} with the head of the "
    "training; the figures above are those with your classes learnt once more, as in use."
)
SPREAD = " Spread of the outputs: {:.2f}. Near 1 is healthy, near 0 all images look the same to it."
COLLAPSED = " It collapsed: it came to give nearly the same for all images."
GOES_ON = "Its checkpoint is kept: resume it, or stop it early and keep its best weights."
BEGINS = "No epoch was done yet. Resume goes on where it was last kept, or else begins it anew."


def operations(count: float) -> str:
    """FLOPs in words."""
    size, unit = next((pair for pair in UNITS if abs(count) >= pair[0]), UNITS[-1])
    return f"{count / size:.3g} {unit}" if count else "0"


def points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def verdict(difference: Sequence[float], images: int) -> tuple[str, str]:
    """What a difference with its interval means: a heading, and a sentence."""
    mean, low, high = difference
    if mean == low == high == 0:
        return "No difference", f"Both recognise the same of {images:,} validation images."
    words = "Better" if low > 0 else "Worse" if high < 0 else "No clear difference"
    sure = f"With 95 % certainty {points(low)} to {points(high)}"
    return f"{words}: {points(mean)} points", f"{sure}, on the same {images:,} validation images."


def is_better(compared: Compared) -> bool:
    """Whether the verdict on a run says so: not where the interval reaches down to 0."""
    return compared["difference"]["all"][1] > 0


def best_of(runs: Sequence[RunRow]) -> str:
    """Which of some runs is the best, by the figures that the table has of them."""
    compared = [(after["accuracy"], run["id"]) for run in runs if (after := run["after"])]
    known = [(share, number) for share, number in compared if share is not None]
    words = "is the most accurate in use"
    if not known:
        best = [(run["best_accuracy"], run["id"]) for run in runs]
        known = [(share, number) for share, number in best if share is not None]
        words = "has the best epoch so far"
    if not known:
        return "None of them has come to the end of an epoch."
    share, number = max(known, key=lambda pair: pair[0])
    return f"Run {number} {words}: {per_cent(share)} of the validation images."


class Comparison(QWidget):
    """Accuracy before and after, and the difference with its interval, old and new apart."""

    def __init__(self, before: str = "before", after: str = "after") -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(0)
        self.cells: dict[tuple[str, int], QLabel] = {}
        for place, title in enumerate(("classes", before, after, "points", "95 % interval")):
            grid.addWidget(label(title, "caption"), 0, place, self.side(place))
        for line, (part, _) in enumerate(PARTS, 1):
            for place in range(5):
                made = label(part if not place else "", "caption" if place in (0, 4) else "")
                self.cells[part, place] = made
                grid.addWidget(made, line, place, self.side(place))
        grid.setColumnStretch(0, 1)

    def side(self, place: int) -> Qt.AlignmentFlag:
        return Qt.AlignmentFlag.AlignRight if place else Qt.AlignmentFlag.AlignLeft

    def show_run(self, run: Compared) -> None:
        """The figures of a compared run; rows of which there is nothing are hidden."""
        some_new = run["difference"]["new"] is not None
        for part, name in PARTS:
            found = run["difference"][part] if some_new or part == "all" else None
            texts = ["", "", "", ""]
            if found is not None:
                mean, low, high = found
                texts = [
                    per_cent(run["before"][name]),
                    per_cent(run["after"][name]),
                    points(mean),
                    f"{points(low)} to {points(high)}",
                ]
            for place, text in enumerate(texts, 1):
                self.cells[part, place].setText(text)
            for place in range(5):
                self.cells[part, place].setVisible(found is not None)


class RunCard(QFrame):
    """The run that is looked at, and what can be done with it."""

    resume_asked = Signal()
    pause_asked = Signal()
    finish_asked = Signal()
    adopt_asked = Signal()
    keep_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self.heading = label("", "heading", wrap=True)
        self.text = label(NOTHING, "muted", wrap=True)
        self.figures = {name: Figure(title, help) for name, title, help in STATS}
        self.comparison = Comparison()
        self.make_buttons()
        self.stats = QWidget()
        self.stats.setLayout(row(*self.figures.values(), 0, gap=16))
        self.heading.setMinimumHeight(32)
        self.use = label("", "muted")
        self.row = row(*self.tools, self.use, 0)
        parts = (self.heading, self.text, self.stats, self.comparison)
        self.setLayout(column(*parts, 0, self.row, gap=4, edge=12))
        self.show_nothing()

    def hasHeightForWidth(self) -> bool:
        """Its place is as high as that of the table beside it, whatever the words."""
        return False

    def make_buttons(self) -> None:
        """All that can be done with a run; those that fit its state are shown."""
        self.pause_button = button(
            "Pause",
            "Stops the run at its next step; a checkpoint is kept",
            self.pause_asked.emit,
            key="Ctrl+Shift+P",
        )
        self.resume_button = button(
            "Resume",
            "Goes on with this run where it was",
            self.resume_asked.emit,
            key="Ctrl+Shift+P",
            kind="primary",
        )
        self.finish_button = button(
            "Stop early and keep the best",
            "Ends the run, and compares the weights of its best epoch with the network in use",
            self.finish_asked.emit,
            key="Ctrl+Shift+E",
        )
        self.adopt_button = button(
            "Use the tuned one",
            "Uses this network and learns all classes again with it; undo goes back",
            self.adopt_asked.emit,
            key="Ctrl+U",
        )
        self.keep_button = button(
            "Keep the current one",
            "Goes on with the network in use; the run stays in the list",
            self.keep_asked.emit,
            key="Ctrl+K",
        )

    @property
    def tools(self) -> tuple[QPushButton, ...]:
        return (
            self.pause_button,
            self.resume_button,
            self.finish_button,
            self.adopt_button,
            self.keep_button,
        )

    # Showing.

    def say(self, heading: str, text: str, *tools: QPushButton) -> None:
        """A heading, a sentence, and these buttons alone."""
        self.heading.setText(heading)
        self.heading.setVisible(bool(heading))
        self.text.setText(text)
        self.use.hide()  # empty, it would take room from the buttons
        self.text.setToolTip("")
        for tool in self.tools:
            tool.setVisible(tool in tools)

    def show_nothing(self) -> None:
        self.say("", NOTHING)
        self.stats.hide()
        self.comparison.hide()

    def show_several(self, runs: Sequence[RunRow]) -> None:
        """Which of some runs is the best."""
        self.stats.hide()
        self.comparison.hide()
        self.say(f"{len(runs)} runs", f"{best_of(runs)} The plots show all of them.")

    def show_live(self, live: LiveRun) -> None:
        """How far the run is that goes on, how long it will take, and what it saved."""
        done = live.curves.epochs[-1]["epoch"] if live.curves.epochs else 0
        left = f"{duration(live.left).capitalize()} left." if live.left is not None else ""
        if live.spread is not None:
            left += SPREAD.format(live.spread)
        if live.training:
            heading = f"Epoch {int(done) + 1}"
            if live.epochs:  # told with the run's row, a moment after its first step
                at = min(int(done) + 1, max(round(live.epochs), 1))
                heading = f"Epoch {at} of {live.epochs:g}"
        elif live.compares:
            heading, left = "Comparing with the network in use", f"{live.doing}. {left}"
        else:
            heading, left = live.doing, "The plots move once the first step is made."
        if live.stopping:
            left = "Pausing …" if live.stopping == "pause" else "Stopping …"
        self.say(heading, left, *((self.pause_button, self.finish_button) if live.training else ()))
        self.pause_button.setEnabled(not live.stopping)
        self.finish_button.setEnabled(bool(live.curves.epochs) and not live.stopping)
        self.show_figures(live.saved, live.curves.best)

    def show_figures(self, saved: SavedByFreezing | None, best: float | None) -> None:
        """What was saved, and the best accuracy."""
        self.comparison.hide()
        self.stats.setVisible(bool(saved))
        if saved:
            self.figures["seconds"].show_text(took(saved["seconds"]))
            self.figures["flops"].show_text(operations(saved["flops"]).replace("-", "−"))
            self.figures["best"].show_text(per_cent(best))

    def show_run(self, run: RunRow, busy: bool) -> None:
        """A kept run: what came of it, or how to go on with it."""
        if compared := compared_in(run):
            self.show_result(run, compared)
        else:
            state = STATES[run["state"]].capitalize()
            done = f"{state} after {run['epochs_done']:.3g} of {run['epochs']:g} epochs"
            words = GOES_ON if run["epochs_done"] else BEGINS
            self.say(done, words, self.resume_button, self.finish_button)
            self.show_figures(run["saved"], run["best_accuracy"])
        for tool in self.tools:
            tool.setEnabled(not busy)
        if not run["epochs_done"]:
            self.finish_button.setEnabled(False)

    def show_result(self, run: RunRow, compared: Compared) -> None:
        """Both networks on the same images, and the choice: the safe answer comes first and is
        the primary one, unless the tuned network is better for certain."""
        heading, text = verdict(compared["difference"]["all"], compared["images"])
        tools = {"done": (self.adopt_button, self.keep_button), "discarded": (self.adopt_button,)}
        if best := run.get("best_epoch"):
            text += f" Best epoch: {best:.3g} of {run['epochs_done']:.3g}."
        if run["collapsed"]:
            text += COLLAPSED
        self.say(heading, text, *tools.get(run["state"], ()))
        self.text.setToolTip(BEST.format(per_cent(run["best_accuracy"])) if best else "")
        self.offer(is_better(compared))
        self.use.setText(USE.get(run["state"], ""))
        self.use.setVisible(bool(self.use.text()))
        self.stats.hide()
        self.comparison.show_run(compared)
        self.comparison.show()

    def offer(self, tuned: bool) -> None:
        """Puts one of the two answers first and makes it the primary one."""
        first, second = self.adopt_button, self.keep_button
        if not tuned:
            first, second = second, first
        for made, kind in ((first, "primary"), (second, "")):
            set_kind(made, kind)
            self.row.removeWidget(made)
        for place, made in enumerate((first, second)):
            self.row.insertWidget(place, made)
        QWidget.setTabOrder(first, second)

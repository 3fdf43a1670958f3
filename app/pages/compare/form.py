"""What a study is asked for: which strategies, for how long, and how long all of it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFrame,
    QHeaderView,
    QProgressBar,
    QTreeWidget,
    QTreeWidgetItem,
)

from app.bridge import Bridge
from app.forms import NumberBox
from app.study_files import estimated
from app.widgets.controls import (
    buddy,
    button,
    column,
    indented,
    keeps_place,
    label,
    laid_out,
    named,
    reach,
    row,
    tip,
)
from engine.events import Ended, Progress
from engine.results.compare import Asked, StudyChoices, StudyEstimate

OWN, OWN_TITLE = "own", "Own choice"
OWN_HELP = "What is ticked below."
FIRST = "usual"
BUDGETS = (("epochs", "Epochs"), ("seconds", "Seconds for each"))
USUAL_SECONDS = 60.0
BUSY = "Pause what runs, or wait for its end, to begin another one."
READING, ASKING = "One moment …", "Estimating the time …"
NONE = "Tick at least one strategy."
PAUSE = 600
"""Milliseconds after the last change before the time is estimated anew."""
NAME = Qt.ItemDataRole.UserRole
CHECKED, UNCHECKED = Qt.CheckState.Checked, Qt.CheckState.Unchecked


class StudyForm(QFrame):
    """The left side of the page. `started` carries the settings of the job."""

    started = Signal(dict)

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setFixedWidth(280)
        self.bridge, self.question, self.busy = bridge, 0, False
        self.sets: dict[str, list[str]] = {}
        self.titles: dict[str, str] = {}
        self.items: dict[str, QTreeWidgetItem] = {}
        self.amounts = {"epochs": 1.0, "seconds": USUAL_SECONDS}
        self.preset, self.tree, self.budget = QComboBox(), QTreeWidget(), QComboBox()
        self.help = label("", "caption", wrap=True)
        self.amount = indented(NumberBox())
        self.every_curve = QCheckBox("Curves of all rows")
        self.time = label("", "muted", wrap=True)
        self.bar = QProgressBar(textVisible=False)
        self.pause = QTimer(self, singleShot=True, interval=PAUSE)
        self.make_controls()
        self.lay_out()
        self.connect_all()

    # Layout.

    def make_controls(self) -> None:
        """Names, keys and what each control offers."""
        named(self.preset, "Strategies", "Some of the strategies by one name")
        reach(self.preset, "Alt+Y")
        help = "Which strategies are compared; Space ticks one, or a whole group"
        named(self.tree, "Strategies to compare", help)
        reach(self.tree, "Alt+T")
        self.tree.setHeaderHidden(True)
        self.tree.setRootIsDecorated(True)
        self.tree.setIndentation(16)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tree.header().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        named(self.budget, "Budget", "For how long each strategy that trains may do so")
        reach(self.budget, "Alt+B")
        for kind, words in BUDGETS:
            self.budget.addItem(words, kind)
        help = "How many epochs, or seconds for each strategy"
        named(self.amount, "How much", help)
        reach(self.amount, "Alt+O")
        help = (
            "Each strategy that trains does so with a tenth, a quarter and half of the images too: "
            "it takes up to twice as long. Frozen features have their curves without it"
        )
        named(self.every_curve, "Curves of all rows", help, "Alt+U")
        self.every_curve.setShortcut("Alt+U")
        named(self.bar, "Estimating the time", "How far the estimate is; you can start now")
        keeps_place(self.bar)
        self.start_button = button(
            "Compare",
            "Measures each strategy on the same held-out images; nothing of the project changes",
            self.start,
            key="Ctrl+Return",
            icon="compare",
            kind="primary",
        )

    def lay_out(self) -> None:
        """One column: what is compared, for how long, what it takes, and the button."""
        budget = row(buddy("Budget", self.budget), self.budget, self.amount)
        budget.setStretch(1, 1)
        made = column(
            label("Compare", "heading"),
            buddy("Strategies", self.preset),
            self.preset,
            self.help,
            self.tree,
            budget,
            self.every_curve,
            self.time,
            self.bar,
            self.start_button,
            edge=16,
        )
        self.setLayout(made)
        laid_out(self).setStretchFactor(self.tree, 1)

    def connect_all(self) -> None:
        self.preset.currentIndexChanged.connect(self.take_preset)
        self.tree.itemChanged.connect(self.on_ticked)
        self.budget.currentIndexChanged.connect(self.show_amount)
        self.amount.valueChanged.connect(self.on_amount)
        self.every_curve.toggled.connect(lambda _: self.ask_soon())
        self.pause.timeout.connect(self.estimate)

    # What there is.

    def show_choices(self, choices: StudyChoices) -> None:
        """The strategies of a project in their groups; at first the usual ones are ticked."""
        ticked = self.chosen
        self.sets = {preset["name"]: preset["strategies"] for preset in choices["presets"]}
        self.titles = {s["name"]: s["title"] for s in choices["strategies"]}
        self.amounts["epochs"] = choices["epochs"]
        with QSignalBlocker(self.preset), QSignalBlocker(self.tree):
            self.preset.clear()
            for preset in choices["presets"]:
                self.preset.addItem(preset["title"], preset["name"])
                at = self.preset.count() - 1
                self.preset.setItemData(at, preset["help"], Qt.ItemDataRole.ToolTipRole)
            self.preset.addItem(OWN_TITLE, OWN)
            self.preset.setItemData(self.preset.count() - 1, OWN_HELP, Qt.ItemDataRole.ToolTipRole)
            self.tree.clear()
            self.items = {}
            groups: dict[str, QTreeWidgetItem] = {}
            for strategy in choices["strategies"]:
                if strategy["group"] not in groups:
                    groups[strategy["group"]] = self.group(strategy["group"])
                    groups[strategy["group"]].setExpanded(not strategy["network"])
                item = QTreeWidgetItem(groups[strategy["group"]], [strategy["short"]])
                item.setData(0, NAME, strategy["name"])
                item.setToolTip(0, tip(f"{strategy['title']}: {strategy['term']}"))
                item.setCheckState(0, UNCHECKED)
                self.items[strategy["name"]] = item
        self.preset.setCurrentIndex(self.preset.findData(FIRST))
        if ticked:
            self.tick(ticked)
        else:
            self.take_preset()
        self.show_amount()

    def forget(self) -> None:
        """Another project: nothing of the last one stays."""
        self.drop()
        with QSignalBlocker(self.tree):
            self.tree.clear()
        self.items, self.titles = {}, {}

    def group(self, title: str) -> QTreeWidgetItem:
        made = QTreeWidgetItem(self.tree, [title])
        made.setFlags(made.flags() | Qt.ItemFlag.ItemIsAutoTristate)
        made.setToolTip(0, "Ticks all of them, or none")
        font = made.font(0)
        font.setBold(True)
        made.setFont(0, font)
        return made

    def show_asked(self, asked: Asked) -> None:
        """The form as it was for a study, where it can say so."""
        if self.items.keys() >= set(asked["strategies"]):
            self.tick(asked["strategies"])
            kind = "seconds" if asked["seconds"] else "epochs"
            if amount := asked["seconds"] or asked["epochs"]:
                self.amounts[kind] = amount
            self.budget.setCurrentIndex(self.budget.findData(kind))
            self.every_curve.setChecked(asked.get("every_curve", False))
            self.show_amount()

    # What is chosen.

    @property
    def chosen(self) -> list[str]:
        return [name for name, item in self.items.items() if item.checkState(0) == CHECKED]

    @property
    def settings(self) -> dict[str, Any]:
        """Those of the jobs `compare` and `estimate_study`."""
        budget = {self.budget.currentData(): self.amount.value()}
        return {"strategies": self.chosen, **budget, "every_curve": self.every_curve.isChecked()}

    def take_preset(self) -> None:
        """Ticks what a name stands for."""
        name = self.preset.currentData()
        help = self.preset.currentData(Qt.ItemDataRole.ToolTipRole)
        self.help.setText(help or "")
        if name in self.sets:
            self.tick(self.sets[name])

    def tick(self, names: Sequence[str]) -> None:
        """Ticks these alone."""
        with QSignalBlocker(self.tree):
            for name, item in self.items.items():
                item.setCheckState(0, CHECKED if name in names else UNCHECKED)
                if name in names and (group := item.parent()) is not None:
                    group.setExpanded(True)
        self.tree.viewport().update()
        self.on_ticked()

    def on_ticked(self, *_: object) -> None:
        """The name of what is ticked, or that it is a choice of one's own."""
        chosen = set(self.chosen)
        name = next((n for n, names in self.sets.items() if set(names) == chosen), OWN)
        if name != self.preset.currentData():
            with QSignalBlocker(self.preset):
                self.preset.setCurrentIndex(self.preset.findData(name))
            self.help.setText(self.preset.currentData(Qt.ItemDataRole.ToolTipRole) or "")
        self.ask_soon()

    def show_amount(self) -> None:
        """The number of what the budget counts."""
        kind = self.budget.currentData()
        with QSignalBlocker(self.amount):
            whole = kind == "seconds"
            self.amount.setDecimals(0 if whole else 2)
            self.amount.setRange(1 if whole else 0.01, 1_000_000 if whole else 10_000)
            self.amount.setValue(self.amounts[kind])
        self.ask_soon()

    def on_amount(self, value: float) -> None:
        self.amounts[self.budget.currentData()] = value
        self.ask_soon()

    # The time.

    def ask_soon(self) -> None:
        """Estimates anew a moment after the last change."""
        self.drop()
        able = bool(self.chosen)
        self.start_button.setEnabled(able and not self.busy)
        none = NONE if self.items else READING
        self.time.setText(BUSY if self.busy else ASKING if able else none)
        if able and not self.busy:
            self.pause.start()

    def estimate(self) -> None:
        if not self.isVisible() or self.busy or not self.chosen:
            return
        self.drop()
        self.bar.setRange(0, 0)
        self.bar.show()
        self.question = self.bridge.ask(
            "estimate_study", self.take_estimate, self.tell, **self.settings
        )

    def tell(self, progress: Progress) -> None:
        self.bar.setRange(0, progress.total or 0)
        self.bar.setValue(progress.done)

    def take_estimate(self, ended: Ended) -> None:
        """Says how long the rows take that are missing, and which can't be measured here."""
        self.question = 0
        self.bar.hide()
        if ended.how != "done":
            self.time.setText(ended.text)
            return
        found = ended.of(StudyEstimate)
        said, left_out = estimated(found), found["left_out"]
        if left_out:
            said += f" Left out: {', '.join(out['title'] for out in left_out)}."
        self.time.setText(said)
        self.time.setToolTip(tip("\n".join(f"{o['title']}: {o['why']}" for o in left_out)))

    def drop(self) -> None:
        """Nobody waits for the last question any more."""
        self.pause.stop()
        self.bridge.drop(self.question)
        self.question = 0
        self.bar.hide()

    def set_busy(self, busy: bool) -> None:
        """While a study runs no other can be begun; its time is known from the study itself."""
        if busy != self.busy:
            self.busy = busy
            self.ask_soon()

    def start(self) -> None:
        if self.chosen and not self.busy:
            self.drop()
            self.started.emit(self.settings)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.drop()

"""The dialog in which branches are grown, watched, compared, removed and merged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QItemSelection, Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from app import theme
from app.bridge import Bridge
from app.forms import Form
from app.pages.branches.result import BranchResult, BranchRows, figures, listed
from app.pages.branches.share_plot import SharePlot
from app.pages.branches.work import GROW, MEASURE, MERGE, REMOVE, BranchWork
from app.widgets.controls import button, card, column, label, laid_out, named, row, say_on, scrolled
from app.widgets.curve_plot import CurvePlot
from app.widgets.empty import EmptyState
from app.widgets.sizes import sized
from engine.events import Ended, ProjectView
from engine.results.branches import BranchChoices

ABOUT = (
    "A branch is a copy of the network's upper stages that learns new classes; the stages below "
    "are shared, and what the network knew before stays as it is. It helps where new classes come "
    "later, look unlike the old ones, and training everything anew would take too long."
)
NOTHING = (
    "A branch is grown for classes that are not learnt yet, and there are none. Switch off “Learn "
    "what is added at once” on the Images page, drop folders of two or more new classes there, and "
    "come back."
)
ALL_LEARNT = (
    "All classes are learnt. For another branch, add new classes on the Images page without "
    "learning them at once."
)
CURVE_EMPTY = (
    "Press Measure sharing: quick trainings show how accurate a branch above each cut would be, "
    "and which cut is recommended. Nothing is changed by it."
)
LIVE_EMPTY = "While a branch grows, its accuracy is drawn here, step by step and each epoch."
MEASURING = (
    "A branch is tried above each cut, one after the other. The curve is drawn when all are done."
)
TELL_CURVE = "Arrow keys read values, Return takes a cut into the form; Ctrl+S saves the plot"
TELL_LIVE = "Arrow keys read values; Ctrl+S saves the plot"
SHARING, LIVE, RESULT, BRANCHES = range(4)
VIEWS = (
    ("Sharing", "How accurate a branch would be, against how much it shares"),
    ("Accuracy", "The accuracy while a branch grows"),
    ("Result", "Scores without the branch and with it, and what it costs"),
    ("Branches", "The branches that the network has"),
)


FOLD = "More settings", "What else can be set"
UNDO = "Undo", "Takes back the last change of the project"
STOP = "Stop", "Stops what runs; the project stays as it was"
TRY = "Measure sharing", "Tries a branch above each cut, quickly; nothing is kept"
NEW = "Grow", "Grows a branch for the new classes; undo goes back"
LESS = "Remove", "Takes the chosen branch out and learns without it; undo goes back"
ONE = (
    "Merge all",
    "Teaches one network of the first size what all branches know; used where it loses no more "
    "points than the threshold",
)
"""The words and the help of the buttons."""


class BranchDialog(QDialog):
    """Form on the left, four views on the right; the work goes on when it is closed."""

    result: BranchResult  # type: ignore[assignment]  # hides what QDialog calls so

    def __init__(self, bridge: Bridge, work: BranchWork, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Branches")
        sized(self, 1008, 632)
        self.bridge, self.work = bridge, work
        self.choices: BranchChoices | None = None
        self.question = 0
        self.classes = label("Reading …", wrap=True)
        self.first, self.more = Form(), Form()
        self.plot = SharePlot("Sharing curve", CURVE_EMPTY)
        self.live = CurvePlot("Accuracy on the new classes", LIVE_EMPTY, "%")
        self.result = BranchResult()
        self.rows = BranchRows()
        self.news = label("", wrap=True)
        self.bar = QProgressBar(textVisible=False)
        self.make_buttons()
        self.lay_out()
        self.connect_all()
        self.ask()
        self.refresh()
        self.show_results()
        self.look_at(LIVE if work.running and work.job in (GROW, MERGE) else SHARING)

    # Layout.

    def make_buttons(self) -> None:
        """What can be done; Return in a field does none of it."""
        work = self.work
        self.fold = button(*FOLD, self.toggle, key="Ctrl+Shift+L", icon="chevron", kind="link")
        self.fold.setCheckable(True)
        self.undo_button = button(*UNDO, self.undo, key="Ctrl+Z", icon="undo", kind="quiet")
        self.close_button = button("Close", "Closes this window", self.reject, key="Esc")
        self.stop_button = button(*STOP, work.stop, key="Ctrl+Backspace")
        self.measure_button = button(*TRY, self.measure, key="Ctrl+M")
        self.grow_button = button(*NEW, self.grow, key="Ctrl+Return", kind="primary")
        self.remove_button = button(
            *LESS, self.remove, key="Ctrl+Delete", icon="remove", kind="quiet"
        )
        self.merge_button = button(*ONE, self.merge, key="Ctrl+Shift+M", icon="merge", kind="quiet")
        for made in self.buttons():
            made.setAutoDefault(False)

    def buttons(self) -> tuple[QPushButton, ...]:
        edit = (self.fold, self.undo_button, self.close_button, self.stop_button)
        return (*edit, self.measure_button, self.grow_button, self.remove_button, self.merge_button)

    def lay_out(self) -> None:
        """What a branch is above; the form and the views below it, or what to do first."""
        both = QWidget()
        middle = row(self.form_part(), self.views_part(), gap=24)
        middle.setStretch(1, 1)
        middle.setContentsMargins(0, 0, 0, 0)
        both.setLayout(middle)
        self.pages = QStackedWidget()
        self.pages.addWidget(both)
        self.pages.addWidget(EmptyState("tune", "No new classes", NOTHING))
        about = label(ABOUT, "muted", wrap=True)
        whole = column(label("Branches", "big"), about, self.pages, self.foot(), gap=16, edge=24)
        whole.setStretch(2, 1)
        self.setLayout(whole)

    def form_part(self) -> QWidget:
        """The classes that go into the branch, and its settings, which scroll."""
        inside = QWidget()
        self.more.hide()
        inside.setLayout(column(self.first, row(self.fold, 0), self.more, 0))
        laid_out(inside).setContentsMargins(0, 0, 0, 0)
        self.settings_part = scrolled(inside)
        self.settings_part.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        made = QWidget()
        made.setFixedWidth(288)
        made.setLayout(column(label("New branch", "heading"), self.classes, self.settings_part))
        laid_out(made).setStretch(2, 1)
        return made

    def views_part(self) -> QWidget:
        """Four views, one at a time, each with its key."""
        for plot, help in ((self.plot, TELL_CURVE), (self.live, TELL_LIVE)):
            named(plot, plot.title, help)
            plot.setToolTip("")
        self.table = figures(self.rows, "Branches", "The branches that the network has", 4)
        tools = row(0, self.remove_button, self.merge_button, gap=0)
        self.views = QStackedWidget()
        for made in (
            card(self.plot, edge=12),
            card(self.live, edge=12),
            card(self.result, edge=12),
            card(self.table, tools, edge=12),
        ):
            self.views.addWidget(made)
        self.tabs = [self.tab(at, *words) for at, words in enumerate(VIEWS)]
        self.group = QButtonGroup(self)
        for tab in self.tabs:
            self.group.addButton(tab)
        whole = QWidget()
        whole.setLayout(column(row(*self.tabs, 0, gap=4), self.views))
        laid_out(whole).setStretch(1, 1)
        return whole

    def tab(self, at: int, text: str, help: str) -> QToolButton:
        """The button that shows a view."""
        made = QToolButton()
        made.setText(text)
        made.setCheckable(True)
        named(made, text, help, f"Alt+{at + 1}")
        made.setShortcut(f"Alt+{at + 1}")
        made.clicked.connect(lambda: self.look_at(at))
        return made

    def foot(self) -> QHBoxLayout:
        made = row(
            column(self.news, self.bar),
            self.undo_button,
            self.close_button,
            self.stop_button,
            self.measure_button,
            self.grow_button,
        )
        made.setStretch(0, 1)
        return made

    def connect_all(self) -> None:
        """The project, the work, and the parts of the dialog."""
        self.bridge.changed.connect(self.on_changed)
        self.work.changed.connect(self.refresh)
        self.work.scored.connect(self.show_live)
        self.work.ended.connect(self.on_ended)
        self.first.edited.connect(self.show_threshold)
        self.plot.picked.connect(self.take_cut)
        self.table.selectionModel().selectionChanged.connect(self.on_selected)
        self.finished.connect(lambda _: self.bridge.drop(self.question))

    # What there is.

    def on_changed(self, project: ProjectView | None) -> None:
        if project is None:
            self.reject()
        elif not self.work.running:
            self.ask()

    def ask(self) -> None:
        """Reads classes, cuts and branches anew."""
        self.bridge.drop(self.question)
        self.question = self.bridge.ask("branch_choices", self.take_choices)

    def take_choices(self, ended: Ended) -> None:
        """Shows what was read; what a person set stays where it still can be."""
        if ended.how != "done":
            self.classes.setText(ended.text)
            return
        kept, before = self.changed_values, self.choices
        self.choices = found = ended.of(BranchChoices)
        if before is None or found["form"] != before["form"]:  # a field that someone types in stays
            self.show_form(found, kept)
        classes, branches = found["classes"], found["branches"]
        text = f"{listed(classes)}." if classes else ALL_LEARNT
        self.classes.setText(" ".join([text, found["problem"]]).strip())
        self.rows.give(branches)
        say_on(self.tabs[BRANCHES], f"Branches ({len(branches)})")
        if branches:
            self.table.selectRow(len(branches) - 1)
        self.refresh()

    def show_form(self, found: BranchChoices, values: Mapping[str, Any]) -> None:
        """The few settings that matter most, and the others folded away."""
        form, few = found["form"], found["first"]
        first = tuple(view for view in form.settings if view.name in few)
        rest = tuple(view for view in form.settings if view.name not in few)
        self.first.show_plugin(replace(form, settings=first), values)
        keys = [str(made.property("key"))[-1:] for made in self.first.controls.values()]
        self.more.taken = "".join(keys)
        self.more.show_plugin(replace(form, settings=rest), values)

    def toggle(self) -> None:
        self.more.setVisible(self.fold.isChecked())
        theme.put_icon(self.fold, "chevron-up" if self.fold.isChecked() else "chevron", pixels=18)

    @property
    def values(self) -> dict[str, Any]:
        return {**self.first.values, **self.more.values}

    @property
    def changed_values(self) -> dict[str, Any]:
        """What is not as it was proposed: the rest depends on the images."""
        if not self.choices:
            return {}
        usual = {view.name: view.default for view in self.choices["form"].settings}
        return {name: v for name, v in self.values.items() if v != usual[name]}

    @property
    def training(self) -> dict[str, Any]:
        """The settings of the training that are not as proposed."""
        return {name: v for name, v in self.changed_values.items() if name not in self.own}

    @property
    def own(self) -> tuple[str, ...]:
        """The settings of the branch itself."""
        return self.choices["own"] if self.choices else ()

    @property
    def key(self) -> object:
        """What a curve holds for: the classes with their images, the network, the training."""
        found = self.choices
        there = (found["classes"], found["branches"]) if found else ()
        return repr((*there, self.values["memory"], self.training))

    @property
    def chosen(self) -> int:
        """The number of the branch that is selected; 0 where none is."""
        rows = self.table.selectionModel().selectedRows()
        return self.rows.rows[rows[0].row()]["branch"] if rows else 0

    # Showing.

    def look_at(self, view: int) -> None:
        """Shows one of the views; the keys go to it."""
        self.views.setCurrentIndex(view)
        self.tabs[view].setChecked(True)
        (self.plot, self.live, self.result.table, self.table)[view].setFocus()

    def show_threshold(self) -> None:
        if "threshold" in self.first.controls:
            self.plot.set_threshold(self.first.values["threshold"])

    def show_live(self) -> None:
        self.live.show_curves(self.work.curves.series("accuracy", "epoch"), "epoch")

    def on_selected(self, now: QItemSelection, before: QItemSelection) -> None:
        self.refresh()

    def on_ended(self, job: str) -> None:
        """What came of it is looked at; what there is may be another now."""
        done = bool(self.work.grown or self.work.merged) and job in (GROW, MERGE)
        view = {MEASURE: SHARING, REMOVE: BRANCHES}.get(job, RESULT)
        self.show_results()
        if done or job not in (GROW, MERGE):
            self.look_at(view)
        self.ask()

    def refresh(self) -> None:
        """What can be set or pressed now, and what there is to read."""
        work, project, found = self.work, self.bridge.project, self.choices
        some = found is not None and bool(found["classes"])
        branches = found is not None and bool(found["branches"])
        busy, able = work.running, some and not (found and found["problem"])
        self.pages.setCurrentIndex(0 if some or branches or busy or not self.choices else 1)
        self.settings_part.setEnabled(bool(self.choices) and not busy)
        self.measure_button.setEnabled(able or (branches and not some))
        self.grow_button.setEnabled(able)
        for made in (self.measure_button, self.grow_button, self.undo_button):
            made.setVisible(not busy)
        self.stop_button.setVisible(busy)
        self.remove_button.setEnabled(bool(self.chosen) and not busy)
        self.merge_button.setEnabled(branches and not busy)
        self.undo_button.setEnabled(project is not None and bool(project.undo))
        self.news.setText(work.text)
        self.plot.empty = MEASURING if busy and work.job == MEASURE else CURVE_EMPTY
        self.plot.update()
        self.bar.setVisible(busy)
        self.bar.setRange(0, work.total)
        self.bar.setValue(work.done)

    def show_results(self) -> None:
        """What was measured and grown last."""
        self.plot.show_curve(self.work.curve)
        self.result.show_result(self.work.grown, self.work.merged)
        self.show_live()

    # Gestures.

    def take_cut(self, cut: str) -> None:
        """A point of the curve that was picked: its cut, where a branch can begin there."""
        control = self.first.controls["cut"]
        assert isinstance(control, QComboBox)
        if control.findData(cut) >= 0:
            control.setCurrentIndex(control.findData(cut))
            control.setFocus()

    def measure(self) -> None:
        self.look_at(SHARING)
        self.work.measure(
            self.key,
            threshold=self.values["threshold"],
            memory=self.values["memory"],
            settings=self.training,
        )

    def grow(self) -> None:
        """Grows with what is set. A curve that was measured for the same is not measured again."""
        values = {name: self.values[name] for name in self.own}
        known = self.work.curve and self.work.measured == self.key
        if values["cut"] == "auto" and known:
            values["cut"] = self.plot.recommended
        self.look_at(LIVE)
        self.work.grow(self.values["epochs"], settings=self.training, **values)

    def remove(self) -> None:
        self.work.remove(self.chosen)

    def merge(self) -> None:
        self.look_at(LIVE)
        self.work.merge(
            self.values["epochs"], allowed=self.values["threshold"], settings=self.training
        )

    def undo(self) -> None:
        self.bridge.submit("undo")


def opener(bridge: Bridge, tell: Callable[..., object], parent: QWidget) -> Callable[[], None]:
    """What the button of a page does: opens the dialog on work that outlives it."""
    work = BranchWork(bridge, tell, parent)
    return lambda: BranchDialog(bridge, work, parent.window()).open()

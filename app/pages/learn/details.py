"""What is folded away on the Learn page: the method, its settings, figures of several steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtWidgets import QComboBox, QFormLayout, QWidget

from app import theme
from app.forms import Form
from app.pages.learn.recent import RecentChoice
from app.widgets.controls import button, column, label, named, reach, row
from engine.events import StepView
from engine.registry import PluginView
from engine.system.words import per_cent, plural

RECOMMENDED = "Recommended"
FIGURES = (
    (
        "average_incremental_accuracy",
        "Right on average, over all steps",
        "Average incremental accuracy: the mean of the accuracies after each step so far.",
    ),
    (
        "forgetting",
        "Older classes lost",
        "Forgetting: how far old classes have fallen below their best accuracy, on average.",
    ),
    (
        "backward_transfer",
        "Older classes gained",
        "Backward transfer: how much old classes gained (or lost, below 0) since they were learnt.",
    ),
)
"""Of several steps: each in plain words, and what it means, with the field's term."""


def compared(choice: Mapping[str, Any]) -> str:
    """A line for each method that was compared: what share of the learnt images it has right."""
    rows = zip(choice["titles"], choice["right"], strict=True)
    lines = [f"{title}: {per_cent(share)}" for title, share in rows]
    return "\n".join([f"Of {plural(choice['images'])}, each as if it had not been learnt", *lines])


class Details(QWidget):
    """Says which method is used; unfolded, lets it be chosen and set, and shows more figures."""

    def __init__(self, taken: str) -> None:
        super().__init__()
        self.plugins: tuple[PluginView, ...] = ()
        self.method = label("Method: recommended", "muted", wrap=True)
        self.choice = label("", "muted", wrap=True)
        self.choice.hide()
        self.fold = button(
            "Details",
            "The method, its settings, and figures over several steps",
            self.toggle,
            key="Ctrl+Shift+L",
            icon="chevron",
            kind="link",
        )
        self.fold.setCheckable(True)
        self.learner = QComboBox()
        named(self.learner, "Method", "How classes are told apart")
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.learner.setSizeAdjustPolicy(policy)  # as wide as the card, whatever titles are
        reach(self.learner, "Alt+L")
        self.help = label("", "caption", wrap=True)
        self.form, self.recent = Form(taken), RecentChoice()
        self.inside = QWidget()
        self.figures = QWidget()
        self.values = {key: label("–") for key, *_ in FIGURES}
        self.inside.setLayout(
            column(self.learner, self.help, self.form, self.recent, self.figures_part(), gap=8)
        )
        self.inside.hide()
        self.setLayout(column(self.method, self.choice, row(self.fold, 0), self.inside, gap=4))
        self.learner.activated.connect(lambda _: self.show_settings({}))
        self.form.edited.connect(self.say_method)

    def figures_part(self) -> QWidget:
        """A line for each figure that several steps have."""
        lines = QFormLayout(self.figures)
        lines.setContentsMargins(0, 8, 0, 0)
        lines.setVerticalSpacing(4)
        lines.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        for key, name, help in FIGURES:
            said = label(name, "caption", wrap=True)
            for part in (said, self.values[key]):
                part.setToolTip(help)
                part.setAccessibleDescription(help)
            self.values[key].setAccessibleName(name)
            lines.addRow(said, self.values[key])
        self.figures.hide()
        return self.figures

    def toggle(self) -> None:
        on = self.fold.isChecked()
        self.inside.setVisible(on)
        theme.put_icon(self.fold, "chevron-up" if on else "chevron", pixels=18)

    # Showing.

    def show_plugins(self, plugins: tuple[PluginView, ...]) -> None:
        """All methods, the recommended one first."""
        self.plugins = tuple(sorted(plugins, key=lambda p: not p.facts.get("recommended")))
        self.learner.clear()
        for plugin in self.plugins:
            title = RECOMMENDED if plugin.facts.get("recommended") else plugin.title
            self.learner.addItem(title, plugin.name)

    def show_method(self, name: str, settings: Mapping[str, Any]) -> None:
        """The method that a project uses."""
        self.learner.setCurrentIndex(max(self.learner.findData(name), 0))
        self.show_settings(settings)

    def show_settings(self, values: Mapping[str, Any]) -> None:
        """The help and the form of the method that is chosen."""
        plugin = self.chosen
        if plugin is not None:
            name = f"{plugin.title}. " if plugin.facts.get("recommended") else ""
            self.help.setText(name + plugin.help)
            self.form.show_plugin(plugin, values)
            self.put_in_order()

    def put_in_order(self) -> None:
        """Tab goes down: Qt puts controls that were made later behind all others."""
        before: QWidget = self.learner
        for control in self.form.controls.values():
            QWidget.setTabOrder(before, control)
            before = control
        for control in (self.recent.which, self.recent.number):
            QWidget.setTabOrder(before, control)
            before = control

    def say_method(self) -> None:
        plugin = self.chosen
        if plugin is not None:
            usual = {view.name: view.default for view in plugin.settings}
            own = "" if self.form.values == usual else ", with your settings"
            recommended = plugin.facts.get("recommended")
            title = RECOMMENDED.lower() if recommended else plugin.title
            self.method.setText(f"Method: {title}{own}")

    def show_step(self, step: StepView | None, steps: int) -> None:
        """The figures of the step in use; they mean something from the second step on."""
        for key, value in self.values.items():
            value.setText(per_cent(getattr(step, key) if step else None))
        self.figures.setVisible(steps > 1)
        self.show_choice(step.choice if step else None)

    def show_choice(self, choice: Mapping[str, Any] | None) -> None:
        """Which method was chosen for the step in use, and why; where one was named, nothing."""
        told = compared(choice) if choice else ""
        self.choice.setText(choice["says"] if choice else "")
        self.choice.setToolTip(told)
        self.choice.setAccessibleDescription(told)
        self.choice.setVisible(choice is not None)

    @property
    def chosen(self) -> PluginView | None:
        return next((p for p in self.plugins if p.name == self.learner.currentData()), None)

    @property
    def settings(self) -> dict[str, Any]:
        return self.form.values

"""The Learn page: choose a learner, learn, look back over the steps, and read the scores."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPen
from PySide6.QtWidgets import (
    QComboBox,
    QListView,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QWidget,
)

from app import theme
from app.bridge import Bridge
from app.forms import Form, FormArea
from app.pages.learn.scores import Scores
from app.widgets.ask import choose_class
from app.widgets.controls import (
    buddy,
    button,
    column,
    label,
    laid_out,
    named,
    reach,
    row,
    rule,
    scrolled,
    tip,
)
from app.widgets.empty import EmptyState
from app.widgets.rows import ROW
from app.widgets.table import Index
from app.widgets.thumbs import Thumbnails
from engine.events import Ended, ProjectView, Started, Step, StepView
from engine.registry import PluginView
from engine.results.learn import Learners
from engine.system.words import per_cent, plural

EXACT = "The result is equal to learning everything at once, in whatever order classes came."


class StepRows(QAbstractListModel):
    """The steps of learning, newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: tuple[StepView, ...] = ()

    def show_steps(self, steps: tuple[StepView, ...]) -> None:
        if steps != self.steps[::-1]:
            self.beginResetModel()
            self.steps = steps[::-1]
            self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.steps)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A step, what it is called, and how it was learnt."""
        step = self.steps[index.row()]
        if role == ROW:
            return step
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"Step {step.number}: {step.title}"
        if role == Qt.ItemDataRole.ToolTipRole:
            seconds = ", ".join(f"{name} {value:.1f} s" for name, value in step.seconds.items())
            return tip(
                f"{step.title}\n{step.when} · {step.learner} on {step.backbone} · "
                f"{plural(len(step.classes), 'class')}\n{seconds}"
            )
        return None


class StepTile(QStyledItemDelegate):
    """Paints a step on two lines; the one in use is marked."""

    def sizeHint(self, option: Any, index: Index) -> QSize:
        return QSize(180, 48)

    def paint(self, painter: QPainter, option: Any, index: Index) -> None:
        """Title and accuracy above, learner and classes below."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        step: StepView = index.data(ROW)
        cell = option.rect.adjusted(2, 2, -2, -2)
        selected = option.state & QStyle.StateFlag.State_Selected
        if selected:
            painter.setBrush(theme.colour("accent_soft"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRoundedRect(cell, 6, 6)
        painter.setPen(QPen(theme.colour("accent" if step.current else "line"), 2))
        painter.drawLine(cell.left() + 4, cell.top() + 6, cell.left() + 4, cell.bottom() - 6)
        room = cell.adjusted(14, 4, -8, -cell.height() // 2)
        middle = Qt.AlignmentFlag.AlignVCenter
        score = per_cent(step.accuracy)
        painter.setPen(theme.colour("accent" if step.current else "muted"))
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignRight, score)
        room.setWidth(room.width() - 52)
        painter.setPen(theme.colour("text"))
        words = f"{step.number}. {step.title}"
        elide = Qt.TextElideMode.ElideRight
        painter.drawText(room, middle, painter.fontMetrics().elidedText(words, elide, room.width()))
        font = QFont(painter.font())
        font.setPointSizeF(8.5)
        painter.setFont(font)
        painter.setPen(theme.colour("muted"))
        below = cell.adjusted(14, cell.height() // 2, -8, -4)
        facts = f"{step.learner} · {plural(len(step.classes), 'class')}"
        facts += " · in use" if step.current else ""
        painter.drawText(below, middle, facts)
        painter.restore()


class LearnPage(QWidget):
    """Learns what is not learnt yet, and shows how well it went."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails) -> None:
        super().__init__()
        self.setObjectName("page")
        self.bridge = bridge
        self.project: ProjectView | None = None
        self.plugins: tuple[PluginView, ...] = ()
        self.learning: int | None = None
        self.learner = QComboBox()
        self.help = label("", "caption", wrap=True)
        self.form = Form(taken="lcfrsabmuwi")
        self.news = label("", "muted", wrap=True)
        self.scores = Scores(bridge, thumbs)
        self.steps = QListView()
        self.rows = StepRows()
        self.empty = EmptyState(
            "learn",
            "Nothing to learn yet",
            "Drop folders of images on the Images page first. Each folder becomes a class, "
            "and is learnt in seconds.",
        )
        self.lay_out()
        self.connect_all()

    def lay_out(self) -> None:
        """What to learn with on the left, what came of it on the right."""
        self.fit_steps()
        self.make_buttons()
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.scores.setMinimumSize(680, 560)
        both = QWidget()
        both.setLayout(row(self.left_side(), scrolled(self.scores), gap=16))
        laid_out(both).setStretch(1, 1)
        self.pages.addWidget(both)
        self.setLayout(column(self.pages, edge=16))
        self.setFocusProxy(self.learn_button)

    def fit_steps(self) -> None:
        named(self.learner, "Learner", "How features become an answer", "Alt+L")
        self.steps.setObjectName("bare")
        self.steps.setModel(self.rows)
        self.steps.setItemDelegate(StepTile(self.steps))
        self.steps.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        named(self.steps, "Steps of learning", "Choose a step to return to it")
        reach(self.steps, "Alt+S")

    def make_buttons(self) -> None:
        """The three gestures of this page."""
        self.learn_button = button(
            "Learn",
            "Learns all images that are not learnt yet",
            self.learn,
            key="Ctrl+L",
            icon="learn",
            kind="primary",
        )
        self.forget_button = button(
            "Forget a class …",
            "Unlearns a class exactly, as if it had never been learnt; its images stay",
            self.forget,
            key="Ctrl+Shift+F",
            icon="forget",
        )
        self.return_button = button(
            "Return to this step",
            "Uses the model of the chosen step again; later steps are kept",
            self.return_to_step,
            key="Ctrl+Backspace",
            icon="history",
        )

    def left_side(self) -> QWidget:
        """Learner, settings and the button; below them the steps."""
        made = QWidget()
        made.setObjectName("card")
        made.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        made.setFixedWidth(288)
        made.setLayout(
            column(
                buddy("&Learner", self.learner),
                self.learner,
                self.help,
                FormArea(self.form, 220),
                self.learn_button,
                self.news,
                rule(),
                label("Steps of learning", "heading"),
                self.steps,
                self.return_button,
                self.forget_button,
                edge=16,
            )
        )
        laid_out(made).setStretch(8, 1)
        return made

    def connect_all(self) -> None:
        self.bridge.changed.connect(self.show_project)
        self.bridge.started.connect(self.on_started)
        self.bridge.step.connect(self.on_step)
        self.bridge.ended.connect(self.on_ended)
        self.learner.activated.connect(lambda _: self.show_learner({}))
        self.steps.selectionModel().selectionChanged.connect(lambda *_: self.refresh_tools())

    # Showing.

    def show_project(self, project: ProjectView | None) -> None:
        """Shows the project of now: its learner, its steps, and its scores."""
        other = project is None or self.project is None or project.path != self.project.path
        self.project = project
        if project is None or not project.classes:
            self.pages.setCurrentWidget(self.empty)
            return
        self.pages.setCurrentIndex(1)
        if not self.plugins:
            self.bridge.ask("learners", self.take_learners)
        elif other:
            self.show_project_learner()
        self.rows.show_steps(project.steps)
        self.scores.show_project(project)
        self.refresh_tools()

    def take_learners(self, ended: Ended) -> None:
        if ended.how == "done":
            self.plugins = ended.of(Learners)["learners"]
            self.learner.clear()
            for plugin in self.plugins:
                self.learner.addItem(plugin.title, plugin.name)
            self.show_project_learner()

    def show_project_learner(self) -> None:
        if self.project is not None:
            self.learner.setCurrentIndex(max(self.learner.findData(self.project.learner), 0))
            self.show_learner(dict(self.project.settings))

    def show_learner(self, values: dict[str, Any]) -> None:
        """The chosen learner's help and form."""
        plugin = next((p for p in self.plugins if p.name == self.learner.currentData()), None)
        if plugin is not None:
            self.help.setText(plugin.help)
            self.form.show_plugin(plugin, values)

    def refresh_tools(self) -> None:
        """Says what is not learnt yet, and enables what can be done now."""
        project = self.project
        if project is None:
            return
        fresh = [c.name for c in project.classes if not c.learnt and c.train]
        busy = self.learning is not None
        self.learn_button.setEnabled(not busy and not project.read_only)
        self.forget_button.setEnabled(any(c.known for c in project.classes) and not busy)
        chosen = self.chosen_step()
        self.return_button.setEnabled(chosen is not None and not chosen.current and not busy)
        if busy:
            return
        if fresh:
            names = ", ".join(fresh[:3]) + (" …" if len(fresh) > 3 else "")
            self.news.setText(f"Not learnt yet: {names}")
        else:
            self.news.setText(f"All {plural(len(project.classes), 'class')} are learnt. {EXACT}")

    def chosen_step(self) -> StepView | None:
        index = self.steps.currentIndex()
        return index.data(ROW) if index.isValid() else None

    # During a job.

    def on_started(self, ticket: int, event: Started) -> None:
        if event.job in ("learn", "learn_folder", "forget", "return_to_step"):
            self.learning = ticket
            self.scores.begin_live()
            self.news.setText("Learning …")
            self.refresh_tools()

    def on_step(self, ticket: int, event: Step) -> None:
        if ticket == self.learning:
            figures = ", ".join(f"{name} {value:.4g}" for name, value in event.figures.items())
            self.news.setText(f"Learning {event.done:,} of {event.total:,} · {figures}")
            self.scores.add_live(event.done, event.total, event.figures)

    def on_ended(self, ticket: int, event: Ended) -> None:
        if ticket == self.learning:
            self.learning = None
            self.scores.begin_live()
            if self.project is not None:
                self.show_project(self.project)

    # Gestures.

    def learn(self) -> None:
        self.bridge.submit(
            "learn", learner=self.learner.currentData() or "", settings=self.form.values
        )

    def forget(self) -> None:
        known = [c.name for c in self.project.classes if c.known] if self.project else []
        if known:
            title = "Forget a class, exactly: as if it had never been learnt. Its images stay."
            name = choose_class(self, title, known, fixed=True)
            if name:
                self.bridge.submit("forget", name=name)

    def return_to_step(self) -> None:
        step = self.chosen_step()
        if step is not None:
            self.bridge.submit("return_to_step", step=step.id)

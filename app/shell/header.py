"""The header: the project, its network and device, undo and redo, and the menu."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence, QShowEvent
from PySide6.QtWidgets import QMenu, QToolButton, QWidget
from shiboken6 import isValid

from app import theme
from app.bridge import Bridge
from app.shell.preferences import Preferences
from app.shell.undo import History
from app.widgets.controls import Elided, calling, column, named, row, say_on, tool
from app.widgets.rows import short
from engine.events import Ended, ProjectView, StepView
from engine.results.project import Devices
from engine.system.words import ENOUGH_TESTED, TOO_FEW, right_of, tested_right

DEVICES = {
    "auto": "Automatic",
    "cpu": "Processor",
    "cuda": "Graphics card (CUDA)",
    "mps": "Apple graphics (MPS)",
}
FEATURES = {
    "pooled": "classes are learnt from its last stage",
    "moments": "classes are learnt from its last stages",
    "stages": "classes are learnt from its last stages",
    "roots": "square roots",
    "mirror": "with each image's mirror image",
}
"""What the parts of a kind of features are, by the words of its name."""
NEEDS_PROJECT = ("Rename the project …", "What the project keeps …", "Close the project")
"""Entries of the menu that do nothing without a project."""
EVERYWHERE = ("auto", "cpu")
"""What every computer has; the others are offered where the engine finds them."""
RUNS_ON = (
    "What this computer learns and answers with. While it trains on the processor one core is left "
    "free, so that the window stays quick: “1 thread” is one core at work"
)
MODES = {"system": "As the system", "light": "Light", "dark": "Dark"}


def learnt_from(features: str) -> str:
    """What a kind of features is, in the middle of a sentence."""
    base, *more = (FEATURES[word] for word in features.split("-"))
    return f"{base} ({', '.join(more)})" if more else base


class MenuBelow(QMenu):
    """A menu that ends where its button ends, so that it stays inside the window."""

    def __init__(self, of: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self.of = of

    def showEvent(self, event: QShowEvent) -> None:
        # Qt begins it at the button's left edge, and minds the screen's edge alone.
        right = self.of.mapToGlobal(QPoint(self.of.width(), 0)).x()
        self.move(right - self.width(), self.y())
        super().showEvent(event)


class HistoryButton(QToolButton):
    """A button of the undo stack: its name and tooltip say what would be undone."""

    def __init__(self, icon: str, action: QAction, key: str) -> None:
        super().__init__()
        self.action, self.icon_name, self.key = action, icon, key
        action.setShortcut(QKeySequence(key))
        self.setDefaultAction(action)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        action.changed.connect(self.follow)
        self.follow()

    def follow(self) -> None:
        """Takes the action's words; Qt has put the action's own icon and tooltip here before."""
        if not isValid(self.action):  # it says so once more while the window is taken down
            return
        words = self.action.text().removesuffix(":")
        named(self, words, words, self.key)
        self.setProperty("plain", words.partition(":")[0])
        theme.put_icon(self, self.icon_name)


class Header(QWidget):
    """What is open, and what concerns the whole project."""

    scores_asked = Signal()

    def __init__(self, bridge: Bridge, history: History, preferences: Preferences) -> None:
        super().__init__()
        self.setObjectName("header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(56)
        self.bridge, self.preferences = bridge, preferences
        self.of_project: list[QAction] = []
        self.asked = 0
        self.name = Elided("Espalier", "heading")
        self.place = Elided("", "caption")
        self.backbone = self.chip(
            "backbone", "Network", "Shows which network looks at the images, and others", "Ctrl+B"
        )
        self.device = self.chip("device", "Runs on", RUNS_ON, "Ctrl+D")
        self.device.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.device.setMenu(self.device_menu())
        self.score = self.chip("learn", "Accuracy", "How much is recognised", "Ctrl+Shift+A")
        self.score.clicked.connect(lambda *_: self.scores_asked.emit())
        self.undo = self.history_button("undo", history.createUndoAction(self, "Undo:"), "Ctrl+Z")
        self.redo = self.history_button(
            "redo", history.createRedoAction(self, "Redo:"), "Ctrl+Shift+Z"
        )
        self.menu_button = tool("menu", "Menu", "Projects, theme and help", key="Alt+P")
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        words = column(0, self.name, self.place, 0, gap=0)
        chips = self.score, self.backbone, self.device
        line = row(words, *chips, 8, self.undo, self.redo, self.menu_button)
        line.setContentsMargins(24, 0, 16, 0)
        line.setStretch(0, 1)
        self.setLayout(line)
        bridge.changed.connect(self.show_project)
        self.show_project(None)

    def chip(self, icon: str, name: str, help: str, key: str) -> QToolButton:
        made = tool(icon, name, help, key=key)
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        made.setProperty("plain", name)  # in the overview of keys, whatever stands on it
        return made

    def history_button(self, icon: str, action: QAction, key: str) -> QToolButton:
        made = HistoryButton(icon, action, key)
        self.addAction(action)
        return made

    def device_menu(self) -> QMenu:
        menu = QMenu(self)
        group = QActionGroup(menu)
        self.devices: dict[str, QAction] = {}
        for name, text in DEVICES.items():
            action = menu.addAction(text, calling(self.choose_device, name))
            action.setCheckable(True)
            action.setChecked(name == self.preferences.get("device", "auto"))
            action.setVisible(name in EVERYWHERE)
            group.addAction(action)
            self.devices[name] = action
        return menu

    def take_devices(self, ended: Ended) -> None:
        """Offers what this computer has."""
        there = ended.of(Devices)["devices"] if ended.how == "done" else EVERYWHERE
        for name, action in self.devices.items():
            action.setVisible(name in there)

    def choose_device(self, name: str) -> None:
        self.preferences.put("device", name)
        self.bridge.submit("set_device", device=name)

    def theme_menu(self, parent: QWidget) -> QMenu:
        """Light, dark, or as the system; kept for the next start."""
        menu = QMenu("Theme", parent)
        group = QActionGroup(menu)
        for name, text in MODES.items():
            action = menu.addAction(text, calling(self.choose_theme, name))
            action.setCheckable(True)
            action.setChecked(name == theme.Look.mode)
            group.addAction(action)
        return menu

    def choose_theme(self, mode: str) -> None:
        self.preferences.put("theme", mode)
        theme.use(mode)

    def make_menu(
        self,
        entries: list[tuple[str, str, Callable[[], object]]],
        recent: Callable[[], list[str]],
        open_path: Callable[[str], object],
    ) -> None:
        """The menu: entries of (words, key, what it does), with recent projects and the theme
        before the last two, which are help."""
        menu = MenuBelow(self.menu_button, self)
        for text, key, act in entries[:-2]:
            action = menu.addAction(text, QKeySequence(key), act)
            self.addAction(action)
            if text.replace("&", "") in NEEDS_PROJECT:
                action.setEnabled(self.bridge.project is not None)
                self.of_project.append(action)
        again = menu.addMenu("&Recent projects")
        again.aboutToShow.connect(lambda: self.fill_recent(again, recent(), open_path))
        menu.addSeparator()
        menu.addMenu(self.theme_menu(menu))
        for text, key, act in entries[-2:]:
            self.addAction(menu.addAction(text, QKeySequence(key), act))
        self.menu_button.setMenu(menu)

    def fill_recent(self, menu: QMenu, paths: list[str], act: Callable[[str], object]) -> None:
        menu.clear()
        for path in paths:
            menu.addAction(path, calling(act, path))
        if not paths:
            menu.addAction("None yet").setEnabled(False)

    def show_project(self, project: ProjectView | None) -> None:
        """Names the project, its network and the device."""
        for control in (self.backbone, self.undo, self.redo):
            control.setVisible(project is not None)
        self.place.setVisible(project is not None)
        self.show_score(project.current_step if project is not None else None)
        for action in self.of_project:
            action.setEnabled(project is not None)
        if project is None:
            self.name.set_full("Espalier")
            say_on(self.device, DEVICES.get(self.preferences.get("device", "auto"), "Automatic"))
            return
        if not self.asked:
            self.asked = self.bridge.ask("list_devices", self.take_devices)
        self.name.set_full(project.name + (" (only to look at)" if project.read_only else ""))
        self.place.set_full(short(project.path))
        say_on(self.backbone, f"{project.backbone_title} · {project.input_size} px")
        help = f"Looks at the images; {learnt_from(project.features)}. Shows others"
        named(self.backbone, f"Network: {self.backbone.text()}", help, "Ctrl+B")
        say_on(self.device, DEVICES.get(project.device, project.device))

    def show_score(self, step: StepView | None) -> None:
        """How much the model in use recognises, and of how many images; nothing before a step."""
        self.score.setVisible(step is not None)
        if step is None:
            return
        words, help = "not tested", "There is no accuracy yet. Shows why"
        if step.accuracy is not None:
            few = step.tested < ENOUGH_TESTED
            words = right_of(step.accuracy, step.tested) + (" right" if few else "")
            told = tested_right(step.accuracy, step.tested)
            help = f"{told[0].upper()}{told[1:]}{f': {TOO_FEW}' if few else ''}. Shows the scores"
        say_on(self.score, words)
        named(self.score, f"Accuracy: {self.score.text()}", help, "Ctrl+Shift+A")

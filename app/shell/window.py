"""The main window: a rail of pages, a header, the pages, messages, and the job bar."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QLocale, QSize, QStandardPaths, Qt, QTimer
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QGuiApplication,
    QKeySequence,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QFileDialog, QMainWindow, QStackedWidget, QWidget

from app import theme
from app.bridge import Bridge
from app.pages import ALONE, PAGES, watch_with
from app.shell.computers_dialog import ComputersDialog
from app.shell.garbage import Housekeeping
from app.shell.header import Header
from app.shell.heap import Heap
from app.shell.job_bar import JobBar
from app.shell.memory_dialog import MemoryDialog
from app.shell.messages import CRASH, Messages
from app.shell.notices import Notices
from app.shell.offer import NetworkOffer
from app.shell.preferences import Preferences
from app.shell.project_dialog import PROPOSED, SUFFIX, ProjectDialog, name_for
from app.shell.rail import Rail
from app.shell.room import Room
from app.shell.sample import Sample
from app.shell.steps import StepRow
from app.shell.undo import History
from app.shell.welcome import WelcomePage
from app.widgets.ask import type_name
from app.widgets.controls import column, laid_out, row, scrolled
from app.widgets.drops import Drops
from app.widgets.label_files import submit_added
from app.widgets.plot_library import imported
from app.widgets.thumbs import Thumbnails
from engine.events import Ended, ProjectView
from engine.export.endings import is_exported
from engine.system.crash_reports import take_reports, unwatch, watch
from engine.system.log import start_log
from engine.worker import Engine

log = logging.getLogger(__name__)

CRASHED = (
    "Espalier, or its engine, ended unexpectedly before. What was saved is kept. A report lies on "
    "this computer; nothing was sent."
)
NEW = "Give it a name. What you do in it is saved as you do it."
DROP = "Drop to make a project of these images and learn them"
DROPPED = "Give the new project a name. Then the images that you dropped are added to it."
LEAST = QSize(1024, 640)
AROUND = 104
"""Pixels of the header and the job bar."""
FRAME = 40
"""Pixels that a title bar takes, about."""


class Window(QMainWindow):
    """Everything a person sees. It holds no facts of its own: they come with `Changed`."""

    def __init__(self, engine: Engine, preferences: Preferences) -> None:
        super().__init__()
        self.preferences = preferences
        self.bridge = Bridge(engine, self)
        self.thumbs = Thumbnails(self)
        self.history = History(self.bridge, self)
        self.header = Header(self.bridge, self.history, preferences)
        self.steps = StepRow(self.bridge)
        self.content = QWidget()
        self.notices = Notices(self.content, self.steps)
        self.job_bar = JobBar(self.bridge)
        self.welcome = WelcomePage()
        self.pages: dict[str, QWidget] = {}
        self.rail = Rail(list(PAGES))
        self.painted = False
        self.messages = Messages(self.bridge, self.notices, self.go, self)
        self.offer = NetworkOffer(self.bridge, self.notices, preferences, self)
        self.sample, self.heap = Sample(self), Heap(self)
        self.lay_out()
        theme.dress(self)
        self.connect_all()
        self.restore()

    # Layout.

    def lay_out(self) -> None:
        """Header above, rail and pages below it, the job bar at the foot.

        Messages lie over the pages, beside the steps.
        """
        self.setWindowTitle("Espalier")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.welcome)
        pages = scrolled(Room(self.stack))  # up and down, where the screen is lower than a page
        pages.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.content.setLayout(column(row(self.steps, 0), pages, gap=0))
        laid_out(self.content).setStretch(1, 1)
        below = QWidget()
        below.setLayout(row(self.rail, self.content, gap=0))
        whole = QWidget()
        whole.setLayout(column(self.header, below, self.job_bar, gap=0))
        laid_out(whole).setStretch(1, 1)
        self.setCentralWidget(whole)
        self.header.make_menu(
            [
                ("&New project …", "Ctrl+N", self.new_project),
                ("&Open project …", "Ctrl+O", self.choose_project),
                ("Open the &sample", "Ctrl+Shift+O", self.sample.open),
                ("Re&name the project …", "Shift+F2", self.rename_project),
                ("&What the project keeps …", "Ctrl+Shift+H", self.show_memory),
                ("Co&mputers …", "Ctrl+Alt+C", self.show_computers),
                ("&Close the project", "Ctrl+W", self.close_project),
                ("&Quit", "Ctrl+Q", self.close),
                ("&Keys", "F1", self.show_shortcuts),
                ("&About Espalier", "Shift+F1", self.show_about),
            ],
            lambda: self.preferences.recent,
            self.open_project,
        )
        self.show_frame(None)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.painted:
            self.painted = True
            log.info("first paint")
            QTimer.singleShot(0, self, lambda: self.build(list(PAGES)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.rail.fit(self.width() < LEAST.width(), self.height() - AROUND)

    def build(self, names: list[str]) -> None:
        """Makes the pages after the first paint, one in each turn; then hears the engine.

        Until then the engine's events wait in its outbox, and it is starting anyway.
        """
        page = PAGES[names[0]](self)
        self.pages[names[0]] = page
        self.stack.addWidget(page)
        if names[1:]:
            QTimer.singleShot(0, self, lambda: self.build(names[1:]))
        else:
            self.bridge.start()
            self.import_plots()
            self.offer_reports()

    def import_plots(self) -> None:
        """What draws plots is there before the first is shown; each is made when it is."""
        if not imported():
            QTimer.singleShot(33, self, self.import_plots)  # a frame

    def connect_all(self) -> None:
        """What leads where."""
        self.rail.chosen.connect(self.go)
        self.steps.chosen.connect(self.go)
        self.rail.help_asked.connect(self.show_shortcuts)
        self.rail.theme_asked.connect(self.next_theme)
        self.header.backbone.clicked.connect(self.choose_backbone)
        self.header.scores_asked.connect(lambda: self.go("Learn"))
        self.welcome.new_asked.connect(self.new_project)
        self.welcome.open_asked.connect(self.choose_project)
        self.welcome.sample_asked.connect(self.sample.open)
        self.welcome.recent_asked.connect(self.open_project)
        self.welcome.live_asked.connect(lambda: self.go(ALONE))
        drops = Drops(self, DROP, lambda: self.bridge.project is None)
        drops.dropped.connect(self.begin_with)
        self.notices.left.connect(self.focus_page)
        self.bridge.changed.connect(self.on_changed)
        more = QAction(self)
        more.setShortcut(QKeySequence("?"))
        more.triggered.connect(self.show_shortcuts)
        self.addAction(more)
        QGuiApplication.styleHints().colorSchemeChanged.connect(lambda _: theme.refresh())

    def restore(self) -> None:
        """Size and place as they were at the last close; a place that is gone does no harm."""
        free = self.screen().availableGeometry().size() - QSize(0, FRAME)
        self.setMinimumSize(LEAST.boundedTo(free))
        self.resize(QSize(1280, 800).boundedTo(free))
        kept = self.preferences.get("geometry", "")
        if kept:
            self.restoreGeometry(QByteArray.fromBase64(kept.encode("ascii", "ignore")))
        self.show_recent()
        self.welcome.setFocus()
        device = self.preferences.get("device", "auto")
        if device != "auto":
            self.bridge.submit("set_device", device=device)

    # Pages.

    def go(self, name: str) -> None:
        if self.bridge.project is not None or name == ALONE:
            self.messages.turn_to(name)
            self.stack.setCurrentWidget(self.pages[name])
            self.rail.mark(name)
            self.steps.mark(name)
            self.pages[name].setFocus()

    def focus_page(self) -> None:
        if (page := self.stack.currentWidget()) is not None:
            page.setFocus()

    def on_changed(self, project: ProjectView | None) -> None:
        """Shows the pages where a project is open, and the welcome where none is."""
        opened = project is not None and self.rail.isHidden()
        self.show_frame(project)
        if project is None:
            self.show_recent()
            self.stack.setCurrentWidget(self.welcome)
            return
        self.preferences.opened(project.path, project.name)
        if opened:
            self.go("Sort" if project.unsorted and not project.classes else "Images")

    def show_frame(self, project: ProjectView | None) -> None:
        """What stands around the pages, and is of use with a project alone."""
        there = project is not None
        self.setWindowTitle(f"{project.name} – Espalier" if project else "Espalier")
        self.rail.setVisible(there)
        self.steps.setVisible(there)
        if project is not None:
            self.steps.show_project(project)

    def show_recent(self) -> None:
        self.welcome.show_recent(self.preferences.recent, self.preferences.names)

    # Projects.

    def home(self) -> Path:
        """Where projects are made unless the person says otherwise."""
        documents = QStandardPaths.StandardLocation.DocumentsLocation
        folder = Path(QStandardPaths.writableLocation(documents) or Path.home()) / "Espalier"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.info("projects begin in the home folder: %s", error)
            return Path.home()
        return folder

    def new_project(self) -> None:
        """Asks for its name, and makes it."""
        self.ask_name(NEW)

    def ask_name(
        self, text: str, follow: Callable[[Ended], object] | None = None, proposed: str = PROPOSED
    ) -> None:
        def make(name: str, path: Path) -> None:
            self.bridge.submit("new_project", follow, path=str(path), name=name)

        ProjectDialog(self, self.home(), text, make, proposed).open()

    def show_memory(self) -> None:
        """What it keeps on disk, and a cap on it."""
        if self.bridge.project is not None:
            MemoryDialog(self.bridge, self).open()

    def show_computers(self) -> None:
        ComputersDialog(self.bridge, self.preferences, self).open()

    def rename_project(self) -> None:
        """Asks for another name; the folder keeps its own, so that nothing is moved about."""
        project = self.bridge.project
        if project is not None:
            name = type_name(self, "Rename the project", "New name", project.name)
            if name and name != project.name:
                self.bridge.submit("rename_project", name=name)

    def choose_project(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a project", str(self.home()))
        if path:
            self.open_project(path)

    def open_project(self, path: str) -> None:
        self.bridge.submit("open_project", path=path)

    def close_project(self) -> None:
        if self.bridge.project is not None:
            self.bridge.submit("close_project")

    def take(self, paths: list[str], add: Callable[[], object]) -> None:
        """Does `add` with what was dropped, unless it belongs into another project or is to be
        sorted first."""
        self.sample.take(paths, lambda: self.heap.take(paths, add))

    def begin_with(self, paths: list[str]) -> None:
        """Asks how the new project is called, makes it, and learns what was dropped."""
        if paths[0].endswith(SUFFIX) and Path(paths[0]).is_dir():
            self.open_project(paths[0])
            return
        if is_exported(paths[0]):
            watch_with(self, paths[0])
            return

        def follow(ended: Ended) -> None:
            if ended.how == "done":
                self.heap.take(
                    paths, lambda: submit_added(self.bridge, paths, learn=True, copy=False)
                )

        self.ask_name(DROPPED, follow, name_for(paths))

    # Theme, help, the end.

    def offer_reports(self) -> None:
        """Offers once to show what was kept of a crash."""
        from app.shell.crash_report import ReportDialog

        if reports := take_reports():
            action = ("Show the report", lambda: ReportDialog(self, reports).open())
            self.notices.say(CRASHED, "warning", action=action, topic=CRASH)

    def show_about(self) -> None:
        from app.shell.about import AboutDialog

        AboutDialog(self).open()

    def next_theme(self) -> None:
        self.header.choose_theme("light" if theme.tokens() is theme.DARK else "dark")

    def choose_backbone(self) -> None:
        from app.shell.backbones import BackboneDialog

        if self.bridge.project is not None:
            BackboneDialog(self.bridge, self).open()

    def show_shortcuts(self) -> None:
        """All keys, read from the controls."""
        from app.shell.shortcuts import GENERAL, ShortcutsDialog, keys_of

        groups = {
            "Everywhere": [
                *GENERAL,
                *keys_of(self.header),
                *keys_of(self.rail),
                *keys_of(self.steps),
                *keys_of(self.job_bar),
            ]
        }
        groups |= {name: keys_of(page) for name, page in self.pages.items()}
        ShortcutsDialog(self, groups).open()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hides at once; the running job stops at its next safe point, and nothing is lost."""
        kept = bytes(self.saveGeometry().toBase64().data()).decode("ascii")
        self.preferences.put("geometry", kept)
        self.hide()
        self.thumbs.close()
        self.history.mirror(None)
        self.bridge.close()
        event.accept()


def make_application() -> QApplication:
    """The application with its style, its icon, and the theme that the person chose."""
    # Numbers are written in one way everywhere: also where Python writes them, beside Qt's fields.
    QLocale.setDefault(QLocale.c())
    known = QApplication.instance()
    app = known if isinstance(known, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationName("Espalier")
    app.setDesktopFileName("espalier")
    app.setStyle("Fusion")
    app.setWindowIcon(theme.application_icon())
    app.setEffectEnabled(Qt.UIEffect.UI_AnimateMenu, False)
    return app


def main(engine: Engine, project: str | None = None, verbose: bool = False) -> int:
    """Opens the window, on a project where one is named; returns when it is closed."""
    app = make_application()
    start_log("window", verbose)
    watch("window", report=True)
    preferences = Preferences()
    theme.use(preferences.get("theme", "system"))
    window = Window(engine, preferences)
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, lambda *_: window.close())
    window.show()
    if project:
        window.open_project(str(Path(project).absolute()))
    housekeeping = Housekeeping(window.bridge, window)
    try:
        return app.exec()
    finally:
        housekeeping.stop()
        unwatch()

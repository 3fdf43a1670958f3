"""The main window: a rail of pages, a header, the pages, messages, and the job bar."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
from pathlib import Path

from PySide6.QtCore import QByteArray, QLocale, QStandardPaths, Qt, QTimer
from PySide6.QtGui import QAction, QCloseEvent, QGuiApplication, QKeySequence, QPaintEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QMainWindow, QStackedWidget, QWidget

from app import theme
from app.bridge import Bridge
from app.pages import PAGES
from app.shell.garbage import Housekeeping
from app.shell.header import Header
from app.shell.job_bar import JobBar
from app.shell.notices import Notices
from app.shell.preferences import Preferences
from app.shell.rail import Rail
from app.shell.undo import History
from app.shell.welcome import WelcomePage
from app.widgets.controls import column, laid_out, row
from app.widgets.thumbs import Thumbnails
from engine.events import Ended, Notice, ProjectView, Started
from engine.system.crash_reports import take_reports, unwatch, watch
from engine.system.log import start_log
from engine.worker import Engine

log = logging.getLogger(__name__)

SUFFIX = ".espalier"
EMBEDDED = (
    "This project uses the small backbone that comes with Espalier, which is good for a first "
    "try. A larger one recognises much more."
)
CRASHED = (
    "Espalier, or its engine, ended unexpectedly before. What was saved is kept. A report lies on "
    "this computer; nothing was sent."
)
QUIET = ("undo", "redo", "set_device")
"""Jobs whose refusal matters less than what comes after; still said, but as plain information."""
TUNING = ("tune", "resume_run")
"""Jobs that pause instead of being cancelled, and that are gone on with on their own page."""


def free_path(folder: Path, name: str) -> Path:
    """A project's path that is not taken: NAME.espalier, NAME 2.espalier and so on."""
    path, number = folder / f"{name}{SUFFIX}", 2
    while path.exists():
        path, number = folder / f"{name} {number}{SUFFIX}", number + 1
    return path


class Window(QMainWindow):
    """Everything a person sees. It holds no facts of its own: they come with `Changed`."""

    def __init__(self, engine: Engine, preferences: Preferences) -> None:
        super().__init__()
        self.preferences = preferences
        self.bridge = Bridge(engine, self)
        self.thumbs = Thumbnails(self)
        self.history = History(self.bridge, self)
        self.header = Header(self.bridge, self.history, preferences)
        self.notices = Notices()
        self.job_bar = JobBar(self.bridge)
        self.welcome = WelcomePage()
        self.pages: dict[str, QWidget] = {}
        self.rail = Rail(list(PAGES))
        self.open_jobs: dict[int, str] = {}
        self.path = ""
        self.painted = False
        self.lay_out()
        self.connect_all()
        self.restore()

    # Layout.

    def lay_out(self) -> None:
        """Header above, rail and pages below it, the job bar at the foot."""
        self.setWindowTitle("Espalier")
        self.setMinimumSize(1024, 640)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.welcome)
        below = QWidget()
        below.setLayout(row(self.rail, column(self.stack, self.messages(), gap=0), gap=0))
        whole = QWidget()
        whole.setLayout(column(self.header, below, self.job_bar, gap=0))
        laid_out(whole).setStretch(1, 1)
        self.setCentralWidget(whole)
        self.header.make_menu(
            [
                ("&New project …", "Ctrl+N", self.new_project),
                ("&Open project …", "Ctrl+O", self.choose_project),
                ("Open the &sample", "Ctrl+Shift+O", self.open_sample),
                ("&Close the project", "Ctrl+W", self.close_project),
                ("&Quit", "Ctrl+Q", self.close),
                ("&Keys", "F1", self.show_shortcuts),
                ("&About Espalier", "Shift+F1", self.show_about),
            ],
            lambda: self.preferences.recent,
            self.open_project,
        )
        self.rail.setVisible(False)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.painted:
            self.painted = True
            log.info("first paint")
            QTimer.singleShot(0, self, lambda: self.build(list(PAGES)))

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
            from app.widgets.plots import Plot

            for plot in self.findChildren(Plot):
                plot.load()
            self.offer_reports()

    def messages(self) -> QWidget:
        made = QWidget()
        made.setLayout(row(self.notices))
        laid_out(made).setContentsMargins(16, 0, 16, 12)
        self.message_place = made
        made.setVisible(False)
        return made

    def connect_all(self) -> None:
        """What leads where."""
        self.rail.chosen.connect(self.go)
        self.rail.help_asked.connect(self.show_shortcuts)
        self.rail.theme_asked.connect(self.next_theme)
        self.header.backbone.clicked.connect(self.choose_backbone)
        self.header.scores_asked.connect(lambda: self.go("Learn"))
        self.welcome.new_asked.connect(self.new_project)
        self.welcome.open_asked.connect(self.choose_project)
        self.welcome.sample_asked.connect(self.open_sample)
        self.welcome.recent_asked.connect(self.open_project)
        self.welcome.dropped.connect(self.begin_with)
        self.notices.shown.connect(self.message_place.setVisible)
        self.bridge.changed.connect(self.on_changed)
        self.bridge.started.connect(self.on_started)
        self.bridge.notice.connect(self.on_notice)
        self.bridge.ended.connect(self.on_ended)
        more = QAction(self)
        more.setShortcut(QKeySequence("?"))
        more.triggered.connect(self.show_shortcuts)
        self.addAction(more)
        QGuiApplication.styleHints().colorSchemeChanged.connect(lambda _: theme.refresh())

    def restore(self) -> None:
        """Size and place as they were at the last close; a place that is gone does no harm."""
        self.resize(1280, 800)
        kept = self.preferences.get("geometry", "")
        if kept:
            self.restoreGeometry(QByteArray.fromBase64(kept.encode("ascii", "ignore")))
        self.welcome.show_recent(self.preferences.recent)
        self.welcome.setFocus()
        device = self.preferences.get("device", "auto")
        if device != "auto":
            self.bridge.submit("set_device", device=device)

    # Pages.

    def go(self, name: str) -> None:
        if self.bridge.project is not None:
            self.stack.setCurrentWidget(self.pages[name])
            self.rail.mark(name)
            self.pages[name].setFocus()

    def on_changed(self, project: ProjectView | None) -> None:
        """Shows the pages where a project is open, and the welcome where none is."""
        self.rail.setVisible(project is not None)
        if project is None:
            self.path = ""
            self.setWindowTitle("Espalier")
            self.welcome.show_recent(self.preferences.recent)
            self.stack.setCurrentWidget(self.welcome)
            return
        self.setWindowTitle(f"{project.name} – Espalier")
        if self.preferences.recent[:1] != [project.path]:
            self.preferences.opened(project.path)
        if self.stack.currentWidget() is self.welcome:
            self.go("Images")
        if self.path != project.path and project.backbone == "embedded" and not project.steps:
            self.notices.say(EMBEDDED, action=("Choose a backbone", self.choose_backbone))
        self.path = project.path

    # What the engine says.

    def on_started(self, ticket: int, event: Started) -> None:
        self.open_jobs[ticket] = event.title

    def on_notice(self, event: Notice) -> None:
        self.notices.say(event.text, event.level, event.details)

    def on_ended(self, ticket: int, event: Ended) -> None:
        """A job that did not end well says why; one that was lost can be done again."""
        title = self.open_jobs.pop(ticket, "A job")
        name, settings = self.bridge.jobs.get(ticket, ("", {}))
        if event.how == "lost" and name in TUNING:
            text = f"{title}: {event.text} Resume takes its last checkpoint."
            self.notices.say(text, "warning", action=("Show it", lambda: self.go("Tune")))
        elif event.how == "lost" and name:
            self.notices.say(
                f"{title}: {event.text}",
                "warning",
                action=("Do it again", lambda: self.bridge.submit(name, **settings)),
            )
        elif event.how in ("refused", "failed"):
            self.notices.say(event.text, "info" if name in QUIET else "warning")
        elif event.how == "cancelled" and name not in TUNING:
            self.notices.say(f"{title}: {event.text}")

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
        path, _ = QFileDialog.getSaveFileName(
            self, "New project", str(free_path(self.home(), "My classes")), f"Projects (*{SUFFIX})"
        )
        if path:
            self.bridge.submit("new_project", path=path.removesuffix(SUFFIX) + SUFFIX)

    def choose_project(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a project", str(self.home()))
        if path:
            self.open_project(path)

    def open_project(self, path: str) -> None:
        self.bridge.submit("open_project", path=path)

    def close_project(self) -> None:
        if self.bridge.project is not None:
            self.bridge.submit("close_project")

    def open_sample(self) -> None:
        """Opens the sample that was drawn before, or draws it."""
        path = self.home() / f"Sample{SUFFIX}"
        if path.is_dir():
            self.open_project(str(path))
        else:
            self.bridge.submit("make_sample", path=str(path))

    def begin_with(self, paths: list[str]) -> None:
        """Makes a project named after the first thing dropped, and learns what was dropped."""
        if paths[0].endswith(SUFFIX) and Path(paths[0]).is_dir():
            self.open_project(paths[0])
            return

        def follow(ended: Ended) -> None:
            if ended.how == "done":
                self.bridge.submit("learn_folder", paths=paths)

        name = Path(paths[0]).stem.strip(". ") or "My classes"
        self.bridge.submit("new_project", follow, path=str(free_path(self.home(), name)))

    # Theme, help, the end.

    def offer_reports(self) -> None:
        """Offers once to show what was kept of a crash."""
        from app.shell.crash_report import ReportDialog

        if reports := take_reports():
            action = ("Show the report", lambda: ReportDialog(self, reports).open())
            self.notices.say(CRASHED, "warning", action=action)

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


def main(project: str | None = None, verbose: bool = False) -> int:
    """Opens the window, on a project where one is named; returns when it is closed."""
    app = make_application()
    start_log("window", verbose)
    watch("window", report=True)
    preferences = Preferences()
    theme.use(preferences.get("theme", "system"))
    window = Window(Engine(), preferences)
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

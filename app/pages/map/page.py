"""The Map page: all images as points, to be chosen together and named."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QPushButton, QWidget

from app.bridge import Bridge
from app.pages.map.mapping import Mapping
from app.pages.map.plot import MapPlot
from app.pages.map.side import MapSide
from app.widgets.ask import choose_class
from app.widgets.controls import Elided, button, column, label, laid_out, named, reach, row, say_on
from app.widgets.empty import Either, EmptyState
from app.widgets.rows import ImageRows, Row
from app.widgets.thumbs import Thumbnails
from app.widgets.viewer import Viewer
from engine.events import ProjectView
from engine.system.words import plural

KEYS = (
    "Arrows go from image to image, with Shift they choose, a full stop chooses what is near, plus "
    "and minus zoom, Space looks closer, a letter or digit names"
)
NOTHING = "Only what lies close together is alike: distances between groups mean nothing."
EXTRA = 'To draw together what is alike, install openTSNE: pip install "espalier[map]".'
LEAST = 30
"""With fewer images nothing is drawn together (engine/map/refining.py)."""
MOST_LOOKED = 500
"""So many chosen images can be gone through in the viewer."""


class MapPage(QWidget):
    """Shows where all images lie, and names those that lie together."""

    asked = Signal(str)
    """The page that comes next."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails) -> None:
        super().__init__()
        self.setObjectName("page")
        self.bridge = bridge
        self.project: ProjectView | None = None
        self.mapping = Mapping(bridge, self)
        self.plot = MapPlot(thumbs)
        named(self.plot, self.plot.title, KEYS)
        reach(self.plot, "Alt+I")
        self.side = MapSide(self.plot)
        self.lay_out()
        self.connect_all()

    def lay_out(self) -> None:
        """What is shown and how far it is above the plot, the acts beside it."""
        self.heading = label("", "heading")
        self.facts, self.news = Elided("", "muted"), Elided("", "muted")
        self.news.setAccessibleName("What was done")
        self.progress = ""
        self.below = label(NOTHING, "muted", wrap=True)
        self.below.setIndent(4)  # below the words of the plot
        self.stop = button("Stop", "", self.stop_or_refine, key="Ctrl+Shift+X")
        help = "Draws all images anew, as the classes part them now; no class changes"
        redraw = button("Draw anew", help, self.draw_anew, key="Ctrl+Shift+R")
        bar = paper(row(self.heading, 8, self.facts, self.news, self.stop, redraw))
        laid_out(bar).setContentsMargins(16, 12, 16, 12)
        laid_out(bar).setStretch(2, 3)
        laid_out(bar).setStretch(3, 4)
        frame = paper(column(self.plot, self.below, edge=12))
        laid_out(frame).setStretch(0, 1)
        main, work = QWidget(), QWidget()
        main.setLayout(row(frame, self.side, gap=16))
        laid_out(main).setStretch(0, 1)
        work.setLayout(column(bar, main, gap=16))
        laid_out(work).setStretch(1, 1)
        self.work, self.empty = work, self.nothing_yet()
        self.pages = Either(self.empty, work)
        self.setLayout(column(self.pages, edge=16))

    def nothing_yet(self) -> EmptyState:
        """What a project without images says, and where images are added."""
        add = button(
            "Add images",
            "Goes to the Images page",
            lambda: self.asked.emit("Images"),
            key="Ctrl+I",
            kind="primary",
        )
        text = (
            "All images of the project lie here as points, and what is alike lies together. "
            "Add images first."
        )
        return EmptyState("map", "No images yet", text, add)

    def connect_all(self) -> None:
        """What changes what."""
        plot, side, mapping = self.plot, self.side, self.mapping
        self.bridge.changed.connect(self.show_project)
        mapping.changed.connect(self.show_points)
        mapping.known.connect(plot.know)
        mapping.progress.connect(self.show_progress)
        mapping.said.connect(self.tell)
        plot.wanted.connect(lambda points: mapping.know(*self.ids(points)))
        plot.chosen.connect(self.show_chosen)
        plot.opened.connect(self.look)
        plot.typed.connect(side.field.begin)
        side.field.given.connect(lambda name, burst: self.give(name))
        side.field.left.connect(plot.setFocus)
        side.given.connect(self.give)
        side.chose_class.connect(self.choose_class)
        side.near_asked.connect(plot.choose_near)
        side.seen_asked.connect(plot.choose_seen)
        side.name_asked.connect(self.ask_name)
        side.look_asked.connect(self.look)
        side.undo_asked.connect(mapping.undo)

    # Showing.

    def show_project(self, project: ProjectView | None) -> None:
        """The map where there are images; nothing of another project stays."""
        if project is None or self.project is None or project.path != self.project.path:
            self.news.set_full("")
        self.project = project
        there = project is not None and bool(project.images or project.unsorted)
        self.pages.setCurrentWidget(self.work if there else self.empty)

    def show_points(self) -> None:
        """All points as they are now, and in words how many they are."""
        found = self.mapping.found
        if found is None:
            self.plot.forget()
            self.heading.setText("One moment …")
            self.facts.set_full("")
            return
        from app.pages.map.cloud import Cloud

        cloud = Cloud(found)
        self.plot.show_cloud(cloud)
        self.side.show_classes(cloud.names, cloud.counts())
        self.show_words()

    def show_words(self) -> None:
        """How the map was drawn, or how far the drawing together is, with the button that stops it
        or begins it."""
        found = self.mapping.found
        if found is None:
            return
        self.heading.setText(plural(found["images"]) if found["images"] else "One moment …")
        how = "Drawn along what differs most"
        if found["refined"]:
            how = "What is alike is drawn together"
        elif found["parted"]:
            how = f"Drawn so that {plural(found['parted'], 'class')} part"
        self.facts.set_full(self.progress or (how if found["images"] else ""))
        extra = not (found["can_refine"] or found["refined"]) and found["images"] >= LEAST
        self.below.setText(f"{NOTHING} {EXTRA}" if extra else NOTHING)
        running = bool(self.progress)
        self.stop.setVisible(running or self.mapping.can_refine)
        say_on(self.stop, "Stop" if running else "Draw together")
        name = "Stop drawing together" if running else "Draw together what is alike"
        help = "The map stays as it is" if running else "Takes minutes where there are many images"
        named(self.stop, name, help, "Ctrl+Shift+X")

    def tell(self, words: str) -> None:
        """What was done, or why nothing can be shown."""
        self.news.set_full(words)
        if self.mapping.found is None:
            self.heading.setText("No map yet")

    def show_progress(self, words: str) -> None:
        self.progress = words
        self.show_words()

    def show_chosen(self) -> None:
        points = self.plot.points_chosen()
        words = self.plot.words(int(points[0])) if len(points) == 1 else []
        self.side.show_chosen(len(points), words)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.mapping.watched = True
        self.mapping.look_if_seen()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.mapping.watched = False

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Hands the focus on: to the map, or to the button of what is next."""
        super().focusInEvent(event)
        if self.pages.currentWidget() is self.work:
            self.plot.setFocus()
        elif (first := self.empty.findChild(QPushButton)) is not None:
            first.setFocus()

    # Gestures.

    def ids(self, points: Any) -> tuple[list[int], list[int]]:
        """Of points the ids of those that have a class, and of those that wait."""
        return self.plot.cloud.parted(points) if self.plot.cloud is not None else ([], [])

    def choose_class(self, number: int) -> None:
        self.plot.choose_class(number)
        self.plot.setFocus()

    def give(self, name: str) -> None:
        """Names what is chosen; it is shown so at once, and nothing is chosen any more."""
        cloud, points = self.plot.cloud, self.plot.points_chosen()
        if cloud is None or not len(points):
            return
        known = (c for c in cloud.names if c.casefold() == name.casefold())
        name = next(known, name)  # one that differs in capitals alone is that class
        self.mapping.name(*self.ids(points), name)
        cloud.give(points, name)
        self.plot.choose([])
        self.side.show_classes(cloud.names, cloud.counts())

    def ask_name(self) -> None:
        """Asks for the class, from a list."""
        points, cloud = self.plot.points_chosen(), self.plot.cloud
        if cloud is not None and len(points):
            title = f"Which class have these {plural(len(points))}?"
            title = "Which class has this image?" if len(points) == 1 else title
            first = cloud.name(int(points[0]))
            if name := choose_class(self, title, cloud.names, first=first):
                self.give(name)

    def look(self) -> None:
        """Shows the current image large, or goes through those that are chosen."""
        points, current = self.plot.points_chosen()[:MOST_LOOKED], self.plot.current
        if self.plot.cloud is None or not len(points):
            return
        keys = [int(key) for key in self.plot.cloud.keys[points]]
        at = next((n for n, point in enumerate(points) if point == current), 0)

        def show(found: dict[int, Row]) -> None:
            rows = ImageRows(self.bridge)
            rows.give([found[key] for key in keys if key in found])
            viewer = Viewer(rows, at, self.window())
            rows.setParent(viewer)
            viewer.open()

        self.mapping.know(*self.ids(points), show)

    def draw_anew(self) -> None:
        self.mapping.draw(anew=True)

    def stop_or_refine(self) -> None:
        if self.progress:
            self.mapping.stop_refining()
        else:
            self.mapping.refine()


def paper(lines: QBoxLayout) -> QWidget:
    """A white panel with a thin border."""
    made = QWidget()
    made.setObjectName("card")
    made.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    made.setLayout(lines)
    return made

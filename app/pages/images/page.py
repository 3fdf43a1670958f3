"""The Images page: classes on the left, their images on the right, and all that sorts them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QPushButton, QSplitter, QStackedWidget, QWidget

from app.bridge import Bridge
from app.pages.images.adding import Adding
from app.pages.images.class_list import ClassList
from app.pages.images.menus import class_menu, image_menu
from app.pages.images.review import Review
from app.pages.images.search_line import SearchLine
from app.shell.preferences import Preferences
from app.widgets.arriving import Arriving
from app.widgets.ask import choose_class, confirm, type_name
from app.widgets.controls import (
    Elided,
    button,
    column,
    label,
    laid_out,
    named,
    reach,
    row,
    say_on,
    tool,
)
from app.widgets.drops import Drops, Take
from app.widgets.empty import EmptyState
from app.widgets.gallery import Gallery
from app.widgets.mend import Mending
from app.widgets.rows import ImageRows, shown
from app.widgets.thumbs import Thumbnails
from app.widgets.viewer import Viewer
from engine.events import Ended, ProjectView
from engine.results.images import ImagesMoved, LikeliestClass
from engine.system.words import plural

NO_GROUP = "(none)"
ADDING = ("learn_folder", "learn_labels", "add_images", "add_labels")
BEGINS = "Each is opened and checked once; their classes appear here then."


class ImagesPage(QWidget):
    """Adds images, shows them, and moves, renames, merges and removes."""

    def __init__(
        self, bridge: Bridge, thumbs: Thumbnails, preferences: Preferences, take: Take
    ) -> None:
        """`take` is asked first with what was dropped: it may belong elsewhere."""
        super().__init__()
        self.take = take
        self.setObjectName("page")
        self.bridge, self.preferences = bridge, preferences
        self.project: ProjectView | None = None
        self.classes = ClassList()
        self.adding = Adding(self)
        self.rows = ImageRows(bridge)
        self.rows.watch(False)
        self.gallery = Gallery(self.rows, thumbs)
        self.mending = Mending(bridge, self)
        self.search = SearchLine()
        self.review = Review(bridge, thumbs)
        self.heading = Elided("All images", "big")
        self.count = label("", "muted")
        self.hint = label("", "warning", wrap=True)
        self.stack = QStackedWidget()
        self.empty = EmptyState(
            "images",
            "No images yet",
            "Drop a folder here. A folder of folders is one class each; a folder of images is one "
            "class, or waits to be sorted: you are asked. A file that names images and their "
            "classes (CSV, COCO, CVAT and others) can be dropped, too.",
            self.folder_button(),
            self.camera_button(),
        )
        self.arriving = Arriving(bridge, "images", BEGINS, *ADDING)
        self.lay_out()
        self.connect_all()

    # Layout.

    def lay_out(self) -> None:
        """Classes on the left, their images on the right."""
        named(self.classes, "Classes", "Choose a class to see its images; F2 renames it")
        reach(self.classes, "Alt+C")
        named(self.gallery, "Images", "Arrow keys move, Space looks closer, Delete removes")
        reach(self.gallery, "Alt+I")
        left = QWidget()
        left.setObjectName("card")
        left.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        left.setLayout(
            column(row(label("Classes", "heading"), 0, *self.class_tools()), self.classes)
        )
        laid_out(left).setContentsMargins(16, 12, 8, 8)
        left.setMinimumWidth(240)
        right = QWidget()
        right.setObjectName("card")
        right.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        right.setLayout(column(self.image_tools(), self.search, self.hint, self.stack))
        laid_out(right).setContentsMargins(16, 12, 8, 8)
        self.stack.addWidget(self.gallery)
        self.stack.addWidget(self.review)
        self.split = QSplitter()
        self.split.addWidget(left)
        self.split.addWidget(right)
        self.split.setHandleWidth(16)
        self.split.setStretchFactor(1, 1)
        self.split.setSizes([280, 900])
        self.pages = QStackedWidget()
        for part in (self.empty, self.arriving, self.split):
            self.pages.addWidget(part)
        self.setLayout(column(self.pages, edge=16))

    def folder_button(self) -> QPushButton:
        made = button("Choose a folder", "Adds the images of a folder", self.adding.choose_folder)
        # The menu of the add button owns this key.
        return named(made, "Choose a folder", "Adds the images of a folder", "Ctrl+Shift+I")

    def camera_button(self) -> QPushButton:
        help = "Hold a button, and what a camera sees becomes images of a class"
        made = button("From a camera", help, self.adding.open_camera)
        return named(made, "From a camera", help, "Ctrl+Shift+K")

    def class_tools(self) -> list[QWidget]:
        return [
            tool("rename", "Rename class", "Renames the class", self.rename, key="F2"),
            tool("merge", "Merge class", "Merges the class into another", self.merge, key="Ctrl+M"),
            tool(
                "remove",
                "Remove class",
                "Removes the class and unlearns it; your files stay where they are",
                self.remove_class,
                key="Ctrl+Delete",
            ),
        ]

    def image_tools(self) -> QWidget:
        """The line above the gallery: what is shown, and what can be done with it."""
        self.move_button = tool(
            "move",
            "Move images",
            "Moves the chosen images to a class",
            self.move_chosen,
            key="Ctrl+Shift+M",
        )
        self.remove_button = tool(
            "remove",
            "Remove images",
            "Takes the chosen images out of the project; the files stay",
            self.remove,
            key="Delete",
        )
        self.review_button = tool(
            "review", "Review", "Conflicts, near duplicates and what was left out", key="Ctrl+R"
        )
        self.review_button.setCheckable(True)
        self.review_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        line = row(
            self.heading,
            self.count,
            self.review_button,
            self.move_button,
            self.remove_button,
            self.adding.lay_out(),
        )
        line.setStretch(0, 1)
        self.heading.setMinimumWidth(128)
        made = QWidget()
        made.setLayout(line)
        return made

    def connect_all(self) -> None:
        """What changes what."""
        self.bridge.changed.connect(self.show_project)
        self.arriving.changed.connect(self.show_part)
        self.classes.picked.connect(self.show_class)
        # A class that is current already is not picked anew, and still means: no review.
        self.classes.clicked.connect(lambda _: self.review_button.setChecked(False))
        self.classes.activated.connect(lambda _: self.review_button.setChecked(False))
        self.classes.files_dropped.connect(self.adding.add)
        self.classes.images_dropped.connect(
            lambda chosen, to: self.rows.with_ids(chosen, lambda ids: self.move_to(ids, to))
        )
        self.rows.counted.connect(lambda _: self.show_count())
        self.search.changed.connect(lambda: self.show_class(self.classes.name))
        self.gallery.chosen.connect(self.refresh_tools)
        self.gallery.opened.connect(self.look)
        self.review_button.toggled.connect(self.show_review)
        Drops(self, "Drop to add these images and learn them").dropped.connect(self.adding.add)
        for view in (self.classes, self.gallery):
            view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.classes.customContextMenuRequested.connect(
            lambda at: class_menu(self).popup(self.classes.mapToGlobal(at))
        )
        self.gallery.customContextMenuRequested.connect(
            lambda at: image_menu(self).popup(self.gallery.mapToGlobal(at))
        )

    # Showing.

    def show_project(self, project: ProjectView | None) -> None:
        """Shows the project of now, and keeps what is chosen."""
        other = project is None or self.project is None or project.path != self.project.path
        self.project = project
        self.classes.show_project(project)
        self.show_part()
        self.adding.show(project is not None and bool(project.classes))
        if project is None:
            return
        self.empty.title.setText("No classes yet" if project.unsorted else "No images yet")
        waits = project.conflicts + project.skipped
        say_on(self.review_button, f"Review {waits:,}" if waits else "Review")
        self.review.show_project(project)
        if other:
            self.review_button.setChecked(False)
            self.classes.choose("")
            self.search.reset()
            self.show_class("")
        else:
            self.rows.ask_again()
            self.show_hint()
        self.refresh_tools()

    def show_part(self) -> None:
        """The classes with their images; before there is one, that images come, or how they do."""
        none = self.arriving if self.arriving.comes else self.empty
        has_classes = self.project is not None and self.project.classes
        self.pages.setCurrentWidget(self.split if has_classes else none)

    def show_class(self, name: str) -> None:
        """Shows a class in the gallery, or all images where the name is empty."""
        if self.project is None:
            return
        self.review_button.setChecked(False)
        self.heading.set_full(shown(name) or "All images")
        self.gallery.clearSelection()
        self.gallery.verticalScrollBar().setValue(0)
        query, tile = self.search.query, self.gallery.tile
        tile.captions = not name or query["sort"] in ("confidence", "name")
        tile.naming, tile.lines = self.search.naming
        self.rows.ask(class_name=name, **query)
        self.show_hint()
        self.refresh_tools()

    def show_hint(self) -> None:
        view = self.classes.current
        hints = [view.hint] if view and view.hint else []
        hints = hints or list(self.project.hints if view is None and self.project else ())
        self.hint.setText("\n".join(hints[:2]))
        self.hint.setVisible(bool(hints) and not self.review_button.isChecked())

    def show_review(self, on: bool) -> None:
        self.stack.setCurrentWidget(self.review if on else self.gallery)
        self.heading.set_full("Review" if on else shown(self.classes.name) or "All images")
        self.count.setVisible(not on)
        self.search.setVisible(not on)
        self.show_hint()
        if on:
            self.review.refresh()
        self.refresh_tools()

    def refresh_tools(self) -> None:
        some = bool(self.gallery.how_many_chosen)
        shown = self.stack.currentWidget() is self.gallery
        for control in (self.move_button, self.remove_button):
            control.setEnabled(some and shown)
            control.setVisible(shown)
        self.show_count()

    def show_count(self) -> None:
        """How many images there are, and how many of them are chosen."""
        chosen = self.gallery.how_many_chosen
        some = f" · {chosen:,} chosen" if chosen else ""
        self.count.setText(plural(self.rows.total) + some)

    def look(self, number: int) -> None:
        Viewer(self.rows, number, self.window(), self.mending).open()

    def showEvent(self, event: QShowEvent) -> None:
        """Whoever comes back sees the images; a window that was minimised is as it was."""
        super().showEvent(event)
        self.rows.watch(True)
        if not event.spontaneous():
            self.review_button.setChecked(False)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.rows.watch(False)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Hands the focus on to the gallery. A focus proxy would make Tab skip all before it."""
        super().focusInEvent(event)
        self.gallery.setFocus(event.reason())

    # Gestures: each submits one job and does nothing else.

    def rename(self) -> None:
        """Asks for a new name; where it is taken, offers to merge."""
        name = self.classes.name
        to = type_name(self, f"Rename “{name}”", "New name", name) if name else ""
        if not to or to == name:
            return
        taken = self.classes.rows.row_of(to)
        if taken and not confirm(
            self, f"There is a class “{to}” already.", f"Merge “{name}” into “{to}”?", "Merge"
        ):
            return
        self.bridge.submit("rename_class", self.after(to), name=name, to=to, merge=bool(taken))

    def after(self, name: str) -> Callable[[Ended], None]:
        """What to do when a gesture on a class is done: show it under its new name."""

        def follow(ended: Ended) -> None:
            if ended.how == "done":
                self.classes.choose(name)

        return follow

    def merge(self) -> None:
        name = self.classes.name
        others = [c.name for c in self.project.classes if c.name != name] if self.project else []
        if name and others:
            into = choose_class(self, f"Merge “{name}” into which class?", others, fixed=True)
            if into:
                self.bridge.submit("merge_classes", self.after(into), name=name, into=into)

    def group(self) -> None:
        """Asks for the group of the class, to which an answer that is not sure climbs."""
        name, classes = self.classes.name, self.project.classes if self.project else ()
        if not name:
            return
        groups = dict.fromkeys(c.within for c in classes if c.within)
        own = next((c.within for c in classes if c.name == name), "")
        title = f"Which group is “{name}” in? An unsure answer names the group."
        to = choose_class(self, title, [NO_GROUP, *groups], first=own or NO_GROUP)
        if to and to != (own or NO_GROUP):
            group = "" if to == NO_GROUP else to
            self.bridge.submit("group_classes", names=[name], group=group)

    def remove_class(self) -> None:
        name = self.classes.name
        if name:
            self.bridge.submit("remove_class", name=name)

    def move_chosen(self) -> None:
        """Asks where to; the class that fits the chosen images best is proposed."""

        def choose(ids: list[int], ended: Ended) -> None:
            names = [c.name for c in self.project.classes] if self.project else []
            found = ended.of(LikeliestClass)["name"] if ended.how == "done" else ""
            first = found or self.classes.name
            title = f"Move {plural(len(ids))} to which class?"
            if to := choose_class(self, title, names, first=first):
                self.move_to(ids, to)

        def propose(ids: list[int]) -> None:
            self.bridge.ask("likeliest_class", lambda ended: choose(ids, ended), images=ids)

        self.with_chosen(propose)

    def with_chosen(self, do: Callable[[list[int]], object]) -> None:
        """Does something with all images that are said to be chosen, where there are any."""
        if self.gallery.how_many_chosen:
            self.rows.with_ids(self.gallery.chosen_images, do)

    def move_to(self, ids: list[int], to: str) -> None:
        self.bridge.submit("move_images", images=ids, to=to)

    def use_for(self, split: str) -> None:
        """Puts the chosen images on a side of the split; what is learnt follows at once."""

        def learn(ended: Ended) -> None:
            if ended.how == "done" and ended.of(ImagesMoved)["moved"]:
                self.bridge.submit("learn_again")

        self.with_chosen(
            lambda ids: self.bridge.submit("set_split", learn, images=ids, split=split)
        )

    def remove(self) -> None:
        self.with_chosen(lambda ids: self.bridge.submit("remove_images", images=ids))
        self.gallery.clearSelection()

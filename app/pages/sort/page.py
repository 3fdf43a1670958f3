"""The Sort page: a heap of images becomes classes, key by key."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton, QWidget

from app.bridge import Bridge
from app.pages.sort.again import AGAIN, LookAgain
from app.pages.sort.bar import ORDERS, SortBar, warn
from app.pages.sort.gallery import KEYS, SortGallery
from app.pages.sort.nothing import (
    ADD,
    BEGINS,
    add_button,
    again_button,
    all_sorted,
    back_button,
    learn_button,
    none_here,
)
from app.pages.sort.order import GROUPS
from app.pages.sort.rows import HeapRows, suggested
from app.pages.sort.side import Side
from app.pages.sort.sorting import Sorting
from app.shell.preferences import Preferences
from app.widgets.arriving import Arriving
from app.widgets.controls import calling, column, laid_out, named, reach, row, say_on
from app.widgets.drops import Drops
from app.widgets.empty import Either
from app.widgets.hold_out import HoldOutButton
from app.widgets.rows import ImageRows, Row
from app.widgets.thumbs import Thumbnails
from app.widgets.viewer import Viewer
from engine.events import Ended, ProjectView
from engine.results.heap import Accepted, Suggestions, UnsortedAdded
from engine.system.words import per_cent


class SortPage(QWidget):
    """Shows what waits for a class with what it may be, and names it."""

    asked = Signal(str)
    """The page that comes next."""

    def __init__(
        self,
        bridge: Bridge,
        thumbs: Thumbnails,
        preferences: Preferences,
        tell: Callable[[str], object],
    ) -> None:
        """`tell` says what matters on whatever part is shown."""
        super().__init__()
        self.tell = tell
        self.setObjectName("page")
        self.bridge, self.preferences = bridge, preferences
        self.project: ProjectView | None = None
        self.rows = HeapRows(bridge)
        self.gallery = SortGallery(self.rows, thumbs)
        named(self.gallery, "Unsorted images", KEYS)
        reach(self.gallery, "Alt+I")
        self.sorting = Sorting(bridge, self.seen, self)
        self.backs = [back_button(self.sorting.take_back_aside) for _ in range(2)]
        look = calling(self.choose_order, AGAIN[0][0])
        self.agains = [again_button(look) for _ in range(2)]
        self.bar = SortBar(self.backs[0], add_button("Add …", self.choose_folder))
        self.side = Side(self.gallery)
        self.arriving = Arriving(bridge, "sort", BEGINS, "add_unsorted")
        learn = learn_button(lambda: self.asked.emit("Learn"))
        self.again = LookAgain(bridge, thumbs, ORDERS, learn)
        self.looks_again = False
        self.turns = 0
        self.held: list[list[int]] = []
        """Images that were accepted before their suggestions are here."""
        self.lay_out()
        self.connect_all()

    def lay_out(self) -> None:
        """Nothing here, all done, or the grid with its bar above and the acts beside it."""
        self.empty = none_here(add_button(ADD, self.choose_folder, "primary"), self.agains[0])
        learn = learn_button(lambda: self.asked.emit("Learn"))
        add = add_button(ADD, self.choose_folder)
        self.hold_out = HoldOutButton(self.bridge)
        self.done = all_sorted(learn, self.backs[1], add, self.agains[1])
        self.done.add_below(self.hold_out)
        grid, work, frame = QWidget(), QWidget(), QWidget()
        frame.setObjectName("card")
        frame.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        frame.setLayout(column(self.gallery, edge=8))
        grid.setLayout(row(frame, self.side, gap=16))
        laid_out(grid).setStretch(0, 1)
        work.setLayout(column(self.bar, grid, gap=16))
        laid_out(work).setStretch(1, 1)
        self.work = work
        self.pages = Either(self.empty, self.done, self.arriving, work, self.again)
        self.setLayout(column(self.pages, edge=16))

    def connect_all(self) -> None:
        """What changes what."""
        Drops(self, "Drop to add these images without a class").dropped.connect(self.add)
        self.bridge.changed.connect(self.show_project)
        self.sorting.changed.connect(self.show_list)
        self.arriving.changed.connect(self.show_part)
        self.sorting.said.connect(self.bar.news.set_full)
        self.sorting.reordered.connect(lambda: self.gallery.go_to(0))
        self.gallery.chosen.connect(self.show_chosen)
        self.sorting.acted.connect(self.step_on)
        self.sorting.brought_back.connect(self.choose_again)
        self.gallery.verticalScrollBar().valueChanged.connect(lambda _: self.sorting.want())
        self.gallery.looked.connect(self.count_shown)
        self.gallery.opened.connect(self.look)
        self.gallery.typed.connect(self.side.field.begin)
        self.bar.order_chosen.connect(self.choose_order)
        self.again.left.connect(self.choose_order)
        count = self.sorting.many.count_above
        self.bar.accept_asked.connect(lambda least: count(least, lambda n: self.warn(n, least)))
        self.bar.groups_asked.connect(self.sorting.close_group)
        self.gallery.left.connect(self.sorting.close_group)
        side = self.side
        side.said.connect(self.bar.news.set_full)
        side.field.given.connect(self.give)
        side.field.left.connect(self.gallery.setFocus)
        side.chose.connect(self.choose_class)
        side.accepted.connect(self.accept)
        side.shown_accepted.connect(self.accept_shown)
        side.burst_asked.connect(self.name_burst)
        side.open_asked.connect(self.open_burst)
        side.out_asked.connect(lambda: self.sorting.take_apart(self.chosen()))
        side.gap_chosen.connect(lambda gap: self.bridge.submit("set_burst_gap", gap=gap))
        self.gallery.count_clicked.connect(self.open_at)
        self.gallery.pulled.connect(lambda on: side.show_targets(on, self.sorting.classes))
        side.targets.chosen.connect(self.dropped_on)
        side.aside_asked.connect(self.set_aside)
        side.undo_asked.connect(self.sorting.undo)
        side.look_asked.connect(lambda: self.look(self.gallery.currentIndex().row()))

    # Showing.

    def seen(self) -> range:
        """The places that can be seen now."""
        return self.gallery.in_view() if self.isVisible() else range(0)

    def show_project(self, project: ProjectView | None) -> None:
        learnt = project is not None and project.current_step is not None
        self.looks_again = self.looks_again and learnt
        self.bar.offer_again(learnt)
        for made in self.agains:
            made.setVisible(learnt)
        self.project = project
        self.show_part()

    def choose_order(self, order: str) -> None:
        """Images that wait in an order, or learnt ones to look at again."""
        self.looks_again = order in dict(AGAIN)
        if self.looks_again:
            self.again.begin(order)
        elif order != self.sorting.order:
            self.sorting.reorder(order)
        self.bar.order.setCurrentIndex(self.bar.order.findData(self.sorting.order))
        self.show_part()
        self.take_focus()

    def show_part(self) -> None:
        """The grid while anything waits; otherwise that images come, that all is done, or what to
        do first."""
        comes = self.arriving.comes
        self.looks_again = self.looks_again and not comes  # what was just added is to be seen
        waits = self.sorting.list.ids or (self.project and self.project.unsorted and not comes)
        standing = self.sorting.standing
        some = standing is not None and standing["typed"] + standing["accepted"] > 0
        some = some or self.sorting.aside > 0
        for made in self.backs:
            say_on(made, f"Take back {self.sorting.aside:,} set aside")
            made.setVisible(self.sorting.aside > 0)
        none = self.arriving if comes else self.done if some else self.empty
        part = self.again if self.looks_again else self.work if waits else none
        if part is not self.pages.currentWidget():
            here = self.focusWidget() is not None and self.focusWidget().hasFocus()
            self.pages.setCurrentWidget(part)
            if here:
                self.take_focus()

    def show_list(self) -> None:
        """The list of now, what is suggested, and how far the heap is."""
        self.show_part()
        sorting, there = self.sorting, self.sorting.list
        inside = there.inside is not None
        self.gallery.show_list(there.ids, there.known)
        if there.turns != self.turns:  # a group was opened, with all its images chosen, or closed
            self.turns, self.gallery.leaves = there.turns, inside
            self.gallery.choose(range(len(there.ids)), 0) if inside else self.gallery.go_to(
                there.opened_at
            )
        order = GROUPS if there.members else sorting.order
        self.bar.show_standing(sorting.standing, len(sorting.classes), order, inside)
        gap = self.project.burst_gap if self.project is not None else 0
        self.side.show_bursts(there.timed, gap, bool(there.members), inside)
        self.show_chosen()
        self.count_shown()
        self.sorting.want()
        self.fetch_ahead()
        self.do_held()

    def fetch_ahead(self) -> None:
        """Thumbnails of what moves up next."""
        stop = self.gallery.in_view().stop
        for number in range(stop, stop + 2 * self.gallery.columns):
            if ahead := self.rows.row(number):
                self.gallery.tile.thumbs.get(ahead.get("thumb"))

    def chosen(self) -> list[Row]:
        """The images that keys are about, the current one first."""
        rows = [row for row in self.gallery.selected_rows() if "done" not in row]
        now = self.rows.row(self.gallery.currentIndex().row())
        return [now, *(r for r in rows if r is not now)] if now in rows else rows

    def show_chosen(self) -> None:
        rows, there = self.chosen(), self.sorting.list
        whole = there.inside is not None and len(rows) == len(there.ids)
        self.side.show_rows(rows, self.sorting.classes, whole)

    def shown(self) -> list[Row]:
        """The images that are seen whole and have a suggestion."""
        rows = [self.rows.row(number) for number in self.gallery.whole()]
        return [row for row in rows if row is not None and suggested(row)]

    def count_shown(self) -> None:
        ids = [row["id"] for row in self.shown()]
        self.side.show_count(len(self.sorting.list.images_of(ids)))

    def step_on(self) -> None:
        """To what waits next on the screen; where all of it is done, to the next screenful. Keys
        are about it, also where a button was clicked."""
        if self.isAncestorOf(QApplication.focusWidget() or self.window()):
            self.gallery.setFocus()
        if (place := self.gallery.open_next()) is None:
            self.sorting.sweep()
        elif place != self.gallery.currentIndex().row():
            self.gallery.go_to(place)

    def choose_again(self, ids: Sequence[int]) -> None:
        """What was taken back, so that it can be named at once."""
        wanted = set(ids)
        places = [n for n, number in enumerate(self.rows.ids) if number in wanted]
        if places:
            self.gallery.choose(places, places[0])

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.sorting.watched = True
        self.sorting.refresh_if_seen()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.sorting.watched = False

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.take_focus()

    def take_focus(self) -> None:
        """Hands the focus on: to the grid, or to the button of what is next."""
        now = self.pages.currentWidget()
        if now is self.work:
            self.gallery.setFocus()
        elif now is self.again:
            self.again.take_focus()
        elif now is not None and (first := now.findChild(QPushButton)) is not None:
            first.setFocus()

    def look(self, number: int) -> None:
        """Shows an image large, or all images of a burst; opens a group."""
        found = self.rows.row(number)
        if found is None or self.sorting.open_group(found["id"]):
            return
        if len(members := self.sorting.list.images_of([found["id"]])) < 2:
            Viewer(self.rows, number, self.window()).open()
            return

        def show(ended: Ended, latest: bool) -> None:
            if ended.how == "done":
                rows = ImageRows(self.bridge)
                rows.give(ended.of(Suggestions)["rows"])
                viewer = Viewer(rows, 0, self.window())
                rows.setParent(viewer)
                viewer.open()

        self.sorting.submit("suggestions", show, visible=members, limit=len(members))

    # Gestures.

    def add(self, paths: Sequence[str]) -> None:
        copy = bool(self.preferences.get("copy_images", False))

        def follow(ended: Ended) -> None:
            if ended.how == "done" and not ended.of(UnsortedAdded)["added"]:
                self.tell("Nothing new there: these images are in the project already.")

        self.bridge.submit("add_unsorted", follow, paths=list(paths), copy=copy)

    def choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose a folder of unsorted images")
        if path:
            self.add([path])

    def give(self, name: str, burst: bool) -> None:
        if rows := self.chosen():
            self.sorting.name(rows, name, burst=burst)

    def choose_class(self, name: str) -> None:
        """A digit, or its button: what is suggested anyway counts as accepted."""
        if rows := self.chosen():
            how = "accepted" if all(suggested(r) == name for r in rows) else "typed"
            self.sorting.name(rows, name, how)

    def dropped_on(self, name: str) -> None:
        """What is chosen was dropped on a class; a new one gets its name first."""
        if name:
            self.choose_class(name)
        else:
            self.side.field.begin()

    def accept(self) -> None:
        """Each goes into the class that is suggested for it; one undo takes all of it back. A group
        is opened: nothing is suggested for it."""
        rows = self.chosen()
        if len(rows) != 1 or not self.sorting.open_group(rows[0]["id"]):
            self.accept_rows(rows)

    def accept_rows(self, rows: Sequence[Row], again: bool = False) -> None:
        """Images that are not seen, such as the last of a group, are asked about first."""
        if unknown := list(dict.fromkeys(row["id"] for row in rows if not row["path"])):
            self.held.append([row["id"] for row in rows])
            if not again:
                self.sorting.ask_about(unknown)
            return
        if some := [row for row in rows if suggested(row)]:
            self.sorting.accept(some)
        elif rows:
            self.bar.news.set_full("Nothing is suggested here. Type its class.")

    def accept_shown(self) -> None:
        """All that is seen and has a suggestion gets it; the next screenful follows."""
        if rows := self.shown():
            self.sorting.accept(rows, screenful=True)
        else:
            self.bar.news.set_full("Nothing is suggested for what is shown. Type its class.")

    def do_held(self) -> None:
        """What was pressed before the suggestions came."""
        held, self.held = self.held, []
        for ids in held:
            rows = [row for row in self.rows.everything() if row["id"] in ids]
            self.accept_rows(rows, again=True)

    def name_burst(self) -> None:
        """The whole burst gets what is suggested; without that its name is typed."""
        rows = [row for row in self.chosen() if len(row.get("burst", ())) > 1]
        if not rows:
            self.bar.news.set_full("This is no part of a burst. Type its class.")
        elif name := suggested(rows[0]):
            self.sorting.name(rows[:1], name, "accepted", burst=True)
        else:
            self.side.field.begin(burst=True)

    def open_burst(self) -> None:
        row = self.rows.row(self.gallery.currentIndex().row())
        if self.sorting.list.inside is not None:
            self.sorting.close_group()
        elif row is None or not self.show_one_by_one(row):
            self.bar.news.set_full("This is no burst or group that could be opened.")

    def open_at(self, place: int) -> None:
        if row := self.rows.row(place):
            self.show_one_by_one(row)

    def show_one_by_one(self, row: Row) -> bool:
        """Opens a group, or opens or closes a burst; its first image that waits is chosen then."""
        if self.sorting.open_group(row["id"]):
            return True
        found = self.sorting.open_burst(row["id"])
        if found:
            there, ids = self.sorting.list, self.rows.ids
            left = [n for n in there.mates[row["id"]] if n in ids and n not in there.done]
            self.gallery.go_to(ids.index(left[0]))
        return found

    def set_aside(self) -> None:
        if rows := self.chosen():
            self.sorting.set_aside(rows)

    def warn(self, found: Accepted, least: float) -> None:
        if found["images"]:
            warn(self, found, least, lambda: self.sorting.many.accept_above(least))
        else:
            self.bar.news.set_full(f"No suggestion is as sure as {per_cent(least, 0)}.")

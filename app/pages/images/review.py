"""Review: conflicts to settle, near duplicates to look at, and files that were left out."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFileDialog,
    QLayout,
    QPushButton,
    QStackedWidget,
    QWidget,
)

from app.bridge import Bridge
from app.widgets.captions import Caption, Name
from app.widgets.controls import buddy, button, column, label, laid_out, named, reach, row, say_on
from app.widgets.gallery import Gallery
from app.widgets.rows import ImageRows, shown
from app.widgets.table import Table, TableRows
from app.widgets.thumbs import Thumbnails
from engine.events import Ended, ProjectView
from engine.results import images as results
from engine.system.cells import text_cell
from engine.system.words import plural

NOBODY = "none of them"


class Panel(QWidget):
    """A list to review, below what is to be done with it; where it is empty it says only that."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.bridge = bridge
        self.full = QWidget()
        self.news = label("", "muted", wrap=True)
        self.news.setAlignment(Qt.AlignmentFlag.AlignTop)

    def lay_out(self, text: str, tools: QLayout, view: QWidget) -> None:
        """What the list is about, what can be done, and the list."""
        self.full.setLayout(column(label(text, "muted", wrap=True), tools, view))
        self.full.hide()
        self.setLayout(column(self.news, self.full))
        laid_out(self).setStretch(1, 1)

    def show_found(self, found: bool, news: str) -> None:
        """Shows the list where something is in it, and `news` where something is to be said."""
        self.full.setVisible(found)
        self.news.setText(news)
        self.news.setVisible(bool(news))


def both(names: Sequence[str]) -> Caption:
    """The classes that an image lies in, on two lines; the tooltip names all of them."""
    first, *rest = (Name(shown(name)) for name in names)
    return Caption.of((first, " and"), (rest[0],) if len(rest) == 1 else (f"{len(rest)} more",))


class Conflicts(Panel):
    """Images that lie in several classes; the person says which class keeps them."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails) -> None:
        super().__init__(bridge)
        self.rows = ImageRows(bridge)
        self.gallery = Gallery(self.rows, thumbs)
        self.gallery.tile.lines = 2
        named(self.gallery, "Conflicts", "Choose images, then the class that keeps them")
        reach(self.gallery, "Alt+I")
        self.keep = QComboBox()
        named(self.keep, "Class that keeps the image", "Which class keeps the image", "Alt+K")
        self.settle_button = button(
            "Keep", "Keeps the chosen images in this class alone", self.settle, key="Ctrl+Return"
        )
        text = "These images lie in several classes, so they teach both. Choose which keeps them."
        line = row(buddy("&Keep in", self.keep), self.keep, self.settle_button, 0)
        self.lay_out(text, line, self.gallery)
        self.gallery.chosen.connect(self.offer)
        self.keep.currentTextChanged.connect(self.say_where)

    def say_where(self, name: str) -> None:
        """The button says what it does: “Keep in hat”."""
        words = {"": "Keep", NOBODY: "Keep in none of them"}.get(name, f"Keep in {shown(name)}")
        say_on(self.settle_button, words.replace("&", "&&"))

    def refresh(self) -> None:
        self.bridge.ask("conflicts", self.take)

    def take(self, ended: Ended) -> None:
        """One tile for each image in conflict, captioned with the classes it lies in."""
        found = ended.of(results.Conflicts)["conflicts"] if ended.how == "done" else []
        self.rows.give(
            [{**c["images"][0], "caption": both(c["classes"]), "conflict": c} for c in found]
        )
        none = "Nothing to review. No image lies in several classes."
        self.show_found(bool(found), "" if found else none if ended.how == "done" else ended.text)
        self.offer()

    def offer(self) -> None:
        """The classes that the chosen images have in common."""
        chosen = [r["conflict"]["classes"] for r in self.gallery.selected_rows()]
        common = [n for n in chosen[0] if all(n in names for names in chosen)] if chosen else []
        self.keep.clear()
        self.keep.addItems([*common, NOBODY] if chosen else [])
        self.settle_button.setEnabled(bool(chosen))

    def settle(self) -> None:
        keep = self.keep.currentText()
        for chosen in self.gallery.selected_rows():
            self.bridge.submit(
                "settle_conflict",
                sha256=chosen["conflict"]["sha256"],
                keep="" if keep == NOBODY else keep,
            )


class NearDuplicates(Panel):
    """Groups of images that look almost the same, those on both sides of the split first."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails) -> None:
        super().__init__(bridge)
        self.rows = ImageRows(bridge)
        self.gallery = Gallery(self.rows, thumbs)
        named(self.gallery, "Near duplicates", "Choose images to remove")
        reach(self.gallery, "Alt+I")
        self.count = label("", "muted")
        self.remove_button = button(
            "Remove chosen images",
            "Takes them out of the project; the files stay",
            self.remove,
            key="Ctrl+Backspace",
        )
        text = (
            "Images with the same number look almost the same. A marked group lies on both sides "
            "of the split, which makes scores look better than they are."
        )
        self.lay_out(text, row(self.remove_button, self.count, 0), self.gallery)
        self.gallery.chosen.connect(self.refresh_tools)
        self.refresh_tools()

    def refresh(self) -> None:
        comparing = "Comparing all images …"
        self.count.setText(comparing)
        if not self.full.isVisibleTo(self):
            self.show_found(False, comparing)
        self.bridge.ask("near_duplicates", self.take)

    def take(self, ended: Ended) -> None:
        """One tile for each image of each group, numbered by group."""
        done = ended.how == "done"
        found: results.NearDuplicates = (
            ended.of(results.NearDuplicates) if done else {"total": 0, "groups": []}
        )
        total, shown_here = found["total"], len(found["groups"])
        more = f", the first {shown_here:,} are shown" if total > shown_here else ""
        self.count.setText(f"{plural(total, 'group')}{more}")
        none = "Nothing to review. No images look almost the same."
        self.show_found(total > 0, "" if total else none if done else ended.text)
        self.rows.give(
            [
                {
                    **image,
                    "caption": Caption.of((f"{number:,} · ", Name(shown(image["class"])))),
                    "note": "on both sides of the split" if group["crosses_split"] else "",
                }
                for number, group in enumerate(found["groups"], 1)
                for image in group["images"]
            ]
        )

    def refresh_tools(self) -> None:
        self.remove_button.setEnabled(bool(self.gallery.selected_rows()))

    def remove(self) -> None:
        self.bridge.submit("remove_images", images=[r["id"] for r in self.gallery.selected_rows()])


class Skipped(Panel):
    """Files that were left out, with the reason of each."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge)
        self.rows = TableRows(("File", "Why it was left out"))
        self.table = Table(self.rows)
        self.table.setObjectName("bare")
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        named(self.table, "Files that were left out", "Each with its reason")
        reach(self.table, "Alt+I")
        save = button("Save as CSV …", "Saves this list as a table", self.choose_file, icon="save")
        named(save, "Save the list", "Saves this list as a table", "Ctrl+S")
        save.setShortcut("Ctrl+S")
        text = "These files were not added. Mend them and add them again, or leave them out."
        self.lay_out(text, row(save, 0), self.table)

    def refresh(self) -> None:
        self.bridge.ask("skipped", self.take)

    def take(self, ended: Ended) -> None:
        found = ended.of(results.Skipped)["skipped"] if ended.how == "done" else []
        self.rows.give([(shown(r["path"]), r["reason"]) for r in found])
        none = "Nothing to review. No file was left out."
        self.show_found(bool(found), "" if found else none if ended.how == "done" else ended.text)

    def choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the list", "left-out.csv", "*.csv")
        if path:
            self.save(path)

    def save(self, path: str) -> None:
        with open(path, "w", encoding="utf-8", newline="") as file:
            rows = [[text_cell(str(cell)) for cell in found] for found in self.rows.rows]
            csv.writer(file).writerows([("path", "reason"), *rows])


class Review(QWidget):
    """The three lists, one at a time; the buttons above say how long each is."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails) -> None:
        super().__init__()
        self.panels = (Conflicts(bridge, thumbs), NearDuplicates(bridge, thumbs), Skipped(bridge))
        self.names = ("Conflicts", "Near duplicates", "Left out")
        self.counts = (0, 0, 0)
        self.stack = QStackedWidget()
        self.group = QButtonGroup(self)
        self.buttons = [self.choice(number) for number in range(3)]
        for panel in self.panels:
            self.stack.addWidget(panel)
        self.setLayout(column(row(*self.buttons, 0), self.stack))
        self.buttons[0].setChecked(True)

    def choice(self, number: int) -> QPushButton:
        name = self.names[number]
        made = button(
            name, f"Shows: {name}", lambda: self.go(number), key=f"Alt+{number + 1}", kind="quiet"
        )
        made.setCheckable(True)
        self.group.addButton(made)
        return made

    def show_project(self, project: ProjectView) -> None:
        """Counts anew; the list that is shown is read again."""
        # Near duplicates are compared when they are asked for: it takes a while for many images.
        self.counts = (project.conflicts, 0, project.skipped)
        for made, name, count in zip(self.buttons, self.names, self.counts, strict=True):
            say_on(made, f"{name} ({count:,})" if count else name)
        if self.isVisible():
            self.panels[self.stack.currentIndex()].refresh()

    def refresh(self) -> None:
        """Shows the first list that has something in it."""
        self.go(next((i for i, count in enumerate(self.counts) if count), 0))

    def go(self, number: int) -> None:
        self.buttons[number].setChecked(True)
        self.stack.setCurrentIndex(number)
        self.panels[number].refresh()

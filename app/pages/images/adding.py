"""The add button of the Images page: images and files of classes come in, classes go out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFileDialog, QMenu, QToolButton

from app.pages.images.camera import CameraDialog
from app.widgets.ask import choose_class
from app.widgets.controls import say_on, tool
from app.widgets.label_files import submit_added
from engine.events import Ended
from engine.registry import PluginView
from engine.results.labels import ENDINGS, LabelFormats

if TYPE_CHECKING:
    from app.pages.images.page import ImagesPage

IMAGES = "Images (*.jpg *.jpeg *.png *.webp *.bmp *.tif *.tiff *.gif);;All files (*)"
LABELS = f"Files of classes ({' '.join('*' + ending for ending in ENDINGS)});;All files (*)"


class Adding(QObject):
    """What the button's menu does; each entry submits one job."""

    def __init__(self, page: ImagesPage) -> None:
        super().__init__(page)
        self.page, self.bridge = page, page.bridge
        self.button = tool(
            "plus", "Add images", "Adds folders, images, or a file of classes", key="Ctrl+I"
        )
        self.button.setObjectName("action")
        say_on(self.button, "Add")
        self.menu = QMenu(self.button)
        self.menu.setToolTipsVisible(True)
        entry = self.entry
        entry("Add a &folder …", "Each folder is a class", self.choose_folder, "Ctrl+Shift+I")
        entry("Add &images …", "Images of one class", self.choose_images)
        help = "Hold a button, and what a camera sees becomes images of a class"
        entry("From a c&amera …", help, self.open_camera, "Ctrl+Shift+K")
        help = "Images in the classes that a file names: CSV, COCO, Label Studio, CVAT and others"
        entry("Add from a file of &classes …", help, self.choose_labels, "Ctrl+Shift+D")
        self.menu.addSeparator()
        self.at_once = self.switch("&Learn what is added at once", "learn_at_once", True)
        self.copy = self.switch("C&opy images into the project", "copy_images", False)
        self.nested = self.switch("&Nested folders are classes", "nested_classes", False)
        self.nested.setToolTip(
            "The deepest folders are the classes, and those above them groups, which are answered "
            "where a promise leaves the class unsure"
        )
        self.menu.addSeparator()
        help = "Which image is of which class, as a file for other programs"
        self.save = entry("&Save the classes as …", help, self.choose_target, "Ctrl+Shift+S")
        help = "A small file with its classes beside each image below a folder"
        self.sidecars = entry("Write &XMP sidecars …", help, self.choose_sidecars)

    def entry(self, text: str, help: str, act: Callable[[], object], key: str = "") -> QAction:
        """An entry of the menu, whose key works while the page is shown."""
        made = self.menu.addAction(text)
        made.setToolTip(help)
        made.triggered.connect(lambda *_: act())
        if key:
            made.setShortcut(QKeySequence(key))
            self.page.addAction(made)
        return made

    def switch(self, text: str, name: str, default: bool) -> QAction:
        preferences = self.page.preferences
        action = self.menu.addAction(text)
        action.setCheckable(True)
        action.setChecked(preferences.get(name, default))
        action.toggled.connect(lambda on: preferences.put(name, on))
        return action

    def lay_out(self) -> QToolButton:
        """The button with its menu, to be put on the page."""
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.button.setMenu(self.menu)
        return self.button

    # In.

    def add(self, paths: list[str], into: str = "") -> None:
        """Adds files and folders, learning them at once where the person wants that."""
        learn, copy = self.at_once.isChecked(), self.copy.isChecked()
        nested = self.nested.isChecked()
        if into:
            job = "learn_folder" if learn else "add_images"
            self.bridge.submit(job, paths=paths, into=into, copy=copy)
        else:
            self.page.take(paths, lambda: submit_added(self.bridge, paths, learn, copy, nested))

    def choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self.page, "Choose a folder of images")
        if path:
            self.add([path])

    def choose_images(self) -> None:
        """Adds single images to a class: the one that is shown, or one that is asked for."""
        paths, _ = QFileDialog.getOpenFileNames(self.page, "Choose images", "", IMAGES)
        project, into = self.page.project, self.page.classes.name
        names = [c.name for c in project.classes] if project else []
        if paths and not into:
            into = choose_class(self.page, "Which class do these images belong to?", names)
        if paths and into:
            self.add(paths, into)

    def open_camera(self) -> None:
        project = self.page.project
        if project is not None and not project.read_only:
            names = [c.name for c in project.classes]
            into, preferences = self.page.classes.name, self.page.preferences
            CameraDialog(self.bridge, preferences, self.page.window(), names, into).open()

    def choose_labels(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self.page, "Choose files of classes", "", LABELS)
        if paths:
            self.add(paths)

    # Out.

    def show(self, has_images: bool) -> None:
        self.save.setEnabled(has_images)
        self.sidecars.setEnabled(has_images)

    def choose_target(self) -> None:
        """Asks for a file; its format is that of the chosen filter, or of the name's ending."""

        def choose(ended: Ended) -> None:
            """Shows the dialog with every format that is one file, a table first."""
            if ended.how != "done":
                return
            views = {
                f"{v.title} ({' '.join('*' + ending for ending in v.facts['endings'])})": v
                for v in ended.of(LabelFormats)["formats"]
                if v.facts["proposed"]
            }
            first = sorted(views, key=lambda name: views[name].name != "csv")
            path, chosen = QFileDialog.getSaveFileName(
                self.page, "Save the classes as", "classes", ";;".join(first)
            )
            if path:
                self.save_as(path, views[chosen])

        self.bridge.ask("label_formats", choose)

    def save_as(self, path: str, view: PluginView) -> None:
        """The dialog asked whether to replace just the file that it was given."""
        ending = Path(path).suffix.lower()
        whole = path if ending in ENDINGS else path + view.facts["endings"][0]
        name = view.name if Path(whole).suffix.lower() in view.facts["endings"] else ""
        replace = whole == path and Path(path).exists()
        self.bridge.submit("save_labels", to=whole, format=name, overwrite=replace)

    def choose_sidecars(self) -> None:
        path = QFileDialog.getExistingDirectory(self.page, "The folder of the images")
        if path:
            self.bridge.submit("save_labels", to=path, format="xmp", overwrite=True)

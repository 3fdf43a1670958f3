"""What a right click on a class or on images offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu

if TYPE_CHECKING:
    from app.pages.images.page import ImagesPage


def class_menu(page: ImagesPage) -> QMenu:
    menu = QMenu(page)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    if page.classes.name:
        menu.addAction("&Rename …", page.rename)
        menu.addAction("&Merge into …", page.merge)
        menu.addAction("&Group …", page.group)
        menu.addAction("Remo&ve", page.remove_class)
    menu.addAction("&Add a folder …", page.adding.choose_folder)
    return menu


def image_menu(page: ImagesPage) -> QMenu:
    menu = QMenu(page)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.addAction("Look &closer", lambda: page.look(page.gallery.currentIndex().row()))
    menu.addAction("&Move to …", page.move_chosen)
    menu.addAction("Use for &learning", lambda: page.use_for("train"))
    menu.addAction("Use for &testing", lambda: page.use_for("validation"))
    menu.addAction("Remo&ve", page.remove)
    return menu

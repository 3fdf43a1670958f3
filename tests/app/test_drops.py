"""Drops: which paths they bring, byte for byte, and that nothing else is taken."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.widgets.drops import Drops, paths_of
from tests.helpers.window import drop, urls

NAMES = ["a b", "100%", "naïve#1?", "日本 😀", "שלום", "line\nbreak", "'quotes\"", "trailing "]


@pytest.mark.skipif(sys.platform == "win32", reason="such names can't be made on Windows")
@pytest.mark.parametrize("name", NAMES)
def test_strange_names_arrive_whole(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert paths_of(urls([tmp_path / name])) == [str(tmp_path / name)]


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
def test_a_name_that_is_no_utf_8_arrives_whole(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xfe"
    os.mkdir(path)
    mime = QMimeData()
    mime.setUrls([QUrl.fromEncoded(b"file://" + os.fsencode(tmp_path) + b"/%FF%FE")])
    (found,) = paths_of(mime)
    assert os.fsencode(found) == path
    assert os.path.isdir(found)


def test_web_addresses_and_repetitions_are_left_out(tmp_path: Path) -> None:
    mime = QMimeData()
    here = QUrl.fromLocalFile(str(tmp_path))
    mime.setUrls([QUrl("https://example.org/cat.jpg"), here, here])
    assert paths_of(mime) == [str(tmp_path)]


def test_text_is_not_taken(qtbot: object) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    Drops(widget, "Drop here")
    mime = QMimeData()
    mime.setText("hello")
    event = QDragEnterEvent(
        QPoint(1, 1),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.ignore()
    QApplication.sendEvent(widget, event)
    assert not event.isAccepted()


def test_a_frame_invites_while_dragging_and_goes_away(qtbot: object, tmp_path: Path) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    drops = Drops(widget, "Drop here")
    taken: list[list[str]] = []
    drops.dropped.connect(taken.append)
    shown: list[bool] = []
    drops.dropped.connect(lambda _: shown.append(drops.frame.isVisible()))

    drop(widget, urls([tmp_path]))

    assert taken == [[str(tmp_path)]]
    assert shown == [False]

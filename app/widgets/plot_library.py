"""pyqtgraph, imported when the window is up, in the thread that paints, and in pieces.

Qt's classes are made when they are first asked for, and two threads must not make some at once:
imported in a thread beside the window, the library crashed the program once in many starts. Most
of its half a second is the making of these classes, so they are made before it, a few at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module

from PySide6 import QtCore, QtGui, QtWidgets

MOST = 0.008
"""Seconds that one look may take, but for the last, in which the library itself is imported."""


def imported() -> bool:
    """Whether the library is there; each call brings it a little nearer."""
    end = time.perf_counter() + MOST
    return all(time.perf_counter() <= end for _ in pieces())


@lru_cache(maxsize=1)
def pieces() -> Iterator[None]:
    """The one import of this process: goes on where it was left."""
    return in_pieces()


def in_pieces() -> Iterator[None]:
    for module in (QtCore, QtGui, QtWidgets):
        for name in dir(module):
            getattr(module, name)
            yield
    import_module("pyqtgraph")

"""When Python looks for garbage in the window's process: when nothing else is to be done.

A full look takes up to 200 ms and holds everything up, whichever thread happens to start it.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

from app.bridge import Bridge

EVERY = 5000
"""Milliseconds between two looks at whether anything runs."""
PATIENCE = 60
"""So many looks pass at most without a collection: in a job of hours there must be some."""
NEVER = 1_000_000
"""So many middle collections before a full one that none comes by itself."""


class Housekeeping(QObject):
    """Full garbage collections while no job runs; small ones (under 1 ms) stay automatic.

    What lives as long as the window (modules, pages) is set aside unseen at the first look, so that
    each collection after it sees only what has come since.
    """

    def __init__(self, bridge: Bridge, parent: QObject, every: int = EVERY) -> None:
        super().__init__(parent)
        self.running: set[int] = set()
        self.waited = 0
        self.settled = False
        bridge.submitted.connect(lambda ticket, _: self.running.add(ticket))
        bridge.ended.connect(lambda ticket, _: self.running.discard(ticket))
        self.before = gc.get_threshold()
        gc.set_threshold(*self.before[:2], NEVER)
        self.timer = QTimer(self, interval=every)
        self.timer.timeout.connect(self.look)
        self.timer.start()

    def look(self) -> None:
        """Collects if nothing runs, or if it has waited long enough."""
        self.waited += 1
        if self.running and self.waited < PATIENCE:
            return
        self.waited = 0
        if not self.settled:
            self.settled = True
            gc.freeze()
        else:
            gc.collect()

    def stop(self) -> None:
        """Gives everything back to Python as it was, for what comes after the window."""
        self.timer.stop()
        gc.set_threshold(*self.before)
        gc.unfreeze()

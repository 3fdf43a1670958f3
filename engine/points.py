"""Named points of a write, at which a test can cut the power."""

from __future__ import annotations

import os
import signal
from collections import Counter

VARIABLE = "ESPALIER_CUT_POWER_AT"
"""A point's name, or NAME:3 for the third time that it is passed."""

passed: Counter[str] = Counter()


def point(name: str) -> None:
    """Ends the process at once, as a power cut would, where the environment asks for this point."""
    wanted, _, time = os.environ.get(VARIABLE, "").partition(":")
    if wanted == name:
        passed[name] += 1
        if passed[name] == int(time or 1):
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

"""What programs of the computer are started with by the program that brings its own libraries."""

from __future__ import annotations

import os
import sys

LIBRARIES = "LD_LIBRARY_PATH"


def environment() -> dict[str, str]:
    """The environment, with the libraries as they were before the bundle put its own first:
    programs of the system would load those, and some could not start."""
    found = dict(os.environ)
    if getattr(sys, "frozen", False):
        before = found.pop(f"{LIBRARIES}_ORIG", "")
        found.pop(LIBRARIES, None)
        if before:
            found[LIBRARIES] = before
    return found

"""`python -m app`: the same as the command `espalier`."""

from __future__ import annotations

import multiprocessing
import sys

from app.cli import main

if __name__ == "__main__":
    # First of all in a program that was frozen: the engine process starts through here too.
    multiprocessing.freeze_support()
    sys.exit(main())

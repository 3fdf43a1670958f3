"""A project on disk: tables, blobs, undo."""

from __future__ import annotations

from engine.system.unasked import hidden

# Where pandas is installed, sqlite-utils imports it, for types of columns that no project has. That
# takes half a second of each process.
with hidden("pandas"):
    import sqlite_utils  # noqa: F401

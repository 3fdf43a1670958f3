"""A project on disk: tables, blobs, undo."""

from __future__ import annotations

import sys

# sqlite-utils imports pandas where it is installed, for tables that nothing here writes: half a
# second at each start.
if "pandas" not in sys.modules:
    sys.modules["pandas"] = None  # type: ignore[assignment]
    import sqlite_utils  # noqa: F401

    del sys.modules["pandas"]

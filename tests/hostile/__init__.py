"""Files made to harm or to hang who opens them, drawn by code: a maker for each kind, by name.

Every maker writes one file, or one folder, at the path that it is given. tests/bench/hostile.py
opens them all through the command line; the suite takes some of each kind.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Maker = Callable[[Path], object]
Kinds = dict[str, Maker]

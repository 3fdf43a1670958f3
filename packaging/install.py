"""pip, which tells how far it is, without a line for each package that is there already.

`python packaging/install.py --editable .` installs what this version was tried with, or adds what
is still missing of it. A hundred such lines would hide what is fetched.
"""

from __future__ import annotations

import logging
import runpy
import sys
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).with_name("constraints.txt")


def quieter(*facts: Any, **more: Any) -> logging.LogRecord:
    """What is there already is a detail, which pip tells with --verbose."""
    record = logging.LogRecord(*facts, **more)
    if str(record.msg).startswith("Requirement "):
        record.levelno = logging.DEBUG
    return record


logging.setLogRecordFactory(quieter)
options = ["--disable-pip-version-check", "--constraint", str(CONSTRAINTS)]
sys.argv = ["pip", "install", *options, *sys.argv[1:]]
runpy.run_module("pip", run_name="__main__", alter_sys=True)

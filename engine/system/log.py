"""The log: a rotating file in the person's data folder, and never a word sent anywhere.

A process that crashes leaves what Python knew (`FAULT`), and somebody who is still there makes a
report of it: the window of its own defects and of a lost engine process, and at the next start of
what is left of a window that is gone. Reports stay on this computer, and hold no image.
"""

from __future__ import annotations

import logging.handlers
import sys
from pathlib import Path

from engine.system.paths import data_folder

log = logging.getLogger(__name__)

FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_file(name: str) -> Path:
    return data_folder() / "logs" / f"{name}.log"


def start_log(name: str, verbose: bool = False) -> None:
    """Writes the log to NAME.log (three files of 1 MB at most), and to the terminal if verbose.

    Called again, it takes the place of the call before.
    """
    root = logging.getLogger()
    for old in [h for h in root.handlers if getattr(h, "of_espalier", False)]:
        root.removeHandler(old)
        old.close()
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for noisy in ("PIL", "onnxscript", "onnx_ir", "torch.onnx", "matplotlib", "filelock"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        file = log_file(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(file, maxBytes=1_000_000, backupCount=2)
        add(handler)
    except OSError:
        # A read-only home must not keep anybody from working.
        verbose = True
    if verbose:
        add(logging.StreamHandler(sys.stderr))


def add(handler: logging.Handler) -> None:
    handler.setFormatter(logging.Formatter(FORM))
    handler.of_espalier = True  # type: ignore[attr-defined]  # a mark of our own
    logging.getLogger().addHandler(handler)

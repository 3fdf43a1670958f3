"""What is kept of a crash, and how a person is asked about it."""

from __future__ import annotations

import faulthandler
import os
import platform
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any

from engine import __version__
from engine.system.log import log, log_file
from engine.system.paths import data_folder

# Reports of crashes.

KEPT_REPORTS = 10
LINES = 60
EVENTS: deque[str] = deque(maxlen=40)
"""What happened last in this process, in words that name no image."""

PACKAGES = ("torch", "torchvision", "onnx", "onnxruntime", "numpy", "pillow", "PySide6_Essentials")


class Fault:
    """The file into which Python writes where a process was when a fatal signal ended it."""

    path: Path | None = None
    file: Any = None


def crash_folder() -> Path:
    folder = data_folder() / "crashes"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def note(words: str) -> None:
    """Keeps what happened, for a report; no names of images here."""
    EVENTS.append(f"{time.strftime('%H:%M:%S')} {words}")


def watch(name: str, report: bool = False) -> None:
    """From here on a crash of this process leaves a trace; with `report`, a defect does too."""
    with suppress(OSError):
        Fault.path = fault_file(name, os.getpid())
        Fault.file = Fault.path.open("w", encoding="utf-8")
        faulthandler.enable(Fault.file)

    def met(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, at)
            return
        log.critical("a defect", exc_info=(kind, error, at))
        if report:
            trace = "".join(traceback.format_exception(kind, error, at))
            keep_report(f"a defect in the {name}", [name], trace)

    sys.excepthook = met
    threading.excepthook = lambda a: met(a.exc_type, a.exc_value or a.exc_type(), a.exc_traceback)


def unwatch() -> None:
    """This process ends as it should: it leaves no trace."""
    sys.excepthook, threading.excepthook = sys.__excepthook__, threading.__excepthook__
    if Fault.file is not None and Fault.path is not None:
        faulthandler.disable()
        Fault.file.close()
        Fault.path.unlink(missing_ok=True)
        Fault.path = Fault.file = None


def fault_file(name: str, process_id: int) -> Path:
    return crash_folder() / f"{name}-{process_id}.fault"


def take_fault(name: str, process_id: int) -> str:
    """What a process that is gone left of a fatal signal; empty where it left nothing."""
    try:
        path = fault_file(name, process_id)
        text = path.read_text(encoding="utf-8", errors="replace")
        path.unlink()
    except OSError:
        return ""
    return text


def keep_report(what: str, logs: list[str], trace: str = "") -> None:
    """Writes a report for the next start: versions, the last events, the end of each log."""
    parts = [
        f"Espalier {__version__}: {what}, {time.strftime('%Y-%m-%d %H:%M:%S')}",
        "\n".join(versions()),
    ]
    if trace:
        parts.append(f"Where it was:\n{trace.strip()}")
    parts.append("Last events:\n" + ("\n".join(EVENTS) or "none"))
    parts += [f"The end of {name}.log:\n{tail(log_file(name))}" for name in logs]
    text = "\n\n".join(parts).replace(str(Path.home()), "~") + "\n"
    try:
        path = crash_folder() / f"new-{time.time_ns()}.txt"
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        log.info("no report could be kept: %s", error)


def versions() -> Iterator[str]:
    yield f"Python {platform.python_version()}, {platform.platform()}"
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            yield f"{name} {version(name)}"


def tail(path: Path) -> str:
    """The last lines of a log; a log that can't be read says why."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return f"({error.strerror or error})"
    return "\n".join(lines[-LINES:])


def take_reports() -> list[Path]:
    """The reports that were not offered yet, oldest first; from now on they count as offered."""
    try:
        folder = crash_folder()
        for path in folder.glob("*.fault"):
            bury(path)
        fresh = sorted(folder.glob("new-*.txt"))
        taken = [path.rename(folder / path.name.replace("new-", "report-")) for path in fresh]
        for old in sorted(folder.glob("report-*.txt"))[:-KEPT_REPORTS]:
            old.unlink()
    except OSError as error:
        log.info("reports can't be looked at: %s", error)
        return []
    return taken


def bury(path: Path) -> None:
    """Makes a report of what a process left that is gone, or forgets that it was there."""
    name, _, number = path.stem.rpartition("-")
    if path == Fault.path or alive(int(number) if number.isdigit() else 0):
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    with suppress(PermissionError):  # Windows: its process is there and holds it.
        path.unlink()
        if text.strip():
            keep_report(f"the {name} ended at once", [name], text)


def alive(process_id: int) -> bool:
    """Whether a process is there, where the system can be asked without harm."""
    if os.name != "posix" or not process_id:
        return False
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

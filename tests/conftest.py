"""What all tests stand on: a home of their own, no display, and nothing left behind.

A warning in the log, or a thread or child process that outlives its test, fails the test; so does
a warning of Qt (qt_log_level_fail in pyproject.toml).
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import engine  # noqa: F401  Before any test imports ONNX Runtime, which then tells nobody.

pytest_plugins = ["tests.helpers.window_fixtures", "tests.helpers.sort_page"]

# Where an environment says that Python keeps nothing compiled, each of the many processes that
# tests start would compile the whole program anew, which takes seconds.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Before anything imports Qt or the engine: no display, and never the person's own folders.
HOME = Path(tempfile.mkdtemp(prefix="espalier-tests-"))
SCREEN = HOME / "screen.json"
SCREEN.write_text(
    '{"screens": [{"name": "test", "x": 0, "y": 0, "width": 1920, "height": 1200, '
    '"logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 1}]}'
)
os.environ.setdefault("QT_QPA_PLATFORM", f"offscreen:configfile={SCREEN}")
os.environ["HOME"] = str(HOME)
os.environ["ESPALIER_HOME"] = str(HOME / "espalier")
# Tests run on all cores at once: threads inside each would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
for name in ("CONFIG", "DATA", "CACHE", "STATE"):
    os.environ[f"XDG_{name}_HOME"] = str(HOME / name.lower())

# Started in the background of a script, tests ignore Ctrl+C, and so would what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PATIENCE = 10.0
LONG = (
    "test_elastic",
    "sort_page_test",
    "test_export_formats",
    "learn_page_test",
    "first_steps_test",
    "test_supernets",
    "test_searchers",
    "mend_images_test",
    "tune_page_test",
    "specialise_page_test",
)
"""Files that take longest. They begin first, so that none of them is left over for one process."""


class Warnings(logging.Handler):
    """Collects what was logged as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.split(".")[0] in ("app", "engine"):
            self.said.append(f"{record.name}: {record.getMessage()}")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "logs_warnings: what this test does is worth a warning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, then those of the window and the command line, whose tests are long."""

    def turn(item: pytest.Item) -> tuple[int, bool]:
        name = item.path.stem
        return LONG.index(name) if name in LONG else len(LONG), "gestures" not in item.path.parts

    items.sort(key=turn)


def pytest_xdist_auto_num_workers() -> int:
    """One more than cores: tests of the window wait for their engine a fifth of the time."""
    allowed = getattr(os, "sched_getaffinity", None)
    return (len(allowed(0)) if allowed else os.cpu_count() or 1) + 1


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def fresh_settings() -> None:
    """Each test begins with a window that was never opened; caches of networks are kept."""
    for path in (HOME / "espalier" / "window.json", HOME / "espalier" / "window.broken.json"):
        path.unlink(missing_ok=True)
    shutil.rmtree(HOME / "Documents", ignore_errors=True)
    shutil.rmtree(HOME / "espalier" / "crashes", ignore_errors=True)


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that logs a warning, or leaves a thread or a child process."""
    before = {thread.ident for thread in threading.enumerate()}
    children = {child.pid for child in psutil.Process().children()}
    warnings = Warnings()
    logging.getLogger().addHandler(warnings)
    yield
    logging.getLogger().removeHandler(warnings)
    if not request.node.get_closest_marker("logs_warnings"):
        assert not warnings.said, f"logged warnings: {warnings.said}"
    left = wait_until_none(lambda: left_threads(before) + left_children(children))
    assert not left, f"left behind: {left}"


def wait_until_none(look: object) -> list[str]:
    """What is still there after a while: threads and processes need a moment to end."""
    end = time.monotonic() + PATIENCE
    while (left := look()) and time.monotonic() < end:
        threading.Event().wait(0.02)
    return left


def left_threads(before: set[int | None]) -> list[str]:
    # Threads that a library keeps for the whole process are no leak; ours have names.
    return [
        f"thread {thread.name}"
        for thread in threading.enumerate()
        if thread.ident not in before and thread.name.startswith("espalier")
    ]


def left_children(before: set[int]) -> list[str]:
    """Child processes that were not there before, but for Python's own resource tracker."""
    left = []
    for child in psutil.Process().children():
        try:
            words = " ".join(child.cmdline())
            if child.pid not in before and "resource_tracker" not in words:
                left.append(f"process {child.pid} {words}")
        except psutil.NoSuchProcess:
            continue
    return left


@pytest.fixture(autouse=True, scope="session")
def drained() -> Iterator[None]:
    """Drains Qt's deferred deletes at the end, which can crash after the last test."""
    yield
    if "PySide6.QtWidgets" in sys.modules:
        from PySide6.QtCore import QCoreApplication, QEvent

        if QCoreApplication.instance() is not None:
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            QCoreApplication.processEvents()

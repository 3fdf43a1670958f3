"""What ARCHITECTURE.md promises of plug-ins and of the two faces.

Which package may import which is a contract in pyproject.toml, held by `make lint`.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(p for top in ("app", "engine") for p in (ROOT / top).rglob("*.py"))
QT = {"PySide6", "pyqtgraph", "shiboken6"}
HEAVY = {"torch", "torchvision", "onnx", "onnxruntime", "sqlite3", "sqlite_utils", "safetensors"}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file names in an import, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def registers(path: Path) -> bool:
    return bool(re.search(r"^@[A-Z]+\.register\(", path.read_text(encoding="utf-8"), re.MULTILINE))


def ids(path: Path) -> str:
    return module(path)


@pytest.mark.parametrize("path", [p for p in FILES if registers(p)], ids=ids)
def test_a_plugin_imports_no_other(path):
    others = {module(p) for p in FILES if registers(p)} - {module(path)}
    assert not set(imports(path)) & others


@pytest.mark.parametrize("path", [p for p in FILES if "jobs" not in p.parts], ids=ids)
def test_only_jobs_know_everyone(path):
    plugins = {module(p) for p in FILES if registers(p)}
    known = set(imports(path)) & plugins
    # A package may list its own plug-ins, so that each registers itself.
    own = {name for name in known if name.startswith(module(path) + ".")}
    assert known <= own


def test_the_command_line_imports_no_qt_and_the_window_no_torch():
    for modules, forbidden in (
        ("app.cli, app.cli.project", QT | HEAVY),
        ("app.shell.window", HEAVY),
    ):
        code = f"import sys, {modules}; print(*(set(sys.modules) & {forbidden}))"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == []

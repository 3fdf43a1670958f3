"""The direction of imports, which ARCHITECTURE.md promises."""

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
SEEN_BY_THE_APP = {
    "engine", "engine.worker", "engine.events", "engine.registry", "engine.errors",
    "engine.system.paths", "engine.system.log", "engine.system.files",
}  # fmt: skip


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


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_imports_go_one_way(path):
    found = set(imports(path))
    tops = {name.split(".")[0] for name in found}
    if module(path).startswith("engine"):
        assert not tops & (QT | {"app"})
    else:
        assert not tops & HEAVY


COMMAND_LINE = {
    "app.cli", "app.cli.project", "app.cli.specialise", "app.cli.latency", "app.cli.tune",
    "app.cli.branch", "app.cli.predict", "app.cli.terminal", "app.__main__",
}  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if module(p).startswith("app") and module(p) not in COMMAND_LINE],
    ids=ids,
)
def test_the_window_knows_only_the_worker_and_its_words(path):
    named = {n for n in imports(path) if n.startswith("engine") and (ROOT / as_file(n)).exists()}
    assert named <= SEEN_BY_THE_APP


def as_file(name: str) -> str:
    path = name.replace(".", "/")
    return f"{path}.py" if (ROOT / f"{path}.py").exists() else path


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

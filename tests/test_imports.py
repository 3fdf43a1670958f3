"""Any module can be the first that is imported: whoever needs one part alone may begin with it.

Which comes first matters only where imports run in a circle, so those modules alone are tried,
each in a fork of a process that knows the large libraries and nothing of Espalier.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import accumulate

import pytest

from tests.helpers.modules import FILES, ROOT, module

MODULES = {module(path): path for path in FILES}
ONE_BY_ONE = """
import os, sys, traceback
import numpy, torch, onnxruntime
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        try:
            __import__(name)
        except BaseException:
            print(f"{name}: {traceback.format_exc()}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    print(name, os.waitpid(child, 0)[1], flush=True)
assert not [name for name in sys.modules if name.split(".")[0] in ("app", "engine")]
"""


def at_import(tree: ast.AST) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported: none in functions or for types alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from at_import(node)


@cache
def asked_for(name: str) -> set[str]:
    """The modules of Espalier that a module's import imports, packages around them included."""
    found = {name}
    for node in at_import(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    parts = [one.split(".") for one in found]
    whole = {".".join(words[:end]) for words in parts for end in range(1, len(words) + 1)}
    return (whole & set(MODULES)) - {name}


def reached(name: str, graph: dict[str, set[str]]) -> set[str]:
    found, waiting = set(), [name]
    while waiting:
        fresh = graph[waiting.pop()] - found
        found |= fresh
        waiting += fresh
    return found


@pytest.fixture(scope="module")
def circles() -> dict[str, set[str]]:
    """Each module whose imports lead back to it, with those that they lead through."""
    graph = {name: asked_for(name) for name in MODULES}
    far = {name: reached(name, graph) for name in graph}
    return {name: {n for n in far[name] if name in far[n]} for name in far if name in far[name]}


def test_imports_run_in_a_circle_only_within_a_package(circles) -> None:
    """A package's `__init__` may import its own modules; nothing below may need the package."""
    assert circles, "packages import what is in them"
    for name, others in circles.items():
        package = ".".join(name.split(".")[:2])
        assert {n for n in others if f"{n}.".startswith(f"{package}.")} == others, name


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_module_in_a_circle_can_be_the_first(circles) -> None:
    """Whoever imports a module imports the packages around it first: where one of them is in the
    circle, too, it is always that which comes first."""
    around = {name: set(accumulate(name.split("."), "{}.{}".format)) - {name} for name in circles}
    firsts = sorted(name for name in circles if not around[name] & circles[name])
    assert {"app.cli", "engine.models.backbones"} <= set(firsts)
    few = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ONE_BY_ONE, *firsts],
        cwd=ROOT,
        env=os.environ | few,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.split() == [word for name in firsts for word in (name, "0")]


# What the contracts of import-linter, which `make lint` holds, can't say.

QT = {"PySide6", "pyqtgraph", "shiboken6"}
HEAVY = {"torch", "torchvision", "onnx", "onnxruntime", "sqlite3", "sqlite_utils", "safetensors"}
REGISTERS = re.compile(r"^@[A-Z]+\.register\(", re.MULTILINE)


def test_a_plugin_imports_no_other_and_only_jobs_know_them() -> None:
    """A package may list its own plug-ins, so that each registers itself."""
    plugins = {name for name, path in MODULES.items() if REGISTERS.search(path.read_text("utf-8"))}
    assert len(plugins) > 30
    for name in MODULES:
        known = asked_for(name) & plugins
        if name in plugins:
            assert not known, name
        elif not name.startswith("engine.jobs"):
            assert all(one.startswith(f"{name}.") for one in known), name


@pytest.mark.parametrize(
    ("modules", "forbidden"),
    [("app.cli, app.cli.project", QT | HEAVY), ("app.shell.window", HEAVY)],
)
def test_the_command_line_imports_no_qt_and_the_window_no_torch(
    modules: str, forbidden: set[str]
) -> None:
    code = f"import sys, {modules}; print(*(set(sys.modules) & {forbidden}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []

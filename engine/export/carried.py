"""The parts of Espalier that a zip carries, so that it runs where Espalier is not installed.

What a device does is then done by the same lines as here. Which files these are is not listed by
hand: it follows from what the files import.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable

ENGINE = "engine"


def carried(sources: list[str]) -> dict[str, bytes]:
    """The files of `engine/` that programs need, by their path in the zip.

    `sources` are the programs' texts. What is imported in functions counts, too; what is imported
    for types alone does not.
    """
    found: dict[str, bytes] = {}
    waiting = [name for text in sources for name in imported(ast.parse(text), inner=True)]
    while waiting:
        for path, content in files_of(waiting.pop()).items():
            if path not in found:
                found[path] = content
                waiting += imported(ast.parse(content), inner=False)
    return dict(sorted(found.items()))


def imported(tree: ast.AST, inner: bool) -> Iterator[str]:
    """The names in `engine` that a file imports; those within functions only if `inner`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not inner:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if within(alias.name))
        elif isinstance(node, ast.ImportFrom) and within(node.module or ""):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imported(node, inner)


def within(name: str) -> bool:
    return name.partition(".")[0] == ENGINE


def files_of(name: str) -> dict[str, bytes]:
    """The file of a module and those of the packages that it is in; of a name in a module, too."""
    folder: Traversable = resources.files(ENGINE)
    path, found = ENGINE, {f"{ENGINE}/__init__.py": (folder / "__init__.py").read_bytes()}
    for part in name.split(".")[1:]:
        module = folder / f"{part}.py"
        if module.is_file():
            return found | {f"{path}/{part}.py": module.read_bytes()}
        folder, path = folder / part, f"{path}/{part}"
        if not folder.is_dir():
            break
        found[f"{path}/__init__.py"] = (folder / "__init__.py").read_bytes()
    return found

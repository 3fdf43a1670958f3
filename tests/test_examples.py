"""What docstrings and the README show runs, and gives what they say."""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.image_files import class_folders
from tests.helpers.modules import FILES, ROOT, module

WITH_EXAMPLES = [
    module(path)
    for path in FILES
    if "\n>>> " in path.read_text("utf-8") or "\n    >>> " in path.read_text("utf-8")
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings_give_what_they_say(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted
    assert not found.failed


def test_what_should_have_an_example_has_one() -> None:
    wanted = {
        "engine.registry",
        "engine.learners",
        "engine.learners.metrics",
        "engine.images.splits",
        "engine.images.preprocess",
    }
    assert wanted <= set(WITH_EXAMPLES)


def test_the_readme_s_lines_for_a_notebook_run(tmp_path: Path) -> None:
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    class_folders(tmp_path, {"moths": 6, "beetles": 6}, seed=1)
    (tmp_path / "new").mkdir()
    first = sorted((tmp_path / "beetles").iterdir())[0]
    (tmp_path / "new" / "beetle.jpg").write_bytes(first.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(ROOT)!r}]\n" + "\n".join(code)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["beetles"]

"""Commands as a person types them, for tests."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.cli import main


@dataclass
class Done:
    """What a command left: its exit code and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def espalier(home: Path, *words: object) -> Done:
    """Runs a command as the console script does, in this process: PyTorch is imported once."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setenv("ESPALIER_HOME", str(home))
        code = main([str(word) for word in words])
    return Done(code, out.getvalue(), err.getvalue())


def answered(home: Path, *words: object) -> dict[str, Any]:
    """What a command that must succeed answers with --json."""
    done = espalier(home, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(home: Path, *words: object) -> str:
    """The one sentence of a command that must be refused."""
    done = espalier(home, *words)
    assert done.returncode == 2, (done.stdout, done.stderr)
    said = done.stderr.strip()
    assert said.endswith("."), said
    assert "Traceback" not in said
    return said


def in_a_process(
    home: Path, *words: object, code: str = "", **environment: str
) -> subprocess.Popen[str]:
    """Starts a command in a process of its own, which can be killed; `code` may start it."""
    program = ["-c", code] if code else ["-m", "app"]
    return subprocess.Popen(
        [sys.executable, *program, *map(str, words)],
        env={**os.environ, "ESPALIER_HOME": str(home), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

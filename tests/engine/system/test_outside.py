"""Programs of the computer do not load the libraries of the program that brings its own."""

from __future__ import annotations

import subprocess
import sys

from engine.system.outside import environment

SAY = "import os; print(os.environ.get('LD_LIBRARY_PATH', '-'))"


def said() -> str:
    words = [sys.executable, "-c", SAY]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_they_find_the_libraries_that_they_found_before(monkeypatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/mine")
    assert said() == "/mine"
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert said() == "-"
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/theirs")
    assert said() == "/theirs"

"""What is started from here never sees Ctrl+C."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import multiprocessing, signal
from engine.system.apart import no_interrupts

def tell(pipe):
    pipe.send(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))

if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    for _ in range(2):
        here, there = spawn.Pipe()
        child = spawn.Process(target=tell, args=(there,))
        with no_interrupts():
            child.start()
        print(here.recv())
        child.join()
    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no masks of signals")
def test_the_first_child_and_all_others_never_see_an_interrupt(tmp_path: Path) -> None:
    """The first is told apart: with it the library's own child begins, which changes the mask."""
    assert hasattr(signal, "pthread_sigmask")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]

"""Workers of a group as they begin: who waits for whom, and what ends the wait."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.system import torchrun

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="torchrun's agent needs POSIX")
DONE = 3


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This process as one of two workers; the test says which."""
    facts = {
        torchrun.FOLDER: str(tmp_path),
        torchrun.LEADS: "1",
        torchrun.ACROSS: "0",
        torchrun.AGENT: str(os.getppid()),
        "TORCHELASTIC_RESTART_COUNT": "0",
        "WORLD_SIZE": "2",
    }
    for name, value in facts.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torchrun, "watch_agent", lambda: None)
    return monkeypatch


def be(worker: pytest.MonkeyPatch, place: int) -> None:
    for name in ("RANK", "LOCAL_RANK"):
        worker.setenv(name, str(place))


def test_control_c_ends_the_wait_for_a_worker_that_never_comes(worker, tmp_path):
    be(worker, 0)

    def work() -> int:
        with torchrun.heeding(lambda: True):
            torchrun.all_there()
        return DONE

    assert torchrun.led(work, lambda: None) == torchrun.FAILED
    assert not (tmp_path / torchrun.OUTCOME).exists(), "the agent says that it was stopped"
    be(worker, 1)
    assert not torchrun.all_there(), "the other one does not wait for the one that left"


def test_one_that_follows_goes_where_the_work_is_done_already(worker):
    be(worker, 0)
    assert torchrun.led(lambda: DONE, lambda: None) == 0
    be(worker, 1)
    assert not torchrun.all_there()


def test_all_go_on_once_all_are_there(worker, tmp_path):
    be(worker, 1)
    follows = threading.Thread(target=torchrun.all_there, daemon=True)
    follows.start()
    while not (tmp_path / "there-0-1").exists():
        pass
    assert follows.is_alive()
    be(worker, 0)
    assert torchrun.all_there()
    follows.join(60)
    assert not follows.is_alive()


def test_a_worker_ends_whose_agent_was_gone_before_it_began():
    code = (
        "import threading; from engine.system import torchrun; "
        "torchrun.watch_agent(); threading.Event().wait(60)"
    )
    facts = {**os.environ, torchrun.AGENT: str(2**22 + 1)}  # more than a process's number can be
    assert subprocess.run([sys.executable, "-c", code], env=facts).returncode == torchrun.FAILED

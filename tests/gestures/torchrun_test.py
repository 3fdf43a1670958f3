"""Training in several processes on the command line: one is lost, and it is paused."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import psutil
import pytest

from tests.helpers import projects
from tests.helpers.commands import espalier, in_a_process, refused
from tests.helpers.together import apart, run_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="torchrun's agent needs POSIX")
ASKED = ("--set", "batch=12", "--set", "lr=0.002", "--epochs", 2, "--adopt", "never")
"""Six steps, of which three are an epoch."""

AGENT = """
import sys
from app.cli import main, together
together.program = lambda: [sys.executable, "-c", sys.argv[1]]
sys.exit(main(sys.argv[2:]))
"""
WORKER = """
import os, signal, sys
from engine.training.distributed.group import Group
add, done = Group.add_gradients, []
first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
def cut(self, network):
    add(self, network)
    done.append(1)
    if first and not self.leads and len(done) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    if not first and self.leads and len(done) == 2:
        os.kill(os.getppid(), signal.SIGINT)
        while not stopped():
            pass
    if "listening" not in os.environ:
        listens(self)
def listens(self):
    import psutil
    os.environ["listening"] = "1"
    for one in psutil.Process().net_connections("inet"):
        if one.status == psutil.CONN_LISTEN and one.laddr.ip not in ("127.0.0.1", "::1"):
            print("listens at", one.laddr, file=sys.stderr)
Group.add_gradients = cut
import app.cli.together as together
from contextlib import contextmanager
pressed, stopped = together.stopped_by_control_c, None
@contextmanager
def known():
    global stopped
    with pressed() as stopped:
        yield stopped
together.stopped_by_control_c = known
from app.cli import main
sys.exit(main())
"""
"""In the first group the one that follows is killed in its fifth step; in the second Control-C
comes in the second step of the leader, which is the fifth again."""


def test_one_is_lost_then_it_is_paused_then_one_goes_on_alone(home: Path, tmp_path: Path) -> None:
    """And what comes of it is what one process makes of it, to six digits."""
    shared, alone = (
        Path(shutil.copytree(projects.learnt(), tmp_path / f"{name}.espalier"))
        for name in ("shared", "alone")
    )
    words = (WORKER, "tune", shared, *ASKED, "--workers", 2)
    agent = in_a_process(home, *words, code=AGENT)
    said = agent.communicate()[1]
    assert agent.returncode == 130, said
    assert said.count("2 processes train together") == 2
    assert said.count("All were started again.") == 1
    assert "Going on from step 3 of 6." in said
    assert said.splitlines()[-1] == "Cancelled. What was saved before is kept."
    assert "listens at" not in said
    assert "Traceback" not in said
    assert "closing signal" not in said
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(shared) in str(p.cmdline())]

    paused = run_of(shared)
    assert (paused["state"], paused["curve"]["done"]) == ("paused", 5)
    resumed = espalier(home, "resume", shared, "--adopt", "never")
    assert resumed.returncode == 0, resumed.stderr
    assert "trained by 2 processes" in resumed.stderr
    assert espalier(home, "tune", alone, *ASKED).returncode == 0
    found, wanted = run_of(shared), run_of(alone)
    assert found["curve"]["steps"]["step"] == [1, 2, 3, 4, 5, 6]
    assert max(apart(wanted, found)) < 2e-6
    assert apart(wanted, found)[0] < 2e-7


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--workers", 0), "Give at least one process"),
        (("--nodes", 0), "Give at least one process"),
        (("--nodes", 2, "--address", "localhost:99999"), "is no HOST:PORT"),
    ],
)
def test_what_can_not_be_started_is_refused(
    home: Path, words: tuple[object, ...], sentence: str
) -> None:
    said = refused(home, "tune", projects.learnt(), *ASKED, *words)
    assert sentence in said
    assert "On each other computer" not in said

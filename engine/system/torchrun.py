"""A command in several processes at once, by PyTorch's own torchrun (torch.distributed.elastic).

The process that a person starts becomes torchrun's agent: it starts the workers, watches them, and
starts all of them again where one is lost or a computer comes or goes. Each worker runs the same
command; the first one where the project is leads, and alone opens the project and prints. On one
computer nothing listens beyond it: the workers find each other by a file, and talk by loopback.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from engine.errors import Refused
from engine.system.files import replace_file

log = logging.getLogger(__name__)

FOLDER, LEADS, ACROSS = "ESPALIER_GROUP", "ESPALIER_GROUP_LEADS", "ESPALIER_GROUP_ACROSS"
AGENT = "ESPALIER_GROUP_AGENT"
"""What workers are told: the folder of their group here, whether the first of them leads, whether
there may be other computers; and the agent's process, which may be gone before they look."""
RESTARTS = 50
"""So often a group is started again after it lost a worker."""
OUTCOME, RUN = "outcome", "run"
LOOK = 0.05
"""Seconds between two looks at whether all workers are there."""
WATCH = 0.5
"""Seconds after which a worker sees that its agent is gone."""
FAILED = 1
MOST = 65535
"""Ports end here."""
ELSEWHERE = "192.0.2.1"
"""An address that no computer has (RFC 5737)."""
STOPS: list[Callable[[], object]] = []
"""See heeding."""
SHUTDOWN = 120
"""Seconds that a worker has to come to the end of a step after Control-C, and to keep its state."""


@dataclass(frozen=True)
class Asked:
    """How many processes there are on this computer, and on how many computers at most.

    `address` is HOST:PORT where the others find this one, or where this one finds the first;
    `name` is the group's, without which nobody joins it.
    """

    workers: int = 1
    nodes: int = 1
    address: str = ""
    name: str = ""
    leads: bool = True

    @property
    def across(self) -> bool:
        return self.nodes > 1


def inside() -> Path | None:
    """The folder of the group that this process is a worker of; None where it is none."""
    folder = os.environ.get(FOLDER)
    return Path(folder) if folder else None


def leads() -> bool:
    """Whether this worker is the one with the project."""
    return beside_leader() and os.environ.get("LOCAL_RANK") == "0"


def beside_leader() -> bool:
    """Whether the leading worker is on this computer, too."""
    return os.environ.get(LEADS) == "1"


def noted_run() -> int:
    """The run that this group trains, where it was started again; 0 before there is one."""
    folder = inside()
    note = folder / RUN if folder else None
    return int(note.read_text()) if note and note.exists() else 0


def note_run(number: int) -> bool:
    """Keeps which run it is, for the group that is started next; whether this one was."""
    folder, again = inside(), bool(noted_run())
    if folder:
        replace_file(folder / RUN, str(number).encode())
    return again


def led(work: Callable[[], int], leave: Callable[[], None]) -> int:
    """What the leading worker does: its work once, however often the group is started again.

    `leave` lets the others go. How the work ended is kept for the agent, to which a worker that
    does not end with 0 is one to start again.
    """
    folder = inside()
    assert folder is not None
    watch_agent()
    outcome = folder / OUTCOME
    try:
        if not outcome.exists():
            replace_file(outcome, str(work()).encode())
        leave()
    except KeyboardInterrupt:  # the agent says so
        (folder / f"left-{this_round()}").touch()
        return FAILED
    return 0


def this_round() -> str:
    """How often the group was started again."""
    return os.environ["TORCHELASTIC_RESTART_COUNT"]


@contextmanager
def heeding(stopped: Callable[[], object]) -> Iterator[None]:
    """Within it `stopped`, which tells of Control-C, ends the wait for other workers."""
    STOPS.append(stopped)
    try:
        yield
    finally:
        STOPS.remove(stopped)


def all_there() -> bool:
    """Waits until all workers of this round are there; False where the leading one ended before.
    On one computer alone: between several the wait is PyTorch's.

    PyTorch's own hears no Control-C, and has no end where another worker was ended by it while it
    began. Raises KeyboardInterrupt where this one is stopped.
    """
    folder = inside()
    assert folder is not None
    if os.environ[ACROSS] == "1":
        return True
    places = [folder / f"there-{this_round()}-{n}" for n in range(int(os.environ["WORLD_SIZE"]))]
    own = places.pop(int(os.environ["RANK"]))
    if not leads():
        own.touch()
    while not all(other.exists() for other in places):
        if (folder / OUTCOME).exists() or (folder / f"left-{this_round()}").exists():
            return False
        if any(stopped() for stopped in STOPS):
            raise KeyboardInterrupt
        time.sleep(LOOK)
    own.touch()  # who leads comes last: then nobody can be left alone
    return True


def watch_agent() -> None:
    """Ends this process where its agent is gone, as after a kill, however early that was."""
    agent = int(os.environ[AGENT])

    def watch() -> None:
        while os.getppid() == agent:
            time.sleep(WATCH)
        os._exit(FAILED)

    threading.Thread(target=watch, name="espalier-agent", daemon=True).start()


# The agent.


def check(asked: Asked) -> None:
    """Raises Refused where that can't be."""
    if sys.platform == "win32":
        raise Refused("Training in several processes needs Linux or macOS. Leave --workers out.")
    if asked.workers < 1 or asked.nodes < 1:
        raise Refused("Give at least one process (--workers) and one computer (--nodes).")
    host, _, port = asked.address.rpartition(":")
    if asked.across and not (host and port.isdecimal() and int(port) <= MOST):
        raise Refused(f"“{asked.address}” is no HOST:PORT, as in desk.example.org:29400.")


def free_port(host: str = "") -> int:
    """A port that the system says is free."""
    with socket.socket() as trial:
        trial.bind((host, 0))
        return int(trial.getsockname()[1])


def interface_of(address: str) -> str:
    """The name of this computer's network interface with an address; empty where none has it."""
    for name, found in psutil.net_if_addrs().items():
        if any(one.address == address for one in found):
            return name
    return ""


def own_address(towards: str) -> str:
    """The address by which this computer reaches another one; nothing is sent. Where it is this
    one's own name, the address by which it reaches any other.

    Raises Refused where no computer is called so.
    """
    try:
        found = source_address(towards)
        own_name = found.startswith("127.") and not towards.startswith(("127.", "localhost"))
        return source_address(ELSEWHERE) if own_name else found
    except OSError as error:
        raise Refused(
            f"The computer “{towards}” can't be reached ({error.strerror}). Give HOST:PORT as the "
            "other computer printed it."
        ) from error


def source_address(towards: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        trial.connect((towards, 9))
        return str(trial.getsockname()[0])


def own_place() -> str:
    """HOST:PORT where others may find this computer: its name, and a free port."""
    return f"{socket.gethostname()}:{free_port()}"


def start(command: Sequence[str], asked: Asked, ready: Callable[[], object] = lambda: None) -> int:
    """Runs `command` in a group of processes, and returns the exit code of the one that leads.
    `ready` is called once nothing speaks against it.

    Raises Refused where a group can't be started here.
    """
    check(asked)
    folder = Path(tempfile.mkdtemp(prefix="espalier-group-"))
    before = dict(os.environ)
    try:
        os.environ.update(environment(folder, asked))
        ready()
        return agent(command, asked, folder)
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)


def environment(folder: Path, asked: Asked) -> dict[str, str]:
    """What the workers are told. They share this computer's cores, and on one computer alone they
    listen to loopback."""
    from engine.system.cpu import available_cores

    reached = own_address(host_of(asked.address)) if asked.across else "127.0.0.1"
    interface = os.environ.get("GLOO_SOCKET_IFNAME") or interface_of(reached)
    found = {
        FOLDER: str(folder),
        AGENT: str(os.getpid()),
        LEADS: str(int(asked.leads)),
        ACROSS: str(int(asked.across)),
        "OMP_NUM_THREADS": str(max(1, available_cores() // asked.workers)),
        # Each round of the group has a store of its own: what is left of the last would be stale.
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
    }
    if interface:
        found |= {"GLOO_SOCKET_IFNAME": interface, "NCCL_SOCKET_IFNAME": interface}
    return found


def host_of(address: str) -> str:
    return address.rpartition(":")[0]


TAKEN = (
    "This computer can't listen at {}. Name one of its own addresses and a free port with "
    "--address."
)
NOBODY = (
    "Nobody to train with answers at {}. Start the training on the computer with the project, and "
    "type here what it prints."
)


def quieten() -> None:
    """PyTorch would write between what the leader says; the log takes it."""
    for name in ("torch", "torch.distributed"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def agent(command: Sequence[str], asked: Asked, folder: Path) -> int:
    """Is torchrun's agent until the work is done, and returns how it ended."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous.api import RendezvousError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    quieten()
    place, more = asked.address, dict[str, Any](is_host=asked.leads)
    if not asked.across:
        place, more = str(folder / "round"), {"store_type": "file"}
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=asked.nodes,
        nproc_per_node=asked.workers,
        run_id=asked.name or folder.name,
        rdzv_backend="c10d",
        max_restarts=RESTARTS,
        local_addr=own_address(host_of(asked.address)) if asked.across else "127.0.0.1",
        rdzv_endpoint=place,
        rdzv_configs=more,
        shutdown_timeout=SHUTDOWN,
    )
    try:
        elastic_launch(config, command[0])(*command[1:])
    except SignalException as error:
        log.info("the group was stopped: %s", error)
        if error.sigval == signal.SIGINT and not (folder / OUTCOME).exists():
            raise KeyboardInterrupt from error
    except ChildFailedError as error:
        log.info("the group ended: %s", error)
        raise Refused(
            f"The processes were lost more than {RESTARTS} times. What was saved is kept: mend "
            "what ends them (the log tells more), and go on with `espalier resume`."
        ) from error
    except RendezvousError as error:
        raise Refused((TAKEN if asked.leads else NOBODY).format(asked.address)) from error
    else:
        if not asked.leads:
            return 0
    outcome = folder / OUTCOME
    return int(outcome.read_text()) if outcome.exists() else FAILED

"""Training in several processes, on this computer and on others: what the commands share."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shlex
import signal
import sys
from collections.abc import Callable
from typing import Any

from app.cli.demo import program
from app.cli.predict import stopped_by_control_c
from app.cli.terminal import EXIT, do
from engine.errors import Refused
from engine.events import Ended
from engine.system import torchrun

NAMES = ("join",)
STDERR = 2
Work = Callable[[], int]


class Lost(Exception):
    """Of the group one process is gone: torchrun starts all of them again."""


def add_to(command: Any) -> None:
    """Adds the command; `command(name, work, help, *places)` makes its parser."""
    help = "Train beside another computer, which prints the words to type."
    parser = command("join", join, help)
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("name", metavar="NAME", help="of the group to join")
    add_workers(parser)


def add_workers(parser: argparse.ArgumentParser) -> None:
    help = "so many processes on this computer; usually one for each graphics card"
    parser.add_argument("--workers", type=int, default=1, metavar="K", help=help)


def add_processes(parser: argparse.ArgumentParser) -> None:
    """The options of a command that trains."""
    add_workers(parser)
    help = "on so many computers at most; the words to type on the others are printed"
    parser.add_argument("--nodes", type=int, default=1, metavar="N", help=help)
    help = "where the others find this computer; else its name, and a free port"
    parser.add_argument("--address", default="", metavar="HOST:PORT", help=help)


def together(options: argparse.Namespace, work: Work) -> int:
    """Does the work of a command here, or in as many processes as are asked for."""
    if torchrun.inside() is not None:
        return lead(work) if torchrun.leads() else follow(options)
    if options.workers == options.nodes == 1:
        return work()
    return started(options, asked_of(options))


def asked_of(options: argparse.Namespace) -> torchrun.Asked:
    if options.nodes == 1:
        return torchrun.Asked(options.workers)
    address, name = options.address or torchrun.own_place(), secrets.token_urlsafe(12)
    return torchrun.Asked(options.workers, options.nodes, address, name)


def tell(asked: torchrun.Asked) -> None:
    """Says what to type on the other computers, where there may be some."""
    if not (asked.across and asked.leads):
        return
    words, address = shlex.join(["espalier", "join", asked.address, asked.name]), asked.address
    print(
        f"On each other computer, type:\n  {words}\n"
        "with --workers K for several processes there. They may come and go while it trains. Who "
        f"can reach {address} can disturb it, and run programs here: use a network that you trust.",
        file=sys.stderr,
    )


def started(options: argparse.Namespace, asked: torchrun.Asked) -> int:
    """Is torchrun's agent for this command."""
    from engine.system.log import start_log

    start_log("torchrun", options.verbose)
    with contextlib.suppress(OSError, ValueError):  # workers write where this command does
        os.dup2(sys.stderr.fileno(), STDERR)
    try:
        return torchrun.start([*program(), *options.words], asked, lambda: tell(asked))
    except Refused as error:
        print(error, file=sys.stderr)
        return EXIT["refused"]


def join(options: argparse.Namespace) -> int:
    """Joins a group that another computer leads, until its work is done."""
    if torchrun.inside() is not None:
        return follow(options)
    return started(
        options, torchrun.Asked(options.workers, 2, options.address, options.name, leads=False)
    )


def lead(work: Work) -> int:
    """The worker with the project: Control-C comes to it by way of the agent, and pauses it."""

    def leave() -> None:
        from engine.jobs import beside  # it takes seconds, in which Control-C would not be heard

        beside.leave()

    try:
        return torchrun.led(work, leave)
    except Lost:
        return torchrun.FAILED


def follow(options: argparse.Namespace) -> int:
    """A worker beside it. It goes on until the leader says that it is over; Control-C is for the
    leader where that is here, and ends the part of a computer that only joined."""
    here = torchrun.beside_leader()
    signal.signal(signal.SIGINT, signal.SIG_IGN if here else signal.SIG_DFL)
    torchrun.watch_agent()
    ended = do(options, "follow_others")
    if ended.how in ("refused", "failed"):
        print(ended.text, file=sys.stderr)
    return EXIT[ended.how]


def do_leading(options: argparse.Namespace, name: str, /, **asked: Any) -> Ended:
    """Does a job that may be shared. Raises Lost where another process of the group is gone."""
    if torchrun.inside() is None:
        return do(options, name, **asked)
    with stopped_by_control_c() as stopped, torchrun.heeding(stopped):
        ended = do(options, name, stopped=stopped, **asked)
    if ended.how == "lost":  # who leads next says so
        raise Lost
    return ended


def gone_on_with() -> int:
    """The run that this group began before one of its processes was lost; 0 for none."""
    return torchrun.noted_run()

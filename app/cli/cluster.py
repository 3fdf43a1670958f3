"""The commands for other computers: be a scheduler, be a worker, make keys; and their receipt."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

from app.cli.terminal import Screen, columns, finish, follow
from engine.events import CANCEL, FINISH, Ended
from engine.results.cluster import ClusterUsed, KeysMade, Served
from engine.system.words import duration, plural

NAMES = ("scheduler", "worker", "cluster")
HERE = "127.0.0.1:8786"


def add_to(command: Any) -> None:
    """Adds the commands; `command(name, work, help, *places)` makes a parser for each."""
    keys = "the folder that “espalier cluster new-keys” made"
    help = "Let workers and projects find each other, and say what to type on the others."
    add = command("scheduler", scheduler, help).add_argument
    help = f"where to listen, such as 0.0.0.0 or 192.168.1.20:8786; {HERE} if nothing is said"
    add("--listen", default=HERE, metavar="ADDRESS", help=help)
    add("--keys", default="", metavar="FOLDER", help=keys)
    help = "Work for a scheduler: open images and run networks on them, without any project."
    add = command("worker", worker, help).add_argument
    add("--scheduler", required=True, metavar="ADDRESS", help="as the scheduler said it")
    add("--keys", default="", metavar="FOLDER", help=keys)
    help = "how many processes; one for each core if nothing is said"
    add("--processes", type=int, default=0, metavar="N", help=help)
    help = "Make the keys by which computers know each other: three files in a folder."
    parser = command("cluster", new_keys, help)
    parser.add_argument("what", choices=("new-keys",))
    parser.add_argument("folder", metavar="FOLDER")


def add_choice(add: Callable[..., Any]) -> None:
    """Which computers a command works with."""
    help = "work with the workers of this scheduler, or with N processes here (local:N)"
    add("--cluster", metavar="ADDRESS", help=help)
    help = "the folder of the keys, for a scheduler on another computer"
    add("--keys", default="", metavar="FOLDER", help=help)


def serve(options: argparse.Namespace, name: str, **settings: Any) -> Ended:
    """Does a job of engine/jobs/cluster; Ctrl+C ends it, and what it was is told."""
    from app.cli.predict import stopped_by_control_c
    from engine.jobs import run
    from engine.system.log import start_log

    importlib.import_module("engine.jobs.cluster")  # alone: PyTorch takes seconds and memory
    start_log("command", options.verbose)
    with stopped_by_control_c() as stopped:

        def finished() -> str:
            return FINISH if stopped() == CANCEL else ""

        return follow(run(None, name, settings, finished), Screen(options.json))


def scheduler(options: argparse.Namespace) -> int:
    ended = serve(options, "be_scheduler", listen=options.listen, keys=options.keys)
    return finish(options, ended, Served, served)


def worker(options: argparse.Namespace) -> int:
    asked = {"scheduler": options.scheduler, "keys": options.keys, "processes": options.processes}
    return finish(options, serve(options, "be_worker", **asked), Served, served)


def served(result: Served) -> str:
    return f"Ended after {duration(result['seconds'])} at {result['address']}."


def new_keys(options: argparse.Namespace) -> int:
    """Makes keys, and says what to do with them."""

    def told(result: KeysMade) -> str:
        names = ", ".join(result["copied"])
        return (
            f"Made {names} in {result['folder']}. Copy the folder to each computer by a way that "
            "nobody else reads, such as scp: whoever has it may run programs on all of them. The "
            f"keys are good until {result['until']}."
        )

    return finish(options, serve(options, "make_keys", folder=options.folder), KeysMade, told)


def receipt(used: ClusterUsed) -> str:
    """Who did how much, and what was checked about it."""
    rows = [("worker", "images", "a second", "")]
    for worker in used["workers"]:
        rate = f"{worker['rate']:.1f}" if worker["rate"] else "–"
        rest = worker["doing"] if worker["state"] in ("set aside", "gone") else ""
        rows.append((worker["name"], str(worker["images"]), rate, rest))
    rows.append(("this computer", str(used["here"]), "", ""))
    lines = [columns(rows)]
    if used["twice"]:
        rest = "all of them the same to the last bit"
        if used["equal"] < used["twice"]:
            rest = (
                f"{used['equal']} of them the same to the last bit, the others apart by "
                f"{used['largest']:.1e} of the largest feature at most"
            )
        lines.append(f"{plural(used['twice'])} computed twice, by different workers: {rest}")
    if used["again"]:
        lines.append(f"{plural(used['again'])} asked for again, because a worker was lost or wrong")
    return "\n".join(lines)

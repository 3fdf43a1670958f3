"""Disks that are full, break, can only be read or are pulled, and computers with nothing left.

    python -m tests.bench.drills.disks [PHOTOS] [--tries 8] [--only learn,forget] [--kinds full]

Each verb of tests/bench/kill.py is done so many times in each of KINDS. It must end as done or in
one sentence; afterwards, with all as it was, the project is `old`, `new`, or in the documented
state in between, and what was said to be done is there.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.drills.small_disk import Disk, disk, possible
from tests.bench.drills.told import Tally, heading, killed_after, left, report, told, tried
from tests.bench.forked import in_child
from tests.bench.given import parser_of
from tests.bench.kill import Calm, all_verbs, undisturbed, warm
from tests.bench.killed_verbs import Verb, Work

Trial = Callable[["Place", Verb, Calm, Tally, random.Random], None]
MOST_HANDLES, LEAST_MEMORY, MOST_MEMORY = 40, 1 << 20, 600 << 20


class Place:
    """A disk, and a project on it as a verb begins with it."""

    def __init__(self, disk: Disk) -> None:
        self.disk, self.there = disk, disk.place / "there"

    def fresh(self, verb: Verb) -> Path:
        self.disk.emptied()
        return Path(shutil.copytree(in_child(verb.base), self.there))


def full(place: Place, verb: Verb, calm: Calm, tally: Tally, rng: random.Random) -> None:
    """So much room is left, between nothing and twice what the verb takes."""
    there = place.fresh(verb)
    needs = size_of(calm.place) - size_of(there) + (1 << 20)
    room = int(needs * rng.random() ** 2 * 2)
    place.disk.fill(room)
    how = tried(tally, killed_after(None, told, verb.work, there), there)
    place.disk.room()
    left(tally, verb, there, calm, how, f"{room >> 10} KB were free")


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def meanwhile(
    act: Callable[[Disk], object],
    place: Place,
    verb: Verb,
    calm: Calm,
    tally: Tally,
    rng: random.Random,
) -> None:
    """Something happens to the disk at a random moment of the verb."""
    there, moment = place.fresh(verb), rng.uniform(0, calm.seconds)
    place.disk.sync()
    timer = threading.Timer(moment, act, [place.disk])
    timer.start()
    how = tried(tally, killed_after(None, told, verb.work, there), there)
    timer.cancel()
    timer.join()
    if stray := place.disk.mended():
        tally.notes.append(f"{verb.name} wrote beside the disk: {stray[0]} and {len(stray) - 1}")
        tally.met["between"] += 1
    left(tally, verb, there, calm, how, f"after {moment:.3f} of {calm.seconds:.3f} s")


def in_limits(work: Work, limit: int, slack: int, there: Path) -> tuple[str, str]:
    """A verb in a process that gets so much more of something than it has, and no more.

    `limit` is RLIMIT_NOFILE or RLIMIT_AS.
    """
    before = len(os.listdir("/proc/self/fd")) if limit == resource.RLIMIT_NOFILE else memory()
    kept = resource.getrlimit(limit)
    resource.setrlimit(limit, (before + slack, kept[1]))
    try:
        return told(work, there)
    finally:
        resource.setrlimit(limit, kept)


def memory() -> int:
    """Bytes of address space of this process."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def few_handles(place: Place, verb: Verb, calm: Calm, tally: Tally, rng: random.Random) -> None:
    limited(place, verb, calm, tally, resource.RLIMIT_NOFILE, rng.randrange(MOST_HANDLES))


def little_memory(place: Place, verb: Verb, calm: Calm, tally: Tally, rng: random.Random) -> None:
    share = rng.random()
    slack = int(LEAST_MEMORY * (MOST_MEMORY / LEAST_MEMORY) ** share)
    limited(place, verb, calm, tally, resource.RLIMIT_AS, slack)


def limited(place: Place, verb: Verb, calm: Calm, tally: Tally, limit: int, slack: int) -> None:
    there = place.fresh(verb)
    given = killed_after(None, in_limits, verb.work, limit, slack, there)
    left(tally, verb, there, calm, tried(tally, given, there), f"{slack} more")


def disturbed(
    words: Callable[[random.Random], str],
    place: Place,
    verb: Verb,
    calm: Calm,
    tally: Tally,
    rng: random.Random,
) -> None:
    """Calls to the disk are slow, or one of them fails: strace puts `words` into the process."""
    there, inject = place.fresh(verb), words(rng)
    given = killed_after(None, watched, verb.work, inject, there)
    left(tally, verb, there, calm, tried(tally, given, there), inject)


def watched(work: Work, inject: str, there: Path) -> tuple[str, str]:
    """A verb in this process, which strace has taken hold of."""
    strace = ["strace", "-f", "-p", str(os.getpid()), "-o", os.devnull]
    strace += ["-e", f"trace={inject.split(':')[0]}", "-e", f"inject={inject}"]
    watcher = subprocess.Popen(strace, stderr=subprocess.DEVNULL)
    while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
        time.sleep(0.01)
    how = told(work, there)
    watcher.terminate()  # else it would go on with what reads the answer
    return how


def slow(rng: random.Random) -> str:
    return "fsync,fdatasync:delay_enter=150000"


def one_fails(rng: random.Random) -> str:
    """One call, or all after it, of those that write or make things durable."""
    call = rng.choice(("fsync", "fdatasync", "pwrite64", "write", "rename", "mkdir"))
    when = f"{rng.randrange(1, 60)}{rng.choice(('', '+'))}"
    return f"{call}:error={rng.choice(('EIO', 'ENOSPC'))}:when={when}"


def clock_jumps(work: Work, seed: int, there: Path) -> tuple[str, str]:
    """A verb in this process, whose clock is another one each time that it is looked at."""
    from datetime import UTC, datetime

    import engine.storage.gestures as gestures

    rng, real, asked = random.Random(seed), time.time, gestures.now

    def jumping() -> float:
        return real() + rng.choice((0, -1, 1)) * rng.uniform(0, 20 * 365 * 86400)

    def now() -> str:
        return datetime.fromtimestamp(jumping(), UTC).strftime("%Y-%m-%d %H:%M:%S")

    time.time = jumping
    for module in list(sys.modules.values()):
        if getattr(module, "now", None) is asked:
            module.now = now
    return told(work, there)


def clock(place: Place, verb: Verb, calm: Calm, tally: Tally, rng: random.Random) -> None:
    there = place.fresh(verb)
    given = killed_after(None, clock_jumps, verb.work, rng.randrange(10**9), there)
    left(tally, verb, there, calm, tried(tally, given, there), "the clock jumps")


def two(place: Place, verb: Verb, calm: Calm, tally: Tally, rng: random.Random) -> None:
    """Two processes do the same at once; one is told that the other has the project."""
    there, answers = place.fresh(verb), list[Any]()
    delay = rng.uniform(0, calm.seconds / 2)

    def other() -> None:
        time.sleep(delay)
        answers.append(killed_after(None, told, verb.work, there))

    beside = threading.Thread(target=other)
    beside.start()
    answers.append(killed_after(None, told, verb.work, there))
    beside.join()
    hows = [tried(tally, answer, there) for answer in answers]
    if hows == ["done", "done"]:  # one after the other, each on what it found
        in_child(verb.state, there)
        tally.met["new"] += 1
        return
    how = "done" if "done" in hows else hows[0]
    left(tally, verb, there, calm, how, f"the second {delay:.3f} s later")


KINDS: dict[str, tuple[str, Trial]] = {
    "full": ("a full disk", full),
    "read-only": ("only read from the middle on", partial(meanwhile, Disk.protect)),
    "broken": ("the disk breaks off", partial(meanwhile, Disk.break_off)),
    "pulled": ("unmounted in the middle", partial(meanwhile, Disk.pull)),
    "handles": ("no file descriptors left", few_handles),
    "memory": ("no memory left", little_memory),
    "slow": ("a slow disk", partial(disturbed, slow)),
    "calls": ("single calls fail", partial(disturbed, one_fails)),
    "clock": ("the clock jumps by years", clock),
    "two": ("two at once on one project", two),
}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--tries", type=int, default=8, help="of each verb, of each kind")
    parser.add_argument("--only", default="", help="verbs, with commas between")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not possible():
        sys.exit("This drill mounts small disks, which takes Linux, root and ext4.")
    with tempfile.TemporaryDirectory(prefix="espalier-disks-") as name:
        os.environ["ESPALIER_HOME"] = str(Path(name) / "home")
        warm()
        tallies = drill(Path(name), options)
    print()
    print(report(tallies))
    for tally in tallies:
        print("\n".join(f"{tally.name}: {note}" for note in tally.notes))


def drill(place: Path, options: argparse.Namespace) -> list[Tally]:
    """Every verb in every kind."""
    known = in_child(all_verbs, place, options.photos, options.weights, options.size)
    wanted = [name for name in options.only.split(",") if name]
    verbs = [verb for verb in known if not wanted or verb.name in wanted]
    tallies = {kind: Tally(KINDS[kind][0]) for kind in options.kinds.split(",")}
    print(heading())
    with disk(place / "small") as small:
        for verb in verbs:
            calm = undisturbed(verb, place / "storm")
            for kind, tally in tallies.items():
                one = Tally(verb.name)
                for number in range(options.tries):
                    rng = random.Random(f"{options.seed} {verb.name} {kind} {number}")
                    KINDS[kind][1](Place(small), verb, calm, one, rng)
                tally.add(one)
                print(f"{kind:10}{one.line()[:24]}{one.line()[34:]}", flush=True)
                for note in one.notes:
                    print(f"    {note}", flush=True)
    return list(tallies.values())


if __name__ == "__main__":
    main()

"""How features of images scale with workers, and whether they are the same to the last bit.

    python -m tests.bench.cluster                     2,000 drawn images, 1 and 2 workers here
    python -m tests.bench.cluster --images 20000 --folder FOLDER
    python -m tests.bench.cluster --kills 20          and workers killed at random so many times
    python -m tests.bench.cluster --hosts 4           4 workers in network namespaces of their own,
                                                      with limited links (needs root and `ip`)

Each way learns the same folder into a new project, through the command's own jobs; what the step
knows and every feature is compared, to the bit, with what this computer learns alone.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine.cluster.keys import new_keys
from engine.cluster.serving import SchedulerThread, WorkerProcesses
from engine.jobs import run
from engine.session import Session
from engine.storage import steps
from tests.helpers import image_files

BRIDGE, NET = "esp-bench", "10.77.0"
PORT = 8786


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--images", type=int, default=2000)
    add("--folder", default="", help="folders of images; drawn ones if nothing is said")
    add("--size", type=int, default=64, help="pixels that the network sees")
    add("--workers", type=int, nargs="*", default=[1, 2])
    add("--kills", type=int, default=0, help="workers killed at random so many times")
    add("--hosts", type=int, default=0, help="so many network namespaces")
    add("--sent", action="store_true", help="the namespaces see no image: all are sent")
    add("--rate", default="100mbit", help="of each namespace's link")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as place:
        measure(options, Path(place))


def measure(options: argparse.Namespace, place: Path) -> None:
    images = folder_of(options, place)
    keys = place / "keys"
    new_keys(keys)
    print("way                    seconds  images/s  again  twice  equal  same bits")
    alone = learnt(options, place, images, "alone", "", "")
    line("alone", alone, alone)
    for count in options.workers:
        with cluster(keys, count) as (url, _):
            found = learnt(options, place, images, f"w{count}", url, str(keys))
        line(f"{count} workers here", found, alone)
    if options.kills:
        with cluster(keys, 2) as (url, workers), killing(workers, options.kills) as killed:
            found = learnt(options, place, images, "killed", url, str(keys))
        line(f"2, {len(killed)} killed", found, alone)
    if options.hosts:
        with namespaces(options, keys, images) as url:
            found = learnt(options, place, images, "hosts", url, str(keys))
        line(f"{options.hosts} hosts, {options.rate}{', sent' * options.sent}", found, alone)


def folder_of(options: argparse.Namespace, place: Path) -> Path:
    """Two classes of drawn images, or at most so many of a person's own, linked."""
    target = place / "images"
    if not options.folder:
        return image_files.plain_folders(target, ["red", "teal"], options.images // 2)
    classes = sorted(entry for entry in Path(options.folder).iterdir() if entry.is_dir())
    for folder in classes:
        (target / folder.name).mkdir(parents=True)
        for file in sorted(folder.iterdir())[: -(-options.images // len(classes))]:
            os.link(file, target / folder.name / file.name) if same_disk(file, place) else (
                shutil.copy(file, target / folder.name / file.name)
            )
    return target


def same_disk(file: Path, place: Path) -> bool:
    return file.stat().st_dev == place.stat().st_dev


def learnt(
    options: argparse.Namespace, place: Path, images: Path, name: str, url: str, keys: str
) -> dict[str, Any]:
    """Learns the folder into a new project; seconds, receipt and a digest of all that came."""
    session = Session()
    do(session, "new_project", path=str(place / f"{name}.espalier"), size=options.size)
    if url:
        do(session, "use_computers", address=url, keys=keys)
    clock = time.perf_counter()
    result = do(session, "learn_folder", paths=[str(images)])
    seconds = result["seconds"]["images"] + result["seconds"]["features"]
    whole = time.perf_counter() - clock
    project = session.require()
    row = steps.current(project)
    assert row is not None
    kept = steps.learnt(project, row)
    assert kept is not None
    digest = hashlib.sha256()
    for key in sorted(kept.memory):
        digest.update(np.ascontiguousarray(kept.memory[key]).tobytes())
    rows = project.db.execute("SELECT sha256, pack, place FROM feature ORDER BY sha256, key")
    digest.update(repr(rows.fetchall()).encode())
    session.use_computers(None)
    session.close()
    count = sum(result["classes"].values())
    used = result.get("cluster", {})
    return {"seconds": seconds, "whole": whole, "images": count, "bits": digest.hexdigest(), **used}


def do(session: Session, name: str, **settings: Any) -> Any:
    *_, ended = run(session, name, settings)
    if ended.how != "done":
        sys.exit(f"{name}: {ended.text}")
    return ended.result


def line(name: str, found: dict[str, Any], alone: dict[str, Any]) -> None:
    rate = found["images"] / found["seconds"]
    checked = [str(found.get(key, "–")) for key in ("again", "twice", "equal")]
    same = "yes" if found["bits"] == alone["bits"] else "NO"
    columns = "  ".join(text.rjust(5) for text in checked)
    print(f"{name:22} {found['seconds']:8.1f} {rate:9.1f}  {columns}  {same}", flush=True)


@contextlib.contextmanager
def cluster(keys: Path, count: int) -> Iterator[tuple[str, WorkerProcesses]]:
    """A scheduler and so many workers here; those that end are started anew."""
    with contextlib.closing(SchedulerThread("127.0.0.1:0", str(keys))) as scheduler:
        workers, over = WorkerProcesses(scheduler.url, str(keys), count), threading.Event()

        def look() -> None:
            while not over.wait(0.25):
                workers.look()

        workers.look()
        thread = threading.Thread(target=look)
        thread.start()
        try:
            joined(scheduler.url, keys, count)
            yield scheduler.url, workers
        finally:
            over.set()
            thread.join()
            workers.close()


def joined(url: str, keys: Path, count: int) -> None:
    """Waits until so many workers are there."""
    from engine.cluster.computers import connect
    from engine.errors import Refused

    while True:
        try:
            with contextlib.closing(connect(url, str(keys))) as computers:
                if len(computers.there()) >= count:
                    return
        except Refused:
            pass
        time.sleep(0.5)


@contextlib.contextmanager
def killing(workers: WorkerProcesses, most: int) -> Iterator[list[int]]:
    """Kills one of the workers now and then, at random moments."""
    rng, over, killed = random.Random(0), threading.Event(), list[int]()

    def kill() -> None:
        while len(killed) < most and not over.wait(rng.uniform(0.5, 4)):
            there = [hand.process for hand in workers.hands if hand.process is not None]
            if there and (pid := rng.choice(there).pid) and psutil.pid_exists(pid):
                with contextlib.suppress(psutil.NoSuchProcess):
                    psutil.Process(pid).kill()
                    killed.append(pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def namespaces(options: argparse.Namespace, keys: Path, images: Path) -> Iterator[str]:
    """Workers in namespaces of their own, each behind a link of limited rate and delay."""
    started: list[subprocess.Popen[bytes]] = []
    names = [f"esp{number}" for number in range(options.hosts)]
    try:
        sh(f"ip link add {BRIDGE} type bridge")
        sh(f"ip addr add {NET}.1/24 dev {BRIDGE}")
        sh(f"ip link set {BRIDGE} up")
        for number, name in enumerate(names):
            sh(f"ip netns add {name}")
            sh(f"ip link add {name}a type veth peer name {name}b")
            sh(f"ip link set {name}a master {BRIDGE} up")
            sh(f"ip link set {name}b netns {name}")
            sh(f"ip -n {name} addr add {NET}.{number + 10}/24 dev {name}b")
            sh(f"ip -n {name} link set {name}b up")
            sh(f"ip -n {name} link set lo up")
            sh(f"tc qdisc add dev {name}a root tbf rate {options.rate} burst 64kb latency 50ms")
        listen = f"{NET}.1:{PORT}"
        with contextlib.closing(SchedulerThread(listen, str(keys))) as scheduler:
            for name in names:
                words = [sys.executable, "-m", "app", "worker", "--scheduler", scheduler.url]
                words += ["--keys", str(keys), "--processes", "1"]
                hidden = f"mount -t tmpfs none {shlex.quote(str(images))}; exec "
                apart = ["unshare", "-m", "sh", "-c", hidden + shlex.join(words)]
                inside = ["ip", "netns", "exec", name, *(apart if options.sent else words)]
                started.append(
                    subprocess.Popen(inside, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                )
            joined(scheduler.url, keys, options.hosts)
            yield scheduler.url
            for process in started:
                process.send_signal(2)
                process.wait(30)
    finally:
        for process in started:
            process.kill()
        for name in names:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "link", "del", BRIDGE], stderr=subprocess.DEVNULL)


def sh(words: str) -> None:
    done = subprocess.run(words.split(), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{words}: {done.stderr.strip()}. Network namespaces need root and iproute2.")


if __name__ == "__main__":
    main()

"""Other computers from the command line: a scheduler, workers, and a project that learns by them.

They are processes of this computer, which know each other by keys, as those of others would.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from engine.cluster import computers, dispatch, futures, shares
from engine.cluster.dispatch import Dispatch
from engine.cluster.members import Member
from engine.events import Notice, Progress
from engine.jobs import run
from engine.storage import steps
from engine.storage.project import Project
from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, in_a_process, refused

Stored = dict[str, np.ndarray]


@dataclass
class Cluster:
    """A scheduler and two workers, each a command that runs."""

    url: str
    keys: Path
    worker: subprocess.Popen[str]

    @property
    def choice(self) -> list[object]:
        return ["--cluster", self.url, "--keys", self.keys]


def line_with(process: subprocess.Popen[str], words: str) -> str:
    """The next line with these words that a command prints beside its result."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if words in line:
            return line.strip()
    raise AssertionError(f"it never said “{words}”: {seen}")


@pytest.fixture(scope="module")
def cluster(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """What each command prints is what is typed next."""
    keys = tmp_path_factory.mktemp("keys") / "of the lab"
    made = answered(home, "cluster", "new-keys", keys)
    assert made["copied"] == ["ca.pem", "cert.pem", "key.pem"]
    scheduler = in_a_process(home, "scheduler", "--listen", "127.0.0.1:0", "--keys", keys)
    started = [scheduler]
    try:
        typed = line_with(scheduler, "espalier worker").replace("'", "")
        assert typed.endswith(f"--keys {keys}")
        url = typed.split()[3]
        worker = in_a_process(home, "worker", "--scheduler", url, "--keys", keys, "--processes", 2)
        started.append(worker)
        line_with(worker, "2 processes work")
        yield Cluster(url, keys, worker)
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGINT)
        for process in reversed(started):
            process.communicate(timeout=60)
    assert [process.returncode for process in started] == [0, 0]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = image_files.plain_folders(tmp_path_factory.mktemp("images"), ["red", "teal"], 20)
    (root / "red" / "broken.jpg").write_bytes(b"\xff\xd8 broken")
    return root


@pytest.fixture(scope="module")
def empty(home: Path, home_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("projects") / "empty.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    return path


@pytest.fixture(scope="module")
def alone(home: Path, empty: Path, images: Path) -> Path:
    """What this computer learns by itself."""
    path = empty.with_name("alone.espalier")
    shutil.copytree(empty, path)
    answered(home, "learn", path, images)
    return path


@pytest.fixture
def project(empty: Path, tmp_path: Path) -> Path:
    path = tmp_path / "p.espalier"
    shutil.copytree(empty, path)
    return path


@pytest.fixture
def many_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "IMAGES", 4)


def stored(path: Path) -> tuple[Stored, list[str]]:
    """What a project's step knows, and the digests of its packs of features."""
    project = Project.open(path)
    try:
        row = steps.current(project)
        assert row is not None
        kept = steps.learnt(project, row)
        assert kept is not None
        packs = project.db.execute("SELECT pack, sha256, place FROM feature ORDER BY sha256")
        return dict(kept.memory), [str(row) for row in packs.fetchall()]
    finally:
        project.close()


def assert_same(path: Path, other: Path) -> None:
    (memory, packs), (expected, other_packs) = stored(path), stored(other)
    assert packs == other_packs
    assert memory.keys() == expected.keys()
    for name in memory:
        np.testing.assert_array_equal(memory[name], expected[name])


def learnt(home: Path, cluster: Cluster, project: Path, images: Path) -> dict[str, Any]:
    return answered(home, "learn", project, images, *cluster.choice)


def process_of(member: Member) -> psutil.Process:
    return psutil.Process(int(member.name.rpartition(" ")[2]))


def test_learnt_with_others_is_what_one_learns_to_the_bit(
    home: Path, cluster: Cluster, project: Path, images: Path, alone: Path
) -> None:
    found = learnt(home, cluster, project, images)
    assert_same(project, alone)
    used = found["cluster"]
    assert (used["images"], used["here"], used["again"]) == (41, 0, 0)
    assert used["twice"] == used["equal"] >= 1
    assert used["largest"] == 0
    assert [Path(one["path"]).name for one in found["skipped"]] == ["broken.jpg"]
    table = project.parent / "table.csv"
    espalier(home, "predict", project, images, "--csv", table, *cluster.choice)
    assert espalier(home, "predict", alone, images, "--csv", table.with_name("own.csv")).stdout
    assert table.read_text() == table.with_name("own.csv").read_text()
    said = espalier(home, "predict", project, images, *cluster.choice).stdout
    assert said == espalier(home, "predict", alone, images).stdout


def test_workers_that_are_killed_change_nothing(
    home: Path,
    cluster: Cluster,
    project: Path,
    images: Path,
    alone: Path,
    many_shares: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After some shares one worker is killed and one hangs; a new one may come in between."""
    took, killed, hung = Dispatch.took, list[psutil.Process](), list[psutil.Process]()
    monkeypatch.setattr(dispatch, "LEAST", 1.0)
    monkeypatch.setattr(dispatch, "PACES", 0)
    monkeypatch.setattr(futures, "FETCH", 1.0)

    def taking(self: Dispatch, flight: Any, results: Any) -> None:
        member = flight.member
        if member is self.here or hung:
            pass
        elif not killed:
            killed.append(process_of(member))
            killed[0].kill()
        elif process_of(member) != killed[0]:
            hung.append(process_of(member))
            hung[0].suspend()
        took(self, flight, results)

    monkeypatch.setattr(Dispatch, "took", taking)
    found = learnt(home, cluster, project, images)
    for process in hung:
        process.kill()
    assert_same(project, alone)
    assert killed
    assert found["cluster"]["images"] == 41
    assert found["cluster"]["again"] > 0
    line_with(cluster.worker, "2 processes work again")


def test_nobody_joins_without_the_keys(
    home: Path, cluster: Cluster, project: Path, images: Path, tmp_path: Path
) -> None:
    plain = cluster.url.replace("tls", "tcp")
    assert "No scheduler answers" in refused(home, "learn", project, images, "--cluster", plain)
    bare = refused(home, "learn", project, images, "--cluster", cluster.url)
    assert "only those are let in who have keys" in bare
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = "127.0.0.1:{1}".format(*closed.getsockname())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(computers, "PATIENCE", 0.1)
        said = refused(home, "learn", project, images, "--cluster", gone)
    assert f"No scheduler answers at tcp://{gone}" in said
    assert "Error" not in said
    elsewhere = ("scheduler", "--listen", "192.0.2.7:8786", "--keys", cluster.keys)
    assert "(this computer has no such address)" in refused(home, *elsewhere)
    others = tmp_path / "others"
    answered(home, "cluster", "new-keys", others)
    words = ("learn", project, images, "--cluster", cluster.url, "--keys", others)
    assert "No scheduler answers" in refused(home, *words)
    assert "holds ca.pem already" in refused(home, "cluster", "new-keys", others)
    (others / "key.pem").write_text("no key")
    assert "can't be used: one of them is damaged" in refused(home, *words)
    (others / "key.pem").unlink()
    assert "There is no key.pem" in refused(home, *words)


def test_what_others_could_reach_needs_keys(home: Path, project: Path, images: Path) -> None:
    for words in (
        ("learn", project, images, "--cluster", "192.0.2.7:8786"),
        ("scheduler", "--listen", "0.0.0.0"),
        ("worker", "--scheduler", "tls://192.0.2.7:8786"),
        ("worker", "--scheduler", "tls://127.0.0.1:8786"),
    ):
        assert "espalier cluster new-keys" in refused(home, *words)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = "127.0.0.1:{1}".format(*taken.getsockname())
        said = refused(home, "scheduler", "--listen", place)
    assert "Name another address or port." in said
    assert "in use" in said
    words = ("learn", project, images, "--cluster")
    assert "is no address" in refused(home, *words, "192.0.2.7:port")
    assert "is no address" in refused(home, *words, "")
    assert "1 to 256 workers" in refused(home, *words, "local:0")
    assert "1 to 256 workers" in refused(home, *words, "local:-1")
    assert "exported file" in refused(home, "predict", "m.onnx", images, "--cluster", "local:2")


def test_a_scheduler_without_workers_is_told_what_to_type(
    home: Path, project: Path, images: Path
) -> None:
    scheduler = in_a_process(home, "scheduler", "--listen", "127.0.0.1:0")
    try:
        url = line_with(scheduler, "espalier worker").split()[3]
        said = refused(home, "learn", project, images, "--cluster", url)
        assert f"espalier worker --scheduler {url}" in said
    finally:
        scheduler.send_signal(signal.SIGINT)
        assert "Ended after" in scheduler.communicate(timeout=60)[0]


def test_a_worker_says_once_that_nobody_answers_yet_and_waits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = "127.0.0.1:{1}".format(*closed.getsockname())
    with closing(run(None, "be_worker", {"scheduler": gone, "processes": 1})) as events:
        found = list(islice(events, 7))
    said = [event.text for event in found if isinstance(event, Notice)]
    assert said[1:] == [f"Nobody answers at tcp://{gone} yet; this waits."]
    assert isinstance(found[-1], Progress)


def test_without_the_extra_one_sentence_says_how_to_get_it(
    home: Path, project: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.cluster.library.is_there", lambda: False)
    said = refused(home, "learn", project, images, "--cluster", "127.0.0.1")
    assert "pip install 'espalier[cluster]'" in said

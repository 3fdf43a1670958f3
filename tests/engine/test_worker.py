"""The engine thread and process, through the window's own door: submit, cancel, take, close."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from engine.events import Changed, Ended, Event, Notice, Progress, Watched
from engine.results.live import SourceWatched
from engine.worker import Engine
from tests.helpers import image_files
from tests.helpers.live import colour_model, film

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


@pytest.fixture
def engine(shared_engine: Engine) -> Iterator[Engine]:
    """The engine of all tests, whose process takes seconds to start, without a project."""
    shared_engine.take()
    yield shared_engine
    end(shared_engine, shared_engine.submit("close_project"))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for hue, name in enumerate(("moth", "beetle", "snail")):
        image_files.class_folder(folder, name, 30, hue / 3)
    return folder


def until(engine: Engine, ticket: int, seen: Callable[[Event], bool]) -> list[Event]:
    """The ticket's events up to the first for which `seen` is true."""
    events: list[Event] = []
    while not (events and seen(events[-1])):
        for number, event in engine.take():
            if number == ticket and not (events and seen(events[-1])):
                events.append(event)
        threading.Event().wait(0.005)  # leaves the core to the engine process
    return events


def end(engine: Engine, ticket: int) -> Ended:
    return until(engine, ticket, lambda e: isinstance(e, Ended))[-1]


def new_project(engine: Engine, tmp_path: Path) -> None:
    path, weights = (
        str(tmp_path / "p.espalier"),
        str(image_files.weights(tmp_path / "net.safetensors")),
    )
    ticket = engine.submit("new_project", path=path, weights=weights, size=32)
    assert end(engine, ticket).how == "done"


def test_jobs_that_change_wait_for_each_other_and_reads_do_not(engine, tmp_path, images):
    new_project(engine, tmp_path)
    learning = engine.submit("learn_folder", paths=[str(images)])
    waiting = engine.submit("undo")
    reading = engine.submit("images", reads=True, limit=5)
    order = []
    while len(order) < 3:
        order += [t for t, event in engine.take() if isinstance(event, Ended)]
        threading.Event().wait(0.005)
    assert order.index(learning) < order.index(waiting)
    assert order[0] == reading


def test_a_refusal_comes_back_as_one_sentence(engine):
    ended = end(engine, engine.submit("learn_folder", paths=["/nowhere"]))
    assert (ended.how, ended.result) == ("refused", {})
    assert ended.text.endswith(".")
    assert end(engine, engine.submit("no_such_job")).how == "refused"
    assert end(engine, engine.submit("undo", wrong=1)).how == "refused"


def test_a_waiting_job_can_be_cancelled_before_it_began(engine, tmp_path, images):
    new_project(engine, tmp_path)
    learning = engine.submit("learn_folder", paths=[str(images)])
    waiting = engine.submit("undo")
    engine.cancel(waiting)
    assert end(engine, waiting).how == "cancelled"
    assert end(engine, learning).how == "done"


def test_cancelled_on_the_way_the_project_is_as_last_saved(engine, tmp_path, images):
    new_project(engine, tmp_path)
    ticket = engine.submit("learn_folder", paths=[str(images)])
    until(engine, ticket, lambda e: isinstance(e, Progress))
    engine.cancel(ticket)
    assert end(engine, ticket).how == "cancelled"
    again = end(engine, engine.submit("learn_folder", paths=[str(images)]))
    assert again.how == "done"
    assert set(again.result["per_class"]) == {"moth", "beetle", "snail"}


@pytest.mark.logs_warnings
def test_a_killed_or_hung_process_is_lost_and_the_job_can_be_done_again(tmp_path, images):
    engine = Engine(patience=8.0)
    new_project(engine, tmp_path)
    for how in (signal.SIGKILL, signal.SIGSTOP):
        ticket = engine.submit("learn_folder", paths=[str(images)])
        until(engine, ticket, lambda e: isinstance(e, Progress))
        os.kill(engine.process_id, how)
        assert end(engine, ticket).how == "lost"
        # The project is opened again by itself, so the same job can simply be done again.
        again = end(engine, engine.submit("learn_folder", paths=[str(images)]))
        assert again.how == "done"
    engine.close()


def test_where_the_project_is_gone_each_question_is_answered(engine, tmp_path, images):
    """A memory stick was pulled out: what reads says so, and goes on when it is back."""
    new_project(engine, tmp_path)
    assert end(engine, engine.submit("learn_folder", paths=[str(images)])).how == "done"
    (path,) = tmp_path.glob("*.espalier")
    away = path.rename(tmp_path / "away")
    for _ in range(2):
        assert end(engine, engine.submit("images", reads=True)).how == "failed"
    away.rename(path)
    assert end(engine, engine.submit("images", reads=True)).how == "done"


def test_the_process_gives_way_to_the_window(engine):
    assert end(engine, engine.submit("list_backbones")).how == "done"
    assert psutil.Process(engine.process_id).nice() > psutil.Process().nice()


def test_closing_in_the_middle_leaves_no_process(tmp_path, images):
    engine = Engine()
    new_project(engine, tmp_path)
    number = engine.process_id
    ticket = engine.submit("learn_folder", paths=[str(images)])
    until(engine, ticket, lambda e: isinstance(e, Progress))
    engine.close()
    assert not psutil.pid_exists(number)


ORPHAN = """
import time
from engine.worker import Engine
if __name__ == "__main__":
    engine = Engine()
    while engine.process_id is None:
        pass
    print(engine.process_id, flush=True)
    time.sleep(600)
"""


def test_a_killed_window_leaves_no_orphan(tmp_path):
    script = tmp_path / "window.py"
    script.write_text(ORPHAN)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    window = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, env=environment
    )
    child = psutil.Process(int(window.stdout.readline()))
    window.kill()
    window.wait()
    window.stdout.close()
    psutil.wait_procs([child], timeout=60)
    assert not child.is_running()


def test_the_window_hears_of_the_project(engine, tmp_path):
    weights = str(image_files.weights(tmp_path / "net.safetensors"))
    ticket = engine.submit("new_project", path=str(tmp_path / "a.espalier"), weights=weights)
    events = until(engine, ticket, lambda e: isinstance(e, Ended))
    changed = [e for e in events if isinstance(e, Changed)]
    assert changed[-1].project.name == "a"
    assert not [e for e in events if isinstance(e, Notice)]


JOBS = """
import json, sys, threading
from engine.events import Ended
from engine.worker import Engine

if __name__ == "__main__":
    engine = Engine()
    for name, settings in json.loads(sys.argv[1]):
        ticket, ended = engine.submit(name, **settings), None
        while ended is None:
            said = [event for number, event in engine.take() if number == ticket]
            ended = next((event for event in said if isinstance(event, Ended)), None)
            threading.Event().wait(0.005)
        assert ended.how == "done", ended
    engine.close()
    print(sorted({"torch", "onnxruntime", "onnx", "numpy"} & set(sys.modules)))
"""


def test_what_jobs_give_back_brings_no_heavy_library_along(tmp_path, images):
    network = {"weights": str(image_files.weights(tmp_path / "net.safetensors")), "size": 32}
    jobs = [
        ("new_project", {"path": str(tmp_path / "p.espalier"), **network}),
        ("learn_folder", {"paths": [str(images)]}),
        ("predict_images", {"paths": [str(images / "moth" / "000.jpg")]}),
        ("export", {"path": str(tmp_path / "model.onnx")}),
        ("scores", {}),
    ]
    script = tmp_path / "jobs.py"
    script.write_text(JOBS)
    here = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, script, json.dumps(jobs)], env=here, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_of_what_is_watched_the_newest_frame_alone_waits(engine: Engine, tmp_path: Path) -> None:
    """However many came while the window was busy: nothing is taken until the last is answered."""
    shown = film(tmp_path / "f.avi", ["red"] * 199 + ["blue"])
    noted = tmp_path / "blue.csv"
    ticket = engine.submit(
        "watch",
        reads=True,
        source=str(shown),
        model=str(colour_model(tmp_path / "colours.onnx")),
        every=True,
        half_life=0.0,
        rules=[{"class": "blue", "do": "csv", "to": str(noted)}],
    )
    while not noted.exists():
        threading.Event().wait(0.005)
    events = until(engine, ticket, lambda event: isinstance(event, Ended))
    assert events[-1].of(SourceWatched)["frames"] == 200
    watched = [event for event in events if isinstance(event, Watched)]
    assert (watched[-1].index, watched[-1].answer) == (199, "blue")
    assert len(watched) < 50, "but for some on their way by then, one"

"""Everything stays on this computer: nothing is sent, and no name looked up, whatever is done."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.export.formats import EXPORTERS
from tests.helpers import image_files
from tests.helpers.watching import Watched, can_not_watch, foreign_files, watched

pytestmark = [
    pytest.mark.skipif(bool(can_not_watch()), reason=can_not_watch() or "never"),
    pytest.mark.timeout(900),  # PyTorch is imported anew in each watched process
]
COMMANDS = """
import json, sys
from app.cli import main
for words in json.loads(sys.argv[1]):
    if code := main(words):
        sys.exit(code)
"""
LOOK_UP = """
import socket, subprocess, sys
if len(sys.argv) == 1:
    subprocess.run([sys.executable, __file__, "child"], check=True)
else:
    try:
        socket.getaddrinfo("nothing.invalid", 443)
    except OSError:
        print("nobody answers")
"""
IN_THE_WINDOW = "tests/gestures/try_and_export_test.py"
DAY = (
    "test_a_dropped_image_is_answered_with_confidences_and_neighbours",
    "test_an_export_gives_a_receipt_that_can_be_copied",
)
ROOT = Path(__file__).parents[2]
Run = Callable[..., Watched]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs Python with these words as a person who never used Espalier, watched."""

    def python(*words: object) -> Watched:
        person = tmp_path_factory.mktemp("person")
        done = watched([sys.executable, *words], person.with_suffix(".trace"), person)
        assert done.code == 0, done.said
        assert done.asked == ()
        assert foreign_files(person) == []
        return done

    return python


def espalier(*commands: tuple[object, ...]) -> tuple[str, str, str]:
    """Commands as typed, one after the other in one process, which imports PyTorch once."""
    return "-c", COMMANDS, json.dumps([[str(word) for word in words] for words in commands])


@pytest.fixture(scope="module")
def project(run: Run, home: Path) -> Path:
    """A project that was made, learnt and asked while one watched."""
    path = home / "watched.espalier"
    weights = image_files.weights(home / "few operations.safetensors", "squeezenet1_1")
    images = image_files.class_folders(home / "images", {"moth": 12, "snail": 12})
    one = next((images / "moth").iterdir())
    run(
        *espalier(
            ("new", path, "--weights", weights, "--size", 48),
            ("learn", path, images),
            ("predict", path, one),
        )
    )
    return path


def test_a_look_up_of_a_child_would_be_seen(tmp_path: Path) -> None:
    script = tmp_path / "look_up.py"
    script.write_text(LOOK_UP)
    done = watched([sys.executable, script], tmp_path / "trace", tmp_path)
    assert done.code == 0, done.said
    assert done.asked


def test_new_learn_and_predict_ask_nobody(project: Path) -> None:
    assert project.is_dir()


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_an_export_its_answers_and_its_script_ask_nobody(
    name: str, run: Run, project: Path, tmp_path: Path
) -> None:
    if reason := EXPORTERS[name].missing():
        pytest.skip(reason)
    file = tmp_path / f"watched{EXPORTERS[name].suffix}"
    one = image_files.image(tmp_path / "one.jpg")
    run(*espalier(("export", project, "--to", file, "--format", name), ("predict", file, one)))
    assert str(one) in run(file.with_suffix(".py"), one).said


def test_a_day_in_the_window_asks_nobody(tmp_path: Path) -> None:
    """Its start, a folder that is dropped and learnt, an answer and an export."""
    tests = [f"{IN_THE_WINDOW}::{name}" for name in DAY]
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "0",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        ROOT,
        *tests,
    ]
    done = watched(words, tmp_path / "trace", tmp_path, {"TMPDIR": str(tmp_path)})
    assert done.code == 0, done.said
    assert "2 passed" in done.said
    assert done.asked == ()

"""A person has a film, a camera and a folder watched on the command line, and rules do things."""

from __future__ import annotations

import csv
import json
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, in_a_process, refused
from tests.helpers.live import (
    Camera,
    Hook,
    colour_model,
    drawn,
    film,
    image_file,
    served,
    sources_below,
)

ONCE = 0.5 ** (1 / 25 / 0.5)
"""What a frame of a film weighs after one more, at the half-life that is usual."""


@pytest.fixture(scope="module")
def model(home: Path) -> Path:
    return colour_model(home / "colours.onnx")


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def watched(home: Path, *words: object) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A line for each frame, and what came of it."""
    done = espalier(home, "watch", *words, "--json")
    assert done.returncode == 0, done.stderr
    *frames, result = lines_of(done.stdout)
    return frames, result


class Watching:
    """A command that goes on until Ctrl+C; its lines as they come."""

    def __init__(self, home: Path, *words: object) -> None:
        self.process = in_a_process(home, "watch", *words, "--json")
        self.lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def says(self, **wanted: object) -> dict[str, Any]:
        """The next line that has all of these."""
        while True:
            line = self.lines.get(timeout=120)
            if wanted.items() <= line.items():
                return line

    def ends(self) -> dict[str, Any]:
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0, self.process.stderr
        self.reader.join()
        return list(self.lines.queue)[-1]

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def watching(home: Path) -> Iterator[Any]:
    if sys.platform == "win32":
        pytest.skip("sends a POSIX signal")
    made: list[Watching] = []

    def begin(*words: object) -> Watching:
        made.append(Watching(home, *words))
        return made[-1]

    yield begin
    for each in made:
        each.close()


# A film.


def test_each_frame_of_a_film_is_answered_and_smoothed(home, model, tmp_path) -> None:
    shown = ["red"] * 10 + ["blue"] * 10
    frames, result = watched(home, model, film(tmp_path / "f.avi", shown), "--every-frame")
    assert [frame["frame"] for frame in frames] == list(range(20))
    assert [frame["latest"] for frame in frames] == shown
    assert [frame["left_out"] for frame in frames] == [0] * 20
    red = [frame["classes"]["red"] for frame in frames]
    assert red[9] == pytest.approx(1, abs=0.05)
    for k in range(1, 11):
        assert red[9 + k] == pytest.approx(ONCE**k, abs=0.05), "the mean as --help says it"
    assert result["frames"] == 20
    assert set(result["milliseconds"]) == {"grab", "decode", "resize", "network", "age"}
    plain, _ = watched(
        home, model, tmp_path / "f.avi", "--every-frame", "--half-life", 0, "--least", 0.9
    )
    assert [frame["class"] for frame in plain] == shown


def test_what_is_none_of_the_classes_is_said_so(home, model, tmp_path) -> None:
    shown = film(tmp_path / "f.avi", ["red", "white", "blue"])
    frames, result = watched(home, model, shown, "--every-frame", "--half-life", 0)
    assert [frame["class"] for frame in frames] == ["red", "", "blue"]
    assert result["answers"] == {"red": 1, "none of these": 1, "blue": 1}
    between = film(tmp_path / "between.avi", ["red"] + ["blue"] * 10)
    frames, _ = watched(home, model, between, "--every-frame", "--least", 0.8)
    assert [frames[0]["known"], frames[-1]["known"]] == ["known", "not sure"]
    done = espalier(home, "watch", model, shown, "--every-frame", "--half-life", 0)
    assert [line.split("  ")[1] for line in done.stdout.splitlines()[:3]] == [
        "red 100 %",
        "none of these",
        "blue 100 %",
    ]


def test_a_project_answers_a_film_as_its_exported_file_does(home, project, tmp_path) -> None:
    shown = film(tmp_path / "f.avi", ["red", "blue", "green"])
    words = (shown, "--every-frame", "--half-life", 0)
    own, _ = watched(home, project, *words)
    exported, _ = watched(home, home / "p.onnx", *words)
    assert [f["class"] or f["known"] for f in own] == [f["class"] or f["known"] for f in exported]
    assert own[0]["classes"] == pytest.approx(exported[0]["classes"], abs=0.01)


def test_an_exported_file_is_asked_without_pytorch(home, model, tmp_path) -> None:
    code = (
        "import sys; from app.cli import main; code = main();"
        "assert not {'torch', 'PySide6', 'cv2'} & set(sys.modules); sys.exit(code)"
    )
    shown = film(tmp_path / "f.avi", ["red"])
    light = in_a_process(home, "watch", model, shown, "--every-frame", code=code)
    said = "".join(light.communicate())
    assert light.returncode == 0, said


# A camera.


def test_a_camera_that_is_pulled_goes_on_when_it_is_back(watching, model) -> None:
    camera = Camera()
    with served(camera) as address:
        camera.shows("red", 30)
        seen = watching(model, address.replace("//", "//me:secret@"), "--half-life", 0)
        seen.says(**{"class": "red"})
        camera.pull()
        lost = seen.lines.get(timeout=60)
        while "lost" not in lost:
            lost = seen.lines.get(timeout=60)
        assert "goes on when it is back" in lost["lost"]
        assert "secret" not in lost["lost"], "addresses can hold passwords"
        camera.give_back()
        camera.shows("blue", 30)
        seen.says(**{"class": "blue"})
        result = seen.ends()
    assert result["losses"] >= 1
    assert {"red", "blue"} <= set(result["answers"])


def test_rules_go_on_after_the_process_that_reads_was_killed(watching, model, tmp_path) -> None:
    noted, camera = tmp_path / "noted.csv", Camera()
    rule = ("--rule", "red", "csv", noted, "--rest", 0)
    with served(camera) as address:
        camera.shows("red", 30)
        seen = watching(model, address, "--half-life", 0, *rule)
        while seen.says(**{"class": "red"})["seconds"] < 2:
            camera.shows("red")
        (source,) = sources_below(seen.process.pid)
        source.kill()
        while "lost" not in seen.lines.get(timeout=60):
            camera.shows("red")
        camera.give_back()
        camera.shows("red", 30)
        again = seen.says(**{"class": "red"})["seconds"]
        seen.ends()
    times = [float(row["seconds"]) for row in csv.DictReader(noted.read_text("utf-8").splitlines())]
    assert again in times[times.index(max(times)) :], "it doesn't wait for yesterday's time"


# A folder.


@pytest.fixture(scope="module")
def project(home: Path, home_weights: Path) -> Path:
    """It has learnt two colours, and its exported file lies beside it."""
    path = home / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    for name, hue in (("one", 0.0), ("other", 0.5)):
        folder = image_files.class_folder(home / f"learnt {name}", "images", 8, hue)
        answered(home, "learn", path, folder, "--into", name)
    answered(home, "export", path, "--to", home / "p.onnx")
    return path


def test_what_comes_into_a_folder_is_sorted(watching, model, tmp_path) -> None:
    folder, to = tmp_path / "in", tmp_path / "in" / "sorted"
    image_file(folder / "before.jpg", "red")
    seen = watching(model, folder, "--existing", "--sort-into", to, "--least", 0.9)
    seen.says(**{"class": "red"})
    for name in ("blue", "white"):
        image_file(folder / f"{name}.jpg", name)
    mixed = drawn("red")
    mixed[:24] = drawn("green")[:24]
    Image.fromarray(mixed).save(folder / "mixed.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no image")
    came = {Path(seen.lines.get(timeout=120)["path"]).stem for _ in range(4)}
    assert came == {"blue", "white", "mixed", "broken"}
    image_file(folder / "late.jpg", "red")
    seen.says(path=str(folder / "late.jpg"))
    result = seen.ends()
    expected = {"red": 2, "blue": 1, "none of these": 1, "not sure": 1}
    assert result["sorted"] == expected
    assert result["frames"] == 5, "what was sorted is not watched"
    assert result["unusable"] == 1
    there = {path.relative_to(to).as_posix() for path in to.rglob("*.*g")}
    assert {"red/late.jpg", "blue/blue.jpg", "not sure/mixed.png"} <= there
    assert len(there) == 5


def test_what_is_unsure_waits_in_the_project(watching, home, project, tmp_path) -> None:
    folder = tmp_path / "in"
    image_files.class_folder(tmp_path, "in", 3, 0.25)
    seen = watching(project, folder, "--existing", "--to-heap", "--least", 1)
    for _ in range(3):
        assert seen.lines.get(timeout=120)["known"] != "known"
    assert seen.ends()["heap"] == 3
    assert len(answered(home, "suggest", project)["order"]) == 3
    said = refused(home, "watch", home / "p.onnx", folder, "--to-heap")
    assert "Name a project" in said


def test_what_is_sure_is_sorted_and_the_rest_waits_in_the_project(
    watching, home, project, tmp_path
) -> None:
    folder, to = tmp_path / "in", tmp_path / "to"
    image_files.class_folder(tmp_path, "in", 12, 0.25, seed=1)
    words = ("--existing", "--to-heap", "--sort-into", to, "--least", 0.95)
    seen = watching(project, folder, *words)
    lines = [seen.lines.get(timeout=120) for _ in range(12)]
    answers = {Path(line["path"]): line for line in lines}
    result = seen.ends()
    sure = {path.name for path, line in answers.items() if line["known"] == "known"}
    assert 0 < len(sure) < 12, "some of each"
    assert sum(result["sorted"].values()) == len(sure)
    assert result["heap"] == 12 - len(sure)
    assert {path.name for path in to.rglob("*.jpg")} == sure


# Rules.


def test_rules_do_what_they_say_and_rest(home, model, tmp_path) -> None:
    shown = film(tmp_path / "f.avi", ["red"] * 30 + ["white"] * 5 + ["blue"] * 30)
    noted = tmp_path / "noted.txt"
    program = tmp_path / "note.py"
    program.write_text(
        "import sys; from pathlib import Path\n"
        "image, name, share = sys.argv[2:]\n"
        "assert Path(image).read_bytes()[:2] == bytes([255, 216])\n"
        "with open(sys.argv[1], 'a') as f: f.write(f'{name} {float(share):.1f}\\n')\n"
    )
    called = f'"{sys.executable}" "{program}" "{noted}"'
    rules = tmp_path / "rules.json"
    rules.write_text(
        json.dumps([{"class": "blue", "do": "csv", "to": str(tmp_path / "blue.csv"), "rest": 0}])
    )
    _, result = watched(
        home,
        *(model, shown, "--every-frame", "--half-life", 0, "--rest", 0.6, "--rules", rules),
        *("--rule", "*", "copy", tmp_path / "caught", "--rule", "red", "run", called),
    )
    caught = sorted(path.name.split()[0] for path in (tmp_path / "caught").iterdir())
    assert caught == ["blue", "blue", "red", "red"], "1.2 seconds of each, each 0.6 seconds"
    for path in (tmp_path / "caught").iterdir():
        with Image.open(path) as image:
            assert image.size == (48, 48)
    assert noted.read_text() == "red 1.0\nred 1.0\n"
    rows = list(csv.DictReader((tmp_path / "blue.csv").read_text("utf-8").splitlines()))
    assert len(rows) == 30, "none is left out where a film waits"
    assert [rows[0]["class"], rows[0]["source"], rows[0]["seconds"]] == ["blue", "f.avi", "1.400"]
    assert [rule["done"] for rule in result["rules"]] == [4, 2, 30]


def test_a_film_waits_for_a_rule_that_is_slow(home, model, tmp_path) -> None:
    """More frames than may wait at once; each starts a program."""
    shown, noted = film(tmp_path / "f.avi", ["red"] * 12), tmp_path / "noted.txt"
    program = tmp_path / "note.py"
    program.write_text("import sys\nwith open(sys.argv[1], 'a') as f: f.write('.')\n")
    called = f'"{sys.executable}" -S "{program}" "{noted}"'
    rule = ("--rule", "red", "run", called, "--rest", 0)
    _, result = watched(home, model, shown, "--every-frame", *rule)
    assert noted.read_text() == "." * 12
    assert result["rules"][0]["left_out"] == 0


def test_a_rule_that_fails_says_so_and_is_tried_again(home, model, tmp_path) -> None:
    hook = Hook()
    hook.codes = [500, 503]
    shown = film(tmp_path / "f.avi", ["red"] * 3)
    with served(hook) as address:
        rule = ("--rule", "red", "post", address, "--half-life", 0)
        camera = Camera()
        with served(camera) as seen_at:
            camera.shows("red", 30)
            asking = in_a_process(home, "watch", model, seen_at, *rule)
            try:
                with hook.changed:
                    assert hook.changed.wait_for(lambda: hook.got, 120)
            finally:
                asking.send_signal(signal.SIGINT)
                said = asking.communicate()[1]
        assert hook.got[0]["class"] == "red"
        assert "image" not in hook.got[0], "unless it is asked for"
        assert "answered 500. It is tried again." in said
        hook.got.clear()
        asked = [{"class": "red", "do": "post", "to": address, "image": True, "rest": 0}]
        (tmp_path / "rules.json").write_text(json.dumps(asked))
        words = (model, shown, "--every-frame", "--half-life", 0, "--rules")
        _, result = watched(home, *words, tmp_path / "rules.json")
        assert len(hook.got) == result["rules"][0]["done"] == 3
        assert hook.got[0]["image"]


def test_what_fails_for_ever_takes_no_more_memory_and_no_more_time(home, model, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    shown = film(tmp_path / "f.avi", ["red"] * 100)
    rule = ("--rule", "red", "copy", tmp_path / "file" / "caught", "--rest", 0)
    done = espalier(home, "watch", model, shown, "--every-frame", *rule, "--json")
    assert done.returncode == 0
    result = lines_of(done.stdout)[-1]
    assert result["rules"][0]["done"] == 0
    assert result["rules"][0]["left_out"] == 100
    assert done.stderr.count("failed: not a directory") == 1


# What can't be watched.


def test_what_can_not_be_watched_is_said_in_a_sentence(home, model, tmp_path, monkeypatch) -> None:
    assert "no film or folder" in refused(home, "watch", model, tmp_path / "nothing")
    assert "no address" in refused(home, "watch", model, "ftp://somewhere/film.mp4")
    image = image_file(tmp_path / "a.jpg", "red")
    assert "no film by its name" in refused(home, "watch", model, image)
    (tmp_path / "a.mp4").write_bytes(bytes(range(256)) * 100)
    assert "can't be read as a film" in refused(home, "watch", model, tmp_path / "a.mp4")
    assert "no camera 77 here" in refused(home, "watch", model, "77")
    assert "camera answers" in refused(home, "watch", model, "http://127.0.0.1:9/cam")
    shown = film(tmp_path / "f.avi", ["red"])
    words = ("watch", model, shown, "--rule")
    assert "knows no class “pink”" in refused(home, *words, "pink", "copy", tmp_path / "to")
    assert "can't “dance”" in refused(home, *words, "red", "dance", "twice")
    assert "no web address" in refused(home, *words, "red", "post", "file:///etc/passwd")
    assert "goes with a watched folder" in refused(home, *words[:3], "--sort-into", tmp_path / "to")
    assert "not to smooth" in refused(home, *words[:3], "--half-life", -1)
    (tmp_path / "rules.json").write_text("{}")
    assert "no list of rules" in refused(home, *words[:3], "--rules", tmp_path / "rules.json")
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert 'pip install "espalier[camera]"' in refused(home, *words[:3])

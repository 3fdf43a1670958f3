"""A person unpacks the zip for a Raspberry Pi where Espalier is not installed, and it watches."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, refused
from tests.helpers.live import Camera, film, image_file, served
from tests.helpers.watching import SWITCHES, foreign_files

GUARD = """
import importlib.abc, sys
WANTED = {"numpy", "PIL", "onnxruntime", "cv2", "engine", "model"}
class Guard(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        first = name.partition(".")[0]
        if first not in WANTED and first not in sys.stdlib_module_names:
            raise ImportError(f"{name} is not there")
sys.meta_path.insert(0, Guard())
"""
"""A computer on which nothing else is installed: said in each process before anything is imported.
What these packages themselves can do without, they do without."""


@pytest.fixture(scope="module")
def project(home: Path, home_weights: Path) -> Path:
    """It has learnt two colours."""
    path = home / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    for name, hue in (("one", 0.0), ("other", 0.5)):
        folder = image_files.class_folder(home / f"learnt {name}", "images", 8, hue)
        answered(home, "learn", path, folder, "--into", name)
    return path


@pytest.fixture(scope="module")
def unpacked(home: Path, project: Path) -> Path:
    """The folder of the zip, which lies beside it, on a computer of its own."""
    words = ("--to", home / "p.zip", "--format", "pi", "--set", "images=4")
    receipt = answered(home, "export", project, *words)
    assert receipt["self_test"] == "4 images with their answers go along"
    return unzipped(home / "p.zip", home / "device")


def unzipped(path: Path, to: Path) -> Path:
    with zipfile.ZipFile(path) as packed:
        packed.extractall(to)
    guard = to.parent / "guard"
    guard.mkdir(exist_ok=True)
    (guard / "sitecustomize.py").write_text(GUARD)
    return to


def begin(folder: Path, *words: object) -> subprocess.Popen[str]:
    """Starts one of the zip's programs there, with what it needs and nothing else."""
    home = folder.parent / "somebody"
    home.mkdir(exist_ok=True)
    own = {"PYTHONPATH": str(folder.parent / "guard"), "PYTHONUTF8": "1", "HOME": str(home)}
    given = {k: v for k, v in os.environ.items() if k not in SWITCHES and not k.startswith("XDG_")}
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env={**given, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(folder: Path, *words: object) -> tuple[int, str, str]:
    """A program to its end: its code, what it printed, and what it said of trouble."""
    process = begin(folder, *words)
    out, err = process.communicate()
    return process.returncode, out, err


def lines(folder: Path, *words: object) -> list[dict[str, Any]]:
    code, out, err = done(folder, "watch.py", *words)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def test_the_self_test_holds_and_would_not_if_answers_were_other_ones(unpacked, tmp_path) -> None:
    code, out, err = done(unpacked, "selftest.py")
    assert code == 0, err
    assert "Same class as in the project: 4 of 4 images." in out
    assert "Prepared to the bit as in the project: 4 of 4 images." in out
    assert "ms in the middle" in out
    receipt = json.loads((unpacked / "self-test.json").read_text())
    assert receipt["holds"]
    assert receipt["largest_difference_from_the_project"] < 1e-3
    assert receipt["latency_ms"]["p50"] > 0

    other = shutil.copytree(unpacked, tmp_path / "device")
    shutil.copytree(unpacked.parent / "guard", tmp_path / "guard")
    with Image.open(other / "check" / "01.png") as image:
        Image.fromarray(255 - np.asarray(image)).save(other / "check" / "01.png")
    code, out, _ = done(other, "selftest.py")
    assert code == 1
    assert "does NOT hold" in out
    assert "Prepared to the bit as in the project: 3 of 4 images." in out


def test_a_film_is_answered_as_the_project_answers_it(unpacked, home, project, tmp_path) -> None:
    shown = film(tmp_path / "f.avi", ["red", "blue", "green"])
    own = [json.loads(line) for line in watched(home, project, shown)]
    frames = lines(unpacked, shown, "--every-frame", "--half-life", 0)
    for key in ("frame", "seconds", "known", "class", "latest"):
        assert [f[key] for f in frames[:3]] == [f[key] for f in own[:3]]
    for here, there in zip(frames[:3], own[:3], strict=True):
        assert here["classes"] == pytest.approx(there["classes"], abs=0.01)
    assert frames[3]["frames"] == 3


def watched(home: Path, project: Path, shown: Path) -> list[str]:
    said = espalier(home, "watch", project, shown, "--every-frame", "--half-life", 0, "--json")
    return said.stdout.splitlines()


def test_what_comes_into_a_folder_is_copied_and_noted(unpacked, tmp_path) -> None:
    folder, seen = tmp_path / "in", tmp_path / "seen"
    image_file(folder / "a.jpg", "red")
    (folder / "b.jpg").write_bytes(b"no image")
    words = ("--existing", "--sure", 0, "--copy", seen, "--csv", tmp_path / "seen.csv")
    process = begin(unpacked, "watch.py", folder, *words)
    assert process.stdout is not None
    told = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert json.loads(out)["frames"] == 1
    assert told[0]["class"] in ("one", "other")
    assert "reason" in told[1]
    assert [path.name for path in seen.iterdir()] == ["a.jpg"]
    (row,) = csv.DictReader((tmp_path / "seen.csv").read_text("utf-8").splitlines())
    assert row["class"] == told[0]["class"]


@pytest.fixture
def camera() -> Iterator[tuple[Camera, str]]:
    made = Camera()
    with served(made) as address:
        yield made, address


def test_a_camera_that_is_pulled_is_said_and_goes_on_until_sigterm(unpacked, camera) -> None:
    shown, address = camera
    shown.shows("red", 30)
    process = begin(unpacked, "watch.py", address, "--half-life", 0, "--changes")
    assert process.stdout is not None
    assert "class" in json.loads(process.stdout.readline())
    shown.pull()
    lost = json.loads(process.stdout.readline())
    assert "It goes on when it is back." in lost["lost"]
    shown.give_back()
    shown.shows("blue", 30)
    assert "class" in json.loads(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert json.loads(out.splitlines()[-1])["losses"] == 1


def test_what_can_not_be_watched_is_said_in_a_sentence(unpacked, tmp_path) -> None:
    for words, said in (
        ((tmp_path / "nothing",), "no film or folder"),
        (("77",), "no camera 77"),
        ((unpacked, "--rule", "pink", "copy", "to"), "knows no class “pink”"),
        ((unpacked, "--least", 2), "between 0 and 1"),
    ):
        code, out, err = done(unpacked, "watch.py", *words)
        assert (code, out) == (2, "")
        assert said in err
        assert "Traceback" not in err


def test_eight_bits_are_a_setting_and_hold_too(home, project, tmp_path) -> None:
    words = ("--format", "pi", "--set", "eight_bits=true", "--set", "points=100")
    receipt = answered(home, "export", project, "--to", tmp_path / "p.zip", *words)
    assert "by" in receipt["calibration"]
    folder = unzipped(tmp_path / "p.zip", tmp_path / "device")
    assert "with 8 bits" in (folder / "README.txt").read_text("utf-8")
    assert (folder / "model.onnx").stat().st_size < (home / "device" / "model.onnx").stat().st_size
    code, out, err = done(folder, "selftest.py")
    assert code == 0, (out, err)


def test_the_zip_is_asked_as_any_other_export(unpacked, home, project, images) -> None:
    image = str(next(images.rglob("*.jpg")))
    zipped, own = (answered(home, "predict", model, image) for model in (home / "p.zip", project))
    assert zipped[image] == pytest.approx(own[image], abs=1e-3)
    (home / "no.zip").write_bytes(b"no zip")
    assert "is no zip" in refused(home, "predict", home / "no.zip", image)


def test_its_programs_leave_nothing_in_the_home_of_who_runs_them(unpacked, tmp_path) -> None:
    """ONNX Runtime, left alone, keeps an identity there and what it will tell its makers."""
    assert done(unpacked, "selftest.py")[0] == 0
    assert lines(unpacked, film(tmp_path / "f.avi", ["red"]), "--every-frame")
    assert foreign_files(unpacked.parent / "somebody") == []


def test_the_service_and_the_installer_name_only_what_is_there(unpacked) -> None:
    for script in ("install.sh", "watch.conf"):
        subprocess.run(["sh", "-n", unpacked / script], check=True)
    unit = (unpacked / "espalier-watch.service").read_text()
    for name in ("watch.py", "watch.conf"):
        assert name in unit
        assert (unpacked / name).is_file()
    assert os.access(unpacked / "install.sh", os.R_OK)
    readme = (unpacked / "README.txt").read_text("utf-8")
    assert "one and other" in readme
    assert "$" not in readme

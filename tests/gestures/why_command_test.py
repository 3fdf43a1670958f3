"""Why an image gets its answer, on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers import projects
from tests.helpers.commands import answered, espalier, refused
from tests.helpers.image_files import text_file


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "engine.system.device.set_threads", lambda window_open: torch.set_num_threads(1)
    )


@pytest.fixture(scope="module")
def project(home: Path, home_weights: Path) -> Path:
    """Of 64 pixels, of which nine places are left."""
    path = home / "p.espalier"
    made = espalier(home, "new", path, "--weights", home_weights, "--size", 64)
    assert made.returncode == 0, made.stderr
    learnt = espalier(home, "learn", path, projects.images() / "first", "--learner", "slda")
    assert learnt.returncode == 0, learnt.stderr
    return path


def photo() -> Path:
    return projects.images() / "first" / "validation" / "red" / "000.jpg"


def test_the_map_as_numbers_and_in_words(home: Path, project: Path) -> None:
    found = answered(home, "why", project, photo())
    assert {found["answer"], found["second"]} <= {"red", "teal"}
    assert found["kind"] == "exact"
    assert found["explained"] == 1
    assert np.sum(found["values"]) == pytest.approx(found["logit"], abs=1e-5)
    assert found["beside"]["class"] == found["second"]
    assert "overlay" not in found

    said = espalier(home, "why", project, photo()).stdout
    assert said.startswith(f"{found['answer']}: {found['where']}\n")
    assert f"image of {found['second']}, the likeliest other class: " in said


def test_what_speaks_for_another_class_than_the_answer(home: Path, project: Path) -> None:
    answer, other = (answered(home, "why", project, photo())[name] for name in ("answer", "second"))

    found = answered(home, "why", project, photo(), "--of", other)

    assert (found["answer"], found["second"]) == (other, answer)
    assert found["logit"] < 0
    assert np.sum(found["values"]) == pytest.approx(found["logit"], abs=1e-5)
    assert found["beside"]["class"] == answer
    assert found["whose"] == f"The model in use answers {answer}."
    assert f"how far {other} is below the mean of all classes" in found["how"]
    learnt = projects.images() / "first" / "train" / "red" / "000.jpg"
    said = espalier(home, "why", project, learnt, "--of", "red").stdout
    assert "The model in use has learnt this image since, and answers " in said
    other = answered(home, "why", project, learnt, "--of", "teal")["beside"]
    assert (other["class"], Path(other["path"]) != learnt) == ("red", True), "not itself"
    assert "“blue” is not learnt" in refused(home, "why", project, photo(), "--of", "blue")


def test_the_map_as_an_image(home: Path, project: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.jpg"
    with Image.open(photo()) as square:
        square.resize((120, 60)).save(wide)
    target = tmp_path / "map.png"

    done = espalier(home, "why", project, wide, "--to", target)

    assert done.returncode == 0, done.stderr
    assert str(target) in done.stdout
    with Image.open(target) as saved:
        assert saved.format == "PNG"
        assert saved.width == 640, "five and a third times as large as it is, to be read"
        assert saved.height > 320
        pixels = np.asarray(saved.convert("RGB")).astype(int)
    colour = np.abs(pixels[:320, :, 2] - pixels[:320, :, 0]).max(axis=0)
    assert colour[180:460].max() > 40
    assert colour[:144].max() == colour[496:].max() == 0, "what the network did not see stays grey"
    assert "already exists" in refused(home, "why", project, wide, "--to", target)
    again = espalier(home, "why", project, wide, "--to", target, "--overwrite")
    assert again.returncode == 0, again.stderr


def test_what_is_no_image_is_refused(home: Path, project: Path, tmp_path: Path) -> None:
    said = refused(home, "why", project, text_file(tmp_path / "notes.txt"))
    assert "a text file" in said
    assert "Choose an image" in said
    assert "left out" not in said
    assert refused(home, "why", project, text_file(tmp_path / "notes.jpg"))
    assert refused(home, "why", project, tmp_path / "gone.jpg")

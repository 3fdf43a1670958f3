"""The same image gives the same class through every door that answers.

The doors: the window, the command line, the table that it writes, each exported file, and the
sample script beside it. The images: odd sizes, turned by EXIF, grey, and transparent. The features
are of the kind that asks most of a door: moments, their roots, and the mirror image.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.export.endings import is_exported
from engine.export.formats import EXPORTERS
from engine.export.readers import predict_exported
from tests.helpers import image_files
from tests.helpers.commands import answered
from tests.helpers.window import Person, drop, urls

NEAR = {"onnx-int8": 0.25}
USUAL = 0.02
"""By how much a probability may differ: a receipt allows no more either, but for 8 bits, where it
counts how often the class is right."""
KIND = "moments-roots-mirror"
UNKNOWN = "none of these"
RANKS = (("class", "probability"), ("second class", "second probability"))


def make_pictures(root: Path) -> list[Path]:
    """Images of every kind that doors could read differently."""
    root.mkdir()
    made = [
        image_files.image(root / f"{w}x{h}.png", w, (w, h), "PNG")
        for w, h in ((33, 97), (301, 64), (64, 64), (9, 140), (640, 427))
    ]
    made += [image_files.turned_by_exif(root / f"turned {n}.jpg", n) for n in (1, 3, 6, 7)]
    made += [image_files.in_mode(root / f"{mode}.png", mode) for mode in ("P", "LA", "RGBA")]
    made += [
        image_files.grey_16_bits(root / "grey 16.png"),
        image_files.cmyk_jpeg(root / "cmyk.jpg"),
    ]
    made += [image_files.float_tiff(root / f"floats {top:g}.tif", top) for top in (1, 255, 1e6)]
    made += [image_files.wide_tiff(root / f"wide {top}.tif", top) for top in (200, 60_000, 2**30)]
    Image.fromarray((image_files.grey_ramp((50, 81)) * 255).astype(np.uint8)).save(
        root / "grey.png"
    )
    return [*made, root / "grey.png"]


@pytest.fixture(scope="module")
def project(home: Path) -> Path:
    """Of a network with few operations, since a dozen programs open what is exported."""
    path = home / "doors.espalier"
    weights = image_files.weights(home / "few operations.safetensors", "squeezenet1_1")
    answered(home, "new", path, "--weights", weights, "--size", 48, "--features", KIND)
    answered(
        home, "learn", path, image_files.class_folders(home / "doors", {"moth": 16, "snail": 16})
    )
    return path


@pytest.fixture(scope="module")
def images(home: Path) -> list[Path]:
    return make_pictures(home / "kinds")


Answers = Mapping[str, Mapping[str, float]]


@pytest.fixture(scope="module")
def expected(home: Path, project: Path, images: list[Path]) -> Answers:
    """What `espalier predict PROJECT` says: each image's probabilities by class."""
    found = answered(home, "predict", project, *images)
    assert len(found) == len(images)
    assert len({max(classes, key=classes.get) for classes in found.values()}) == 2
    return found


def agree(expected: Answers, path: str, classes: Mapping[str, float], near: float = USUAL) -> None:
    """The same class wherever it is clear, and probabilities that are near."""
    ours = expected[path]
    for name, probability in classes.items():
        assert probability == pytest.approx(ours[name], abs=near), path
    if abs(ours["moth"] - ours["snail"]) > 2 * near and len(classes) == 2:
        assert max(classes, key=classes.get) == max(ours, key=ours.get), path


def table(home: Path, model: Path, images: list[Path], to: Path) -> list[dict[str, str]]:
    """The rows of `espalier predict MODEL ... --csv FILE`."""
    answered(home, "predict", model, *images, "--csv", to)
    with to.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_says_what_the_list_says(home, project, images, expected, tmp_path):
    for row in table(home, project, images, tmp_path / "t.csv"):
        two = {row[rank]: float(row[of]) for rank, of in RANKS}
        agree(expected, row["path"], two)


@pytest.mark.parametrize("name", list(EXPORTERS))
def test_an_exported_file_and_its_script_say_what_the_project_says(
    home, project, images, expected, tmp_path, name
):
    exporter = EXPORTERS[name]
    if reason := exporter.missing():
        pytest.skip(reason)
    path = tmp_path / f"model{exporter.suffix}"
    answered(home, "export", project, "--to", path, "--format", name)
    assert is_exported(path)
    by_file = predict_exported(path, images)
    for image, answer in by_file.items():
        agree(expected, image, answer["classes"], NEAR.get(name, USUAL))
    rows = table(home, path, images, tmp_path / "t.csv")
    assert [row["path"] for row in rows] == [str(image) for image in images]
    for row in rows:
        answer = by_file[row["path"]]
        assert row["class"] == max(answer["classes"], key=answer["classes"].get), row
        assert (row["known"] == UNKNOWN) == (not answer["known"]), row
    if EXPORTERS.make(name).script(path.name):
        by_script(path.with_suffix(".py"), by_file)


def by_script(script: Path, by_file: Mapping[str, Any]) -> None:
    """The sample script, run as anybody would, says what the file says."""
    done = subprocess.run(
        [sys.executable, script, *by_file],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == list(by_file)
    for path, probability, verdict in lines:
        answer = by_file[path]
        best = max(answer["classes"], key=answer["classes"].get)
        assert float(probability) == pytest.approx(answer["classes"][best], abs=USUAL), path
        if abs(answer["distance"] - answer["threshold"]) > 1e-3:
            assert verdict == (best if answer["known"] else UNKNOWN), path


def test_the_window_says_what_the_command_line_says(
    person: Person, project: Path, images: list[Path], expected: Answers
) -> None:
    submit = person.window.bridge.submit
    assert person.waits_for(lambda: submit("open_project", path=str(project))).how == "done"
    page = person.page("Try")
    drop(page, urls(images))
    person.sees(lambda: page.question is None and len(page.found) == len(images))
    for path, answer in page.found.items():
        agree(expected, path, answer["classes"])

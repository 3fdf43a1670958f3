"""Images in the order of their time: each is asked, then learnt."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, refused

BEGIN = datetime(2026, 3, 1, 12)
CLASSES = ["red", "teal", "violet"]


def dated(root: Path, days: float = 1.0, first: datetime = BEGIN) -> Path:
    """Gives the images of each class folder times of a camera, one after the other."""
    for folder in sorted(root.iterdir()):
        for number, file in enumerate(sorted(folder.iterdir())):
            with Image.open(file) as image:
                image.load()
                exif = image.getexif()
                when = first + number * timedelta(days=days)
                exif.get_ifd(0x8769)[0x9003] = f"{when:%Y:%m:%d %H:%M:%S}"
                image.save(file, exif=exif, quality=95)
    return root


@pytest.fixture(scope="module")
def project(home: Path, home_weights: Path) -> Path:
    root = image_files.plain_folders(home / "images", CLASSES, 15)
    path = home / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    answered(home, "learn", path, root)
    return path


@pytest.fixture(scope="module")
def later(home: Path) -> Path:
    """12 new images of each class; two of violet are there twice, and one file is no image."""
    root = dated(image_files.plain_folders(home / "later", CLASSES, 12, seed=1))
    shutil.copy(root / "violet" / "003.jpg", root / "violet" / "again.jpg")
    image_files.text_file(root / "red" / "broken.jpg")
    return root


def digest(project: Path) -> str:
    with (project / "project.db").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_three_orders_stand_beside_each_other(home: Path, project: Path, later: Path) -> None:
    before, steps = digest(project), answered(home, "steps", project)
    found = answered(home, "stream", project, later)
    assert (found["images"], found["twice"], found["already_there"]) == (36, 1, 0)
    assert found["learnt_before"] > 30
    assert [Path(row["path"]).name for row in found["skipped"]] == ["broken.jpg"]
    times = found["times"]
    assert (times["camera"], times["file"], times["name"]) == (36, 0, 0)
    assert (times["first"], times["last"]) == ("2026-03-01 12:00:00", "2026-03-12 12:00:00")
    assert [one["order"] for one in found["orders"]] == ["came", "shuffled", "class"]
    came, mixed, by_class = (
        [(Path(p).parent.name, Path(p).name) for p in one["paths"]] for one in found["orders"]
    )
    assert [name for _, name in came] == [f"{n:03}.jpg" for n in range(12) for _ in CLASSES]
    assert [name for name, _ in by_class] == [name for name in CLASSES for _ in range(12)]
    assert sorted(mixed) == sorted(came) != mixed
    for one in found["orders"]:
        assert one["accuracy"] == 1, "a noisy field of one colour is told by any network"
        assert one["curve"] == [1] * 36
    assert (digest(project), answered(home, "steps", project)) == (before, steps)


def test_a_new_class_is_wrong_once(home: Path, project: Path, tmp_path: Path) -> None:
    root = image_files.plain_folders(tmp_path / "all", [*CLASSES, "white", "x"], 4, seed=2)
    shutil.rmtree(root / "x")
    found = answered(home, "stream", project, root / "white", "--order", "class", "--fading=0.5")
    assert found["new_classes"] == ["white"]
    (one,) = found["orders"]
    assert (one["images"], one["right"]) == (4, 3)
    assert one["curve"] == pytest.approx([0, 1 / 1.5, 1.5 / 1.75, 1.75 / 1.875])
    assert "Here f is 0.5: an answer counts half after 1 more" in found["definition"]


def test_files_without_a_camera_are_ordered_by_their_own_time(
    home: Path, project: Path, tmp_path: Path
) -> None:
    root = image_files.plain_folders(tmp_path / "plain", ["red"], 3, seed=3)
    for file, day in zip(sorted((root / "red").iterdir()), (3, 1, 1), strict=True):
        moment = (BEGIN + timedelta(days=day)).timestamp()
        os.utime(file, (moment, moment))
    found = answered(home, "stream", project, root, "--order=came")
    assert [Path(p).name for p in found["orders"][0]["paths"]] == ["001.jpg", "002.jpg", "000.jpg"]
    assert [found["times"][by] for by in ("camera", "file", "name")] == [0, 1, 2]


def test_a_person_reads_a_table(home: Path, project: Path, later: Path) -> None:
    said = espalier(home, "stream", project, later).stdout
    assert said.startswith("36 images; before, the project had learnt ")
    assert "In the order of their time: 36 by the camera's time; 2026-03-01 12:00:00 to" in said
    assert "1 are there twice, and count once." in said
    lines = [line.split("  ") for line in said.splitlines()]
    assert [line[0] for line in lines if line[0] in ("as they came", "shuffled", "class by class")]
    assert "(Gama, Sebastião and Rodrigues, 2013)" in said


def test_what_is_learnt_already_is_not_asked(home: Path, project: Path, tmp_path: Path) -> None:
    assert "lie in the project already" in refused(home, "stream", project, home / "images")
    mixed = shutil.copytree(home / "images", tmp_path / "mixed")
    image_files.image(mixed / "red" / "new.jpg", 5)
    found = answered(home, "stream", project, mixed, "--order=came")
    assert (found["images"], found["already_there"]) == (1, 45)


def test_what_makes_no_sense_is_refused(home: Path, project: Path, later: Path) -> None:
    ask = ("stream", project, later)
    assert "There is no order “best”" in refused(home, *ask, "--order=best")
    assert "1 at most" in refused(home, *ask, "--fading=1.5")
    assert "1 image or more" in refused(home, *ask, "--batch=0")
    assert "nothing to judge by" in refused(home, "stream", project, home / "nowhere")


def test_nothing_needs_to_be_learnt_before(
    home: Path, home_weights: Path, later: Path, tmp_path: Path
) -> None:
    path = tmp_path / "empty.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    found = answered(home, "stream", path, later, "--order=came")
    assert (found["learnt_before"], found["new_classes"]) == (0, CLASSES)
    assert found["orders"][0]["right"] == 33
    assert answered(home, "classes", path)["classes"] == []
    done = espalier(home, "stream", path, later, "--order=came", "--learn", "--json")
    learnt = json.loads(done.stdout)["learnt"]
    assert learnt["classes"] == {"red": 12, "teal": 12, "violet": 12}
    assert len(answered(home, "steps", path)["steps"]) == 1


def test_what_looks_different_is_named(home: Path, home_weights: Path, tmp_path: Path) -> None:
    """From the 9th day on what lies under red is teal, and from the 21st on all images are dark."""
    path = tmp_path / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    answered(home, "learn", path, image_files.plain_folders(tmp_path / "known", CLASSES, 50))
    root = image_files.plain_folders(tmp_path / "drift", CLASSES, 28, seed=4)
    for number in range(8, 28):
        name = f"{number:03}.jpg"
        with Image.open(root / "teal" / name) as image:
            image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "red" / name)
    for file in root.rglob("02*.jpg"):
        with Image.open(file) as image:
            image.point(lambda value: value * 0.5).save(file)
    dated(root)
    found = answered(home, "stream", path, root, "--order=came", "--alarms=0.02")["drift"]
    assert (found["rate"], found["bound"]) == (0.02, 6 / 0.02)
    alarms = {(one["what"], one["class"]): one for one in found["alarms"]}
    red, dark = alarms["class", "red"], alarms["brightness", ""]
    assert Path(red["since"]) == root / "red" / "008.jpg"
    assert red["sentence"] == "red looks different since Monday, 9 March 2026 (008.jpg)."
    assert red["images"][0] == red["since"]
    assert dark["sentence"].startswith("Images are darker since ")
    assert "2026-03-19" < dark["since_when"] < "2026-03-23"
    said = espalier(home, "stream", path, root, "--order=came").stdout
    assert "red looks different since Monday, 9 March 2026 (008.jpg). Noticed after " in said
    assert "Without drift, 6 tests raise any alarm in 5 % of all streams at most." in said


def test_no_drift_is_said_to_be_none(home: Path, project: Path, later: Path) -> None:
    found = answered(home, "stream", project, later, "--order=came")["drift"]
    assert found["alarms"] == []
    assert [test["images"] for test in found["tests"]] == [12, 12, 12, 36, 36, 36]
    assert [test["known"] for test in found["tests"]] == [15, 15, 15, 45, 45, 45]
    said = espalier(home, "stream", project, later).stdout
    assert (
        "No drift was found. With so few images no change of red (15 known, 12 new), teal (15 "
        "known, 12 new) and violet (15 known, 12 new) would show. With 45 known and 36 new images "
        "no change of brightness, sharpness and colour would show. Learn more images, or choose a "
        "folder with more."
    ) in said
    often = answered(home, "stream", project, later, "--order=came", "--alarms=0.5")["drift"]
    assert "only large changes of red (15 known, 12 new)" in often["says"], "sooner, if oftener"
    assert "between 0 and 1" in refused(home, "stream", project, later, "--alarms=1")


def test_sorting_is_a_stream_of_its_own(home: Path, home_weights: Path, tmp_path: Path) -> None:
    """What a person named after a suggestion was asked before it was learnt."""
    root = image_files.plain_folders(tmp_path / "images", CLASSES, 10)
    heap = image_files.plain_folders(tmp_path / "heap", ["red"], 8, seed=5) / "red"
    path = tmp_path / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    answered(home, "learn", path, root)
    none = answered(home, "stream", path)
    assert (none["images"], none["last"], none["curve"]) == (0, None, [])
    assert "No image was named after a suggestion yet." in espalier(home, "stream", path).stdout
    answered(home, "add", path, heap)
    files = sorted(heap.iterdir())
    for number, file in enumerate(files):
        answered(home, "label", path, file, "teal" if number == len(files) - 1 else "red")
    found = answered(home, "stream", path, "--fading", 1)
    assert found["images"] >= len(files) - 1, "one may be drawn, and is then asked about unaided"
    assert found["right"] == found["images"] - 1
    assert ("drift" in found) == bool(found["one_by_one"])
    assert found["curve"][-2:] == [1, pytest.approx(found["right"] / found["images"])]
    said = espalier(home, "stream", path).stdout
    assert f"{found['right']} of {found['images']} images that you named were suggested" in said

"""A person has many images answered into a table, and sorted into folders, on the command line."""

from __future__ import annotations

import csv
import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.engine.export.test_readers import file as onnx_file
from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, in_a_process, refused

CLASSES = ("CON", "moth / night.", "moth / Night.", "a\nb", "snail")
"""Names that make trouble as folders: a device, a path and a dot, case only, two lines."""


@pytest.fixture(scope="module")
def project(home: Path, home_weights: Path) -> Path:
    """A project that has learnt five classes, and its exported file beside it."""
    path = home / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    for place, name in enumerate(CLASSES):
        folder = image_files.class_folder(
            home / f"learnt {place}", "images", 8, place / len(CLASSES)
        )
        answered(home, "learn", path, folder, "--into", name)
    answered(home, "export", path, "--to", home / "p.onnx")
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Images of two sizes in folders within folders, and all that must end well."""
    root = tmp_path / "images"
    for place in range(5):
        image_files.class_folder(root / "deep", f"{place}", 3, place / 5)
    image_files.every(image_files.ODD_PICTURES, root / "odd")
    image_files.every(image_files.NO_IMAGES, root / "bad")
    for name in ('quote"s, comma', "new\nline", "trailing ", "CON"):
        image_files.image(root / "names" / f"{name}.jpg", len(name))
    image_files.link(root / "round", root)
    image_files.pipe(root / "pipe.jpg")
    (root / "notes.txt").write_text("not looked at")
    (root / "p.espalier" / "blobs").mkdir(parents=True)
    image_files.image(root / "p.espalier" / "blobs" / "ab")
    return root


GOOD = 15 + len(image_files.ODD_PICTURES) + 4
BAD = len(image_files.NO_IMAGES) + 3
"""With the pipe, the link round in a circle and the project."""


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("model", ["p.espalier", "p.onnx"])
def test_each_picture_has_a_row_with_the_answer_that_predict_gives(home, project, images, model):
    done = espalier(home, "predict", home / model, images, "--csv")
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    assert len(rows) == GOOD + BAD == len({row["path"] for row in rows})
    usable = [row for row in rows if not row["reason"]]
    assert len(usable) == GOOD
    one_by_one = answered(home, "predict", home / model, *(row["path"] for row in usable))
    for row in usable:
        classes = one_by_one[row["path"]]
        best, second = sorted(classes, key=classes.get, reverse=True)[:2]
        assert (row["class"], row["second class"]) == (best, second)
        assert float(row["probability"]) == pytest.approx(classes[best], abs=1e-3)
        assert row["known"] in ("known", "none of these")
    reasons = {Path(row["path"]).name: row["reason"] for row in rows if row["reason"]}
    assert "pipe" in reasons["pipe.jpg"]
    assert "looked through already" in reasons["round"]
    assert "project" in reasons["p.espalier"]
    assert f"can't be used:   {BAD}" in done.stderr
    assert "left out: 1" in done.stderr, "the text file"


def test_a_table_is_a_file_that_is_not_replaced_unasked(home, project, images, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("precious")
    assert "already exists" in refused(home, "predict", home / "p.onnx", images, "--csv", table)
    assert table.read_text() == "precious"
    words = ("predict", home / "p.onnx", images / "deep", images / "bad", "--csv", table)
    told = answered(home, *words, "--overwrite")
    assert told["images"] == 15
    assert told["unusable"] == len(image_files.NO_IMAGES)
    assert len(rows_of(table.read_text("utf-8"))) == 15 + len(image_files.NO_IMAGES)
    (tmp_path / "empty").mkdir()
    other = tmp_path / "other.csv"
    assert "no image" in refused(home, *words[:2], tmp_path / "empty", "--csv", other)
    assert not other.exists()
    there = tmp_path / "no folder" / "t.csv"
    assert "can't be written" in refused(home, "predict", home / "p.onnx", images, "--csv", there)


def test_a_name_that_is_no_text_is_a_row_in_a_file_that_is(home, project, tmp_path):
    if sys.platform in ("win32", "darwin"):
        pytest.skip("file names are always text here")
    image = image_files.image(tmp_path / "in" / "plain.jpg")
    image.rename(os.fsdecode(os.fsencode(tmp_path) + b"/in/caf\xe9.jpg"))
    told = answered(home, "predict", home / "p.onnx", tmp_path / "in", "--csv", tmp_path / "t.csv")
    assert told["images"] == 1
    assert rows_of((tmp_path / "t.csv").read_text("utf-8"))[0]["path"].endswith("caf\\udce9.jpg")
    told = answered(home, "sort", home / "p.onnx", tmp_path / "in", "--to", tmp_path / "out")
    assert sum(told["folders"].values()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_control_c_leaves_whole_rows(home, project, tmp_path):
    """Without PyTorch: what an exported file is asked with must stay light."""
    image_files.class_folder(tmp_path, "many", 20)
    for number in range(1500):
        os.link(tmp_path / "many" / f"{number % 20:03}.jpg", tmp_path / "many" / f"x{number}.jpg")
    table = tmp_path / "t.csv"
    asking = in_a_process(home, "predict", home / "p.onnx", tmp_path / "many", "--csv", table)
    while not table.exists() or table.stat().st_size < 5000:
        assert asking.poll() is None, asking.stderr.read()
        threading.Event().wait(0.005)
    asking.send_signal(signal.SIGINT)
    said = asking.communicate()[1]
    assert asking.returncode == 130, said
    assert "whole" in said.strip().splitlines()[-1]
    text = table.read_text("utf-8")
    assert text.endswith("\n")
    assert all(row["class"] and row["distance"] for row in rows_of(text))
    code = (
        "import sys; from app.cli import main; code = main();"
        "assert not {'torch', 'PySide6'} & set(sys.modules); sys.exit(code)"
    )
    light = in_a_process(
        home, "predict", home / "p.onnx", tmp_path / "many" / "000.jpg", "--csv", code=code
    )
    assert "".join(light.communicate()).count("000.jpg") == 1
    assert light.returncode == 0


def test_images_are_copied_into_safe_folders_and_nothing_is_replaced(
    home, project, images, tmp_path
):
    before = {path: path.read_bytes() for path in images.rglob("*.jpg") if path.is_file()}
    to = tmp_path / "sorted"
    told = answered(home, "sort", project, images, "--to", to)
    assert sum(told["folders"].values()) == GOOD
    assert sum(told["left_out"].values()) == BAD
    allowed = {"CON_", "moth _ night", "moth _ Night (2)", "a b", "snail", "none of these"}
    assert set(told["folders"]) <= allowed
    assert {p.name for p in to.iterdir() if p.is_dir()} == set(told["folders"])
    assert {path: path.read_bytes() for path in before} == before, "the originals are untouched"
    listed = rows_of(Path(told["list"]).read_text("utf-8"))
    assert sum(bool(row["to"]) for row in listed) == GOOD
    assert all(
        Path(r["to"]).read_bytes() == Path(r["from"]).read_bytes() for r in listed if r["to"]
    )
    count = len([p for p in to.rglob("*") if p.is_file()])
    again = answered(home, "sort", home / "p.onnx", images / "deep", "--to", to)
    assert sum(again["folders"].values()) == 15
    assert len([p for p in to.rglob("*") if p.is_file()]) == count + 15 + 1, "and a second list"
    assert list(to.rglob("000 (2).jpg"))


def test_moving_asks_for_it_and_can_be_undone_with_the_list(home, project, images, tmp_path):
    content = sorted(path.read_bytes() for path in (images / "deep").rglob("*.jpg"))
    to = images / "deep"  # the same folder: what lies in its classes' folders is left alone
    told = answered(home, "sort", home / "p.onnx", images / "deep", "--to", to, "--move")
    assert told["move"]
    assert sum(told["folders"].values()) == 15
    assert sorted(path.read_bytes() for path in to.rglob("*.jpg")) == content
    assert "no image" in refused(home, "sort", home / "p.onnx", to, "--to", to, "--move")
    for row in reversed(rows_of(Path(told["list"]).read_text("utf-8"))):
        assert not Path(row["from"]).exists()
        Path(row["to"]).rename(row["from"])
    assert sorted(path.read_bytes() for path in (images / "deep").glob("?/*.jpg")) == content


def test_a_target_inside_of_what_is_sorted_is_not_sorted_again(home, project, images):
    for count in (15, 15):
        told = answered(
            home, "sort", home / "p.onnx", images / "deep", "--to", images / "deep" / "out"
        )
        assert sum(told["folders"].values()) == count


def test_what_lies_behind_a_link_to_a_folder_is_not_moved(home, project, tmp_path):
    mine, others = tmp_path / "mine", tmp_path / "others"
    image_files.class_folder(mine, "0", 3, 0.2)
    image_files.class_folder(others, "1", 3, 0.6)
    image_files.link(mine / "link", others)
    told = answered(home, "sort", home / "p.onnx", mine, "--to", tmp_path / "out", "--move")
    assert sum(told["folders"].values()) == 3
    assert len(list(others.rglob("*.jpg"))) == 3
    ((reason, count),) = told["left_out"].items()
    assert count == 3
    assert "a link leads to" in reason
    copied = answered(home, "sort", home / "p.onnx", mine, "--to", tmp_path / "copies")
    assert sum(copied["folders"].values()) == 3, "copying takes nothing away"


def test_where_no_image_can_be_used_it_is_refused(home, project, tmp_path):
    (tmp_path / "empty").mkdir()
    for model in (home / "p.onnx", project):
        for more in ((), ("--csv",)):
            assert "no image in" in refused(home, "predict", model, tmp_path / "empty", *more)
            done = espalier(home, "predict", model, tmp_path / "absent.jpg", *more)
            assert done.returncode == 2
            assert "here now" in done.stdout
    assert "Name the folder" in refused(home, "sort", home / "p.onnx", tmp_path, "--to", "")
    words = ("predict", home / "p.onnx", home / "learnt 0", "--csv", "")
    assert "Name the file" in refused(home, *words)


def test_names_that_a_spreadsheet_would_run_are_text(home, project, images, tmp_path):
    model = onnx_file(tmp_path / "m.onnx", ["=1+1", "@SUM(1)", "-1"])
    for image, name in (((255, 0, 0), "'=1+1"), ((0, 255, 0), "'@SUM(1)"), ((0, 0, 255), "-1")):
        Image.new("RGB", (16, 16), image).save(tmp_path / "one.png")
        done = espalier(home, "predict", model, tmp_path / "one.png", "--csv")
        assert rows_of(done.stdout)[0]["class"] == name


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has a file that is full")
@pytest.mark.parametrize("more", [[], ["--csv"], ["--csv", "/dev/full", "--overwrite"]])
def test_where_the_answers_can_not_be_written_it_says_so(home, project, images, more):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "app", "predict", home / "p.onnx", images / "deep", *more],
            env={**os.environ, "ESPALIER_HOME": str(home)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "no space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_unknown_or_unsure_can_be_left_out(home, project, images, tmp_path):
    words = ("sort", home / "p.onnx", images / "deep", images / "odd", "--to")
    everything = answered(home, *words, tmp_path / "a")["folders"]
    known = answered(home, *words, tmp_path / "b", "--known-only")
    unknown = everything.pop("none of these", 0)
    assert known["folders"] == everything
    assert sum(known["left_out"].values()) == unknown
    sure = answered(home, *words, tmp_path / "c", "--known-only", "--least", "1")
    assert sum(sure["folders"].values()) < sum(everything.values())
    assert "between 0 and 1" in refused(home, *words, tmp_path / "d", "--least", "80")


def test_where_nothing_can_be_written_nothing_is_lost(home, project, images, tmp_path):
    (tmp_path / "file").write_text("in the way")
    words = ("sort", home / "p.onnx", images / "deep", "--move", "--to")
    assert "can't be made" in refused(home, *words, tmp_path / "file")
    before = sorted((images / "deep").rglob("*.jpg"))
    model = shutil.copy(home / "p.onnx", tmp_path)  # the home is closed to others
    answered(tmp_path, "predict", model, before[0])  # others may not start Python on every computer
    closed = tmp_path / "closed"
    closed.mkdir()
    with image_files.no_permission(closed):
        assert "can't be written" in refused(tmp_path, "sort", model, *words[2:], closed)
    assert sorted((images / "deep").rglob("*.jpg")) == before


def test_a_full_disk_keeps_the_rest_where_it_is(home, project, images, tmp_path):
    """A limit on the size of files stands for the disk: the system refuses the write."""
    pytest.importorskip("resource")
    noise = np.random.default_rng(0).integers(0, 256, (250, 250, 3), np.uint8)
    large = images / "deep" / "4" / "z.png"
    Image.fromarray(noise).save(large)
    assert large.stat().st_size > 100_000
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000));"
        "from app.cli import main; sys.exit(main())"
    )
    limited = in_a_process(
        home, "sort", home / "p.onnx", images / "deep", "--to", tmp_path / "out", code=code
    )
    said = limited.communicate()[1]
    assert limited.returncode == 2, said
    assert "15 images were copied and stay there" in said
    assert large.exists()
    assert not list((tmp_path / "out").rglob(".espalier-*")), "nothing half is left"


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_killed_while_moving_each_image_is_somewhere(home, project, tmp_path):
    many, to = tmp_path / "many", tmp_path / "sorted"
    for number in range(150):
        image_files.image(many / f"{number}.jpg", number, (32, 32))
    whole = {path.read_bytes() for path in many.iterdir()}
    moving = in_a_process(home, "sort", home / "p.onnx", many, "--to", to, "--move")
    while not list(to.glob("*/*.jpg")):
        assert moving.poll() is None, moving.stderr.read()
        threading.Event().wait(0.001)
    moving.kill()
    moving.communicate()
    found = [path for place in (many, to) for path in place.rglob("*.jpg")]
    assert whole <= {path.read_bytes() for path in found}
    # What was moved within a disk is one file that has two names for a moment.
    files = {path.stat().st_ino for path in found}
    assert len(files) <= len(whole) + 1, "one at most lies in both places"

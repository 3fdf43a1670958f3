"""Classes come in from label files and go out to them: `espalier labels`."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from engine.labels.formats import FORMATS
from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, refused

CLASSES = {"=1+1": 6, "moth, “red”": 6, "animal|cat": 6, "\U0001f98b": 5, "-x": 5}
ODD_FILES = ("=1.jpg", " lead.jpg", 'a,"b".jpg', "new\nline.jpg", "\U0001f98b.jpg", "back\\a.jpg")


@pytest.fixture(scope="module")
def images(home: Path) -> Path:
    """Class folders with odd names, and odd names of files in them."""
    folder = image_files.class_folders(home / "pictures", CLASSES)
    for place, name in enumerate(CLASSES):
        old = folder / name / "000.jpg"
        old.rename(old.with_name(ODD_FILES[place]))
    (folder / "-x" / "001.jpg").rename(folder / "-x" / ODD_FILES[-1])
    return folder


def new(home: Path, weights: Path, path: Path) -> Path:
    answered(home, "new", path, "--weights", weights, "--size", 32)
    return path


@pytest.fixture(scope="module")
def project(home: Path, home_weights: Path, images: Path) -> Path:
    """A project that learnt the folders, with an image in two classes; some changed their side."""
    path = new(home, home_weights, home / "p.espalier")
    answered(home, "learn", path, images)
    shutil.copytree(images / "-x", home / "twice")
    answered(home, "learn", path, images / "-x", "--into", "two\tlines\nof a name")
    with sqlite3.connect(path / "project.db") as db:
        db.execute("UPDATE image SET split = 'validation' WHERE sha256 < '4'")
        db.execute("UPDATE image SET split = 'train' WHERE sha256 >= '4'")
    db.close()
    return path


@pytest.fixture
def empty(home: Path, home_weights: Path, tmp_path: Path) -> Path:
    return new(home, home_weights, tmp_path / "q.espalier")


Content = set[tuple[str, str, str, str]]


def content(project: Path) -> Content:
    """Path, hash, class and side of each image, as the project's own tables say."""
    db = sqlite3.connect(project / "project.db")
    with db:
        rows = db.execute(
            "SELECT path, sha256, class.name, split FROM image JOIN class ON class.id = class_id"
        ).fetchall()
    db.close()
    return set(rows)


def files(folder: Path) -> dict[str, bytes]:
    """All that lies there, but images and projects."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".jpg" and ".espalier" not in str(path)
    }


TARGETS = [(name, form.proposed) for name, form in FORMATS.items()]
TARGETS.append(("imagefolder", "metadata.csv"))


@pytest.mark.parametrize(("form", "name"), sorted(TARGETS))
@pytest.mark.parametrize("place", ["beside", "elsewhere"])
def test_what_goes_out_comes_in_again_the_same(
    place, form, name, home, project, images, empty, tmp_path
):
    """Out, into a new project, and out again: no byte is another, nor is any image, class or side
    of the split in the project."""
    copy = tmp_path / "images"
    if place == "elsewhere":
        copy.mkdir()
        if not name:
            said = refused(home, "labels", "export", project, "--to", copy, "--format", form)
            assert "nothing is written outside" in said
            return
    to = (images if place == "beside" else copy) / name
    before = files(to if not name else to.parent)
    first = answered(home, "labels", "export", project, "--to", to, "--format", form)
    assert first["left_out"] == []
    assert first["format"] == form
    out = files(to if not name else to.parent)
    try:
        answered(home, "labels", "import", empty, to, "--no-learn")
        assert content(empty) == content(project)
        for path in out:
            ((to if not name else to.parent) / path).unlink()
        again = answered(home, "labels", "export", empty, "--to", to, "--format", form)
        assert again == first
        assert files(to if not name else to.parent) == out
        assert len(out) > len(before)
    finally:
        for path in out:
            ((to if not name else to.parent) / path).unlink(missing_ok=True)


def test_what_a_file_names_is_learnt_at_once_and_undone_at_once(
    home, empty, images, tmp_path, home_weights
):
    """As a dropped folder: the same classes, and the same answers afterwards."""
    with (tmp_path / "t.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [(p, p.parent.name) for p in sorted(images.rglob("*.jpg"))]
        csv.writer(file).writerows([("path", "class"), *rows])
    done = answered(home, "labels", "import", empty, tmp_path / "t.csv")
    assert done["classes"] == CLASSES
    other = new(home, home_weights, tmp_path / "folders.espalier")
    learnt = answered(home, "learn", other, images)
    assert {k: v for k, v in done.items() if k != "seconds"} == {
        k: v for k, v in learnt.items() if k != "seconds"
    }
    assert content(empty) == content(other)
    (titled,) = answered(home, "steps", empty)["steps"]
    assert titled["title"].startswith("Learn ")
    again = answered(home, "labels", "import", empty, tmp_path / "t.csv")
    assert again["already_there"] == sum(CLASSES.values())


def test_without_learning_the_classes_are_there_and_not_learnt(home, empty, images):
    (images / "some.csv").write_text("path,class\n-x/002.jpg,moth\n-x/003.jpg,snail\n")
    done = espalier(home, "labels", "import", empty, images / "some.csv", "--no-learn")
    (images / "some.csv").unlink()
    assert done.returncode == 0, done.stderr
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["class", "added"],
        ["moth", "1"],
        ["snail", "1"],
    ]
    assert [c["learnt"] for c in answered(home, "classes", empty)["classes"]] == [False, False]


def test_what_is_not_there_is_counted_and_the_rest_comes_in(home, empty, images):
    rows = "".join(f"gone/{n}.jpg,moth\n" for n in range(1200))
    bad = (
        "-x/002.jpg,moth\n-x,moth\n-x/003.jpg,\nhttps://x.org/1.jpg,moth\n,moth\n-x/004.jpg,moth\n"
    )
    image_files.text_file(images / "-x" / "text.jpg")
    (images / "some.csv").write_text("path,class\n" + bad + "-x/text.jpg,moth\n" + rows)
    done = espalier(home, "labels", "import", empty, images / "some.csv", "--no-learn")
    (images / "some.csv").unlink()
    (images / "-x" / "text.jpg").unlink()
    assert done.returncode == 0, done.stderr
    assert "1,200 images are not there: 0.jpg, 1.jpg, 2.jpg and 1,197 more." in done.stderr
    assert {Path(row[0]).name for row in content(empty)} == {"002.jpg", "004.jpg"}
    db = sqlite3.connect(empty / "project.db")
    reasons = [reason for (reason,) in db.execute("SELECT reason FROM skipped")]
    db.close()
    assert sum(reason == "There is nothing here now." for reason in reasons) == 997
    for reason in (
        "This is a folder and no image.",
        "The file gives this image no class.",
        "This is an address on the web. Download the image, and name its file instead.",
        "1 row without an image. 203 more: There is nothing here now.",
    ):
        assert reasons.count(reason) == 1
    assert sum("text file" in reason for reason in reasons) == 1


def test_an_image_in_two_classes_is_a_conflict_as_from_folders(home, empty, images):
    (images / "some.csv").write_text("path,class\n-x/002.jpg,moth\n-x/002.jpg,snail\n")
    answered(home, "labels", "import", empty, images / "some.csv", "--no-learn")
    (images / "some.csv").unlink()
    assert sorted(row[2] for row in content(empty)) == ["moth", "snail"]
    assert len({row[1] for row in content(empty)}) == 1


def test_copies_go_out_by_the_files_that_are_there(home, empty, images, tmp_path):
    folder = tmp_path / "own"
    shutil.copytree(images / "-x", folder)
    answered(home, "learn", empty, folder, "--into", "moth", "--copy")
    to = tmp_path / "classes.csv"
    answered(home, "labels", "export", empty, "--to", to)
    with to.open(encoding="utf-8", newline="") as file:
        assert all(row["path"].startswith("own/") for row in csv.DictReader(file))
    shutil.rmtree(folder)
    answered(home, "labels", "export", empty, "--to", to, "--overwrite")
    with to.open(encoding="utf-8", newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    assert len(paths) == 5
    assert all((tmp_path / path).is_file() for path in paths)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_no_text_is_left_out_and_told(home, empty, images, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    shutil.copy(images / "-x" / "002.jpg", folder)
    shutil.copy(images / "-x" / "003.jpg", os.fsencode(folder) + b"/\xff.jpg")
    answered(home, "learn", empty, folder)
    done = espalier(home, "labels", "export", empty, "--to", tmp_path / "t.csv")
    assert done.returncode == 0, done.stderr
    assert "One image was left out of the file." in done.stderr
    assert (tmp_path / "t.csv").read_text("utf-8").count(".jpg") == 1


def test_formats_are_listed(home):
    found = answered(home, "labels", "formats")["formats"]
    assert {view["name"] for view in found} == set(FORMATS)
    assert "imagefolder" in espalier(home, "labels", "formats").stdout


# Bad files: each is refused in one sentence, and nothing is added.

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE annotations [<!ENTITY a "ha"><!ENTITY b "'
    + "&a;" * 100
    + '">]><annotations><image name="&b;"/></annotations>'
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE annotations [<!ENTITY x SYSTEM "SECRET">]>'
    '<annotations><image name="1.jpg"><tag label="&x;"/></image></annotations>'
)
BAD: dict[str, tuple[str, str | bytes, str]] = {
    "nothing": ("a.csv", "", "no file of classes"),
    "no titles": ("a.csv", "1.jpg,moth\n2.jpg,snail\n", "no column “path”"),
    "no class": ("a.csv", "path,side\n1.jpg,left\n", "no column “class”"),
    "Latin letters": ("a.csv", "path,class\n1.jpg,Käfer\n".encode("cp1252"), "UTF-8"),
    "a cell without end": ("a.csv", 'path,class\n1.jpg,"moth\n', "breaks off"),
    "a huge cell": ("a.csv", f"path,class\n1.jpg,{'m' * 200_000}\n", "131,072"),
    "a quotation mark too many": ("a.csv", 'path,class\n1.jpg,"a"b"\n', "quotation mark"),
    "an image": ("a.csv", b"\xff\xd8\xff\xe0\0\x10JFIF", "UTF-8"),
    "no object": ("a.json", '"moth"', "no file of classes"),
    "other JSON": ("a.json", '{"moth": [1, 2]}', "no lists “images”"),
    "other list": ("a.json", "[1, 2]", "no list of tasks"),
    "JSON that breaks off": ("a.json", '{"images": [{"id": 1, "file_na', "breaks off in line 1"),
    "a list that breaks off": (
        "a.json",
        '{"images": [{"id": 1},\n{"id": 2}',
        "breaks off in line 2",
    ),
    "JSON that is broken": ("a.json", '{"images": [{"id": 1} {"id": 2}]}', "is no JSON from there"),
    "very deep JSON": ("a.json", "[" * 100_000, "no JSON that can be read"),
    "very long numbers": ("a.json", f'{{"images": [{"9" * 10_000}]}}', "no JSON that can be read"),
    "lines of something else": ("a.jsonl", '{"text": "moth"}\n', "names no “file_name” in line 1"),
    "a line that breaks off": ("a.jsonl", '{"file_name": "1.jpg"}\n{"file', "no JSON in line 2"),
    "other XML": ("a.xml", "<html><annotations></html>", "begins with <html>"),
    "XML that breaks off": ("a.xml", "<annotations><image name='1.jpg'>", "breaks off in line 1"),
    "XML that is broken": ("a.xml", "<annotations>&no;</annotations>", "is no XML from there on"),
    "entities that grow": ("a.xml", LAUGHS, "declares a document type"),
    "entities from elsewhere": ("a.xml", OUTSIDE, "declares a document type"),
    "a huge tag": ("a.xml", f"<annotations><image name='{'m' * 3_000_000}'/>", "more than 1 MB"),
    "an encoding that is not known": (
        "a.xml",
        '<?xml version="1.0" encoding="x-moth"?><annotations/>',
        "encoding that is not known",
    ),
    "a sidecar without keywords": ("a.xmp", "<x xmlns='adobe:ns:meta/'/>", "is no XMP"),
    "no tables": ("datapackage.json", '{"resources": []}', "no table “media.csv”"),
}


@pytest.mark.parametrize(("name", "wrong", "said"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_in_one_sentence(name, wrong, said, home, empty, images, tmp_path):
    file, secret = tmp_path / name, tmp_path / "secret"
    secret.write_text("1.jpg")
    shutil.copy(images / "-x" / "002.jpg", tmp_path / "1.jpg")
    if isinstance(wrong, str):
        wrong = wrong.replace("SECRET", secret.as_uri()).encode()
    file.write_bytes(wrong)
    told = refused(home, "labels", "import", empty, file)
    assert said in told, told
    assert told.count("\n") == 0
    assert len(told) < 400
    assert content(empty) == set()
    assert answered(home, "classes", empty)["classes"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("import", "P", "gone.csv"), "nothing here now"),
        (("import", "P", "ok.csv", "--format", "voc"), "no format called “voc”"),
        (("import", "P", "ok.csv", "--format", "cvat"), "is no XML"),
        (("import", "P", "."), "no image with a class"),
        (("export", "P", "--to", "new.csv"), "The project has no images"),
        (("export", "P", "--to", "new.zip"), "Say in which format"),
        (("export", "P", "--to", "new.csv", "--format", "coco"), "ends in .json"),
    ],
)
def test_what_can_t_be_done_is_said(words, said, home, empty, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ok.csv").write_text("path,class\n1.jpg,moth\n")
    chosen = [empty if word == "P" else word for word in words]
    assert said in refused(home, "labels", *chosen)
    assert not Path("new.csv").exists()


def test_nothing_there_is_refused_with_the_first_names(home, empty, tmp_path):
    rows = [{"file_name": f"{n}.jpg", "label": "moth"} for n in range(9)]
    file = tmp_path / "metadata.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    said = refused(home, "labels", "import", empty, file)
    assert "none is there (0.jpg, 1.jpg, 2.jpg and 6 more)" in said


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among files")
def test_a_pipe_is_not_waited_for(home, empty, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "pipe or a device" in refused(home, "labels", "import", empty, tmp_path / "pipe.csv")
    (tmp_path / "t.csv").write_text("path,class\npipe.jpg,moth\n")
    assert "pipe or a device" in refused(home, "labels", "import", empty, tmp_path / "t.csv")

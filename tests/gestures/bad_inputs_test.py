"""Bad images, folders, classes, weights and projects, through the command line.

Each ends in one sentence; everything else goes on; nothing stored is lost.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.images.folders import class_name
from tests.helpers import image_files
from tests.helpers.commands import answered, in_a_process, refused


@pytest.fixture(scope="module")
def learnt(home: Path, home_weights: Path) -> Path:
    """A project that has learnt two classes; each test works on a copy."""
    images = image_files.class_folders(home / "pictures", {"moth": 20, "beetle": 20})
    path = home / "learnt.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    answered(home, "learn", path, images)
    return path


@pytest.fixture
def project(learnt: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(learnt, tmp_path / "p.espalier"))


def classes(home: Path, project: Path) -> dict[str, int]:
    found = answered(home, "classes", project)["classes"]
    return {c["name"]: c["train"] + c["validation"] for c in found}


def test_files_that_are_no_pictures_are_listed_and_the_rest_is_learnt(home, project, tmp_path):
    folder = image_files.class_folder(tmp_path, "snail", 12)
    bad = image_files.every(image_files.NO_IMAGES, folder)
    done = answered(home, "learn", project, folder)
    assert done["classes"] == {"snail": 12}
    assert {Path(s["path"]).name for s in done["skipped"]} >= {b.name for b in bad}
    assert all(s["reason"].endswith(".") for s in done["skipped"])
    assert classes(home, project) == {"beetle": 20, "moth": 20, "snail": 12}


def test_odd_pictures_are_learnt_like_any_other(home, project, tmp_path):
    odd = image_files.every(image_files.ODD_PICTURES, tmp_path / "odd")
    done = answered(home, "learn", project, tmp_path / "odd")
    assert done["skipped"] == []
    assert done["classes"] == {"odd": len(odd)}


@pytest.mark.parametrize("what", ["nothing", "only text", "nowhere"])
def test_a_folder_without_pictures_is_refused_and_leaves_no_trace(home, project, tmp_path, what):
    folder = tmp_path / "empty"
    if what != "nowhere":
        folder.mkdir()
    if what == "only text":
        (folder / "notes.txt").write_text("moths")
    refused(home, "learn", project, folder)
    assert classes(home, project) == {"beetle": 20, "moth": 20}


def test_one_image_makes_a_class(home, project, tmp_path):
    folder = image_files.class_folder(tmp_path, "one", 1)
    assert "one" in answered(home, "learn", project, folder)["per_class"]


def test_a_single_class_is_learnt(home, home_weights, tmp_path):
    path = tmp_path / "single.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    folder = image_files.class_folder(tmp_path, "only", 12)
    assert answered(home, "learn", path, folder)["accuracy"] in (None, 1.0)
    some = next(folder.iterdir())
    assert answered(home, "predict", path, some)[str(some)] == {"only": 1.0}


def test_names_of_every_kind_make_classes(home, project, tmp_path):
    root = tmp_path / "odd names"
    for number, name in enumerate(image_files.BAD_NAMES):
        image_files.class_folder(root, name, 2, seed=number)
    done = answered(home, "learn", project, root)
    assert done["skipped"] == []
    assert set(done["classes"]) == {class_name(name) for name in image_files.BAD_NAMES}
    receipt = answered(home, "export", project, "--to", tmp_path / "m.onnx")
    assert set(receipt["classes"]) == {"moth", "beetle", *done["classes"]}


def test_a_folder_whose_name_is_no_text_is_learnt(home, project, tmp_path):
    if sys.platform in ("win32", "darwin"):
        pytest.skip("file names are always text here")
    folder = image_files.class_folder(tmp_path, "plain", 3)
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.rename(odd)
    done = answered(home, "learn", project, odd)
    assert sum(done["classes"].values()) == 3
    assert answered(home, "learn", project)["accuracy"] is not None


def test_links_in_a_circle_pipes_and_hidden_files_are_passed_over(home, project, tmp_path):
    folder = image_files.class_folder(tmp_path, "snail", 4)
    image_files.link(folder / "round", folder)
    image_files.pipe(folder / "pipe.jpg")
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "Thumbs.db").write_bytes(b"x")
    assert answered(home, "learn", project, folder)["classes"] == {"snail": 4}


def test_a_folder_that_may_not_be_read_is_named(home, project, tmp_path):
    folder = image_files.class_folder(tmp_path, "closed", 2)
    with image_files.no_permission(folder):
        assert "closed" in refused(home, "learn", project, folder)


def test_the_same_picture_in_two_classes_is_left_out_until_it_is_settled(home, project, tmp_path):
    folder = image_files.class_folder(tmp_path, "snail", 10)
    twin = sorted((home / "pictures" / "moth").iterdir())[0]
    shutil.copy(twin, folder / "twin.jpg")
    answered(home, "learn", project, folder)
    before = {c["name"]: c for c in answered(home, "classes", project)["classes"]}
    assert before["snail"]["train"] + before["snail"]["validation"] == 11
    learnt = answered(home, "steps", project)["steps"][-1]
    assert "snail" in learnt["classes"]


def test_a_class_dropped_twice_is_kept_once(home, project):
    again = answered(home, "learn", project, home / "pictures" / "moth")
    assert again["already_there"] == 20
    assert classes(home, project) == {"beetle": 20, "moth": 20}


def test_a_thousand_to_one(home, project, tmp_path):
    image_files.class_folder(tmp_path / "a", "rare", 1)
    image_files.class_folder(tmp_path / "a", "common", 200)
    done = answered(home, "learn", project, tmp_path / "a")
    assert set(done["per_class"]) == {"moth", "beetle", "rare", "common"}
    hints = {c["name"]: c["hint"] for c in answered(home, "classes", project)["classes"]}
    assert hints["rare"] == "Only 1 image. 10 are a start, 30 are good."


def test_pictures_that_went_away_are_left_out_and_said(home, home_weights, tmp_path):
    images = image_files.class_folders(tmp_path / "p", {"a": 12, "b": 12})
    path = tmp_path / "gone.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    answered(home, "learn", path, images)
    gone = sorted((images / "a").iterdir())[:3]
    for file in gone[:2]:
        file.unlink()
    gone[2].write_bytes(b"changed")
    # Another learner with more views must look at the files again.
    from tests.helpers.commands import espalier

    done = espalier(home, "learn", path, "--learner", "tilda", "--set", "views=2", "--json")
    assert done.returncode == 0
    assert "3 images were moved, changed or deleted" in done.stderr
    assert json.loads(done.stdout)["accuracy"] is not None


MARK = "a pickle ran code"


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path(MARK),))


def bad_weights(path: Path, kind: str) -> Path:
    """A weights file of a bad kind."""
    import pickle

    import torch

    if kind == "code":
        path = path.with_suffix(".pth")
        path.write_bytes(pickle.dumps({"state_dict": Evil()}))
    elif kind == "module":
        path = path.with_suffix(".pt")
        torch.save(torch.nn.Linear(2, 2), path)
    elif kind == "not a number":
        from safetensors.torch import load_file, save_file

        image_files.weights(path)
        state = load_file(path)
        state["features.0.weight"][0] = float("nan")
        save_file(state, path)
    elif kind == "huge header":
        path.write_bytes((2**60).to_bytes(8, "little") + b"{}")
    elif kind == "cut short":
        image_files.weights(path)
        path.write_bytes(path.read_bytes()[:5000])
    elif kind == "of no known network":
        from safetensors.torch import save_file

        save_file({"a.weight": torch.zeros(3, 3)}, path)
    else:
        {
            "empty": image_files.empty_file,
            "web page": image_files.web_page,
            "pointer": image_files.lfs_pointer,
        }[kind](path)
    return path


KINDS = (
    "code",
    "module",
    "not a number",
    "huge header",
    "cut short",
    "of no known network",
    "empty",
    "web page",
    "pointer",
)


@pytest.mark.parametrize("kind", KINDS)
def test_bad_weights_are_refused_in_a_sentence(home, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    file = bad_weights(tmp_path / "w.safetensors", kind)
    said = refused(home, "new", tmp_path / "p.espalier", "--weights", file)
    assert not (tmp_path / "p.espalier").exists()
    assert not (tmp_path / MARK).exists()
    assert file.name in said


@pytest.mark.parametrize("kind", ["text", "empty", "junk"])
def test_a_file_that_is_no_model_is_refused(home, tmp_path, kind):
    file = tmp_path / "model.onnx"
    content = {"text": b"hello", "empty": b"", "junk": bytes(range(256)) * 50}[kind]
    file.write_bytes(content)
    assert file.name in refused(home, "predict", file, image_files.image(tmp_path / "a.jpg"))


def test_a_read_only_project_answers_and_is_not_changed(home, project, tmp_path):
    some = image_files.image(tmp_path / "a.jpg")
    expected = answered(home, "predict", project, some)
    theirs = tmp_path / "someone else's home"
    theirs.mkdir(mode=0o777)
    theirs.chmod(0o777)
    with read_only(project):
        assert answered(theirs, "predict", project, some) == expected
        assert "only be read" in refused(theirs, "forget", project, "moth")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Inside, a folder can't be written, not even by root (who is someone else for the time)."""
    if os.name == "nt":
        pytest.skip("permissions are others on Windows")
    user, inside = os.geteuid(), [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in [*inside, *folder.parents]}
    for path, mode in modes.items():
        # Everyone may look, nobody may write; the way there is opened for looking.
        path.chmod(
            (mode & ~0o222 if path in inside else mode) | (0o555 if path.is_dir() else 0o444)
        )
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        for path, mode in modes.items():
            path.chmod(mode)


def test_a_full_disk_ends_in_a_sentence_and_loses_nothing(home, project, tmp_path):
    """A limit on the size of files stands for the disk: the system refuses the write."""
    resource = pytest.importorskip("resource")
    image_files.class_folder(tmp_path, "snail", 80)
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000));"
        "from app.cli import main; sys.exit(main())"
    )
    assert resource.RLIMIT_FSIZE
    limited = in_a_process(home, "learn", project, tmp_path / "snail", code=code)
    said = limited.communicate()[1]
    assert limited.returncode in (1, 2), said
    assert "kept" in said.strip().splitlines()[-1]
    assert classes(home, project)["moth"] == 20
    assert "snail" in answered(home, "learn", project, tmp_path / "snail")["per_class"]


def test_the_same_picture_on_both_sides_of_the_split_is_kept_on_one(home, project, tmp_path):
    root = tmp_path / "data"
    image_files.class_folder(root / "train", "snail", 12)
    image_files.class_folder(root / "validation", "snail", 6, seed=50)
    twin = sorted((root / "train" / "snail").iterdir())[0]
    shutil.copy(twin, root / "validation" / "snail" / "twin.jpg")
    done = answered(home, "learn", project, root)
    assert done["classes"]["snail"] == 18
    found = {c["name"]: c for c in answered(home, "classes", project)["classes"]}["snail"]
    assert (found["train"], found["validation"]) == (12, 6)


def test_paths_of_over_260_characters_are_learnt(home, project, tmp_path):
    deep = tmp_path / ("d" * 120) / ("e" * 120)
    image_files.class_folder(deep, "snail", 4)
    assert answered(home, "learn", project, deep / "snail")["classes"] == {"snail": 4}


def test_a_project_that_is_open_in_a_window_is_refused_here(home, project):
    from engine.storage.project import Project

    opened = Project.open(project)
    try:
        assert "open already" in refused(home, "learn", project)
    finally:
        opened.close()

"""Exports and new projects that are killed before any rename: old or new, and nothing is left."""

from __future__ import annotations

import importlib.util
import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engine.events import Ended
from engine.export.readers import open_exported
from engine.jobs import run
from engine.session import Session
from engine.system.replacing import digest_of, hidden_in
from tests.helpers import image_files, projects
from tests.helpers.killing import COMMITS, copied, copies_of, state_of

FORMATS = {"onnx": ".onnx", "openvino": ".xml"}
NEEDS = {"openvino": "openvino"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("exported")
    photos = image_files.class_folders(place / "photos", dict.fromkeys("abc", 12))
    with closing(Session()) as session:
        weights = image_files.weights(place / "net.safetensors")
        projects.done(session, "new_project", path=str(place / "p"), weights=str(weights), size=32)
        projects.done(session, "learn_folder", paths=[str(photos)], learner="ncm")
    return place / "p.espalier"


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_over_another_is_old_or_new_at_each_rename(name, project, tmp_path):
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed")
    path, there = copied(project, tmp_path / "p.espalier"), tmp_path / "there"
    there.mkdir()
    settings = {"path": str(there / f"m{FORMATS[name]}"), "format": name}
    with closing(Session()) as session:
        projects.done(session, "open_project", path=str(path))
        projects.done(session, "export", **settings)
        old = files_in(there)
        projects.done(session, "forget", name="a")
        with copies_of(there, tmp_path, "replacing") as copies:
            projects.done(session, "export", overwrite=True, **settings)
    new = files_in(there)
    assert hidden_in(there) == []
    assert len(copies) >= len(new)
    for copy in copies:
        asked = open_exported(copy / f"m{FORMATS[name]}")
        assert asked.class_names == ("b", "c")
        assert files_in(copy) == new != old
        assert hidden_in(copy) == []
        receipt = json.loads((copy / "m.receipt.json").read_text())
        assert digest_of(copy / receipt["file"]) == receipt["sha256"][receipt["file"]]
        asked.answers(np.zeros((1, 20, 30, 3), np.uint8))


def test_an_export_that_was_cut_off_is_found_whole_by_the_next_one(project, tmp_path):
    """Of a fresh one some papers lie there already, which would be a stranger's otherwise."""
    there = tmp_path / "there"
    there.mkdir()
    with closing(Session()) as session:
        projects.done(session, "open_project", path=str(copied(project, tmp_path / "p.espalier")))
        with copies_of(there, tmp_path, "replacing") as copies:
            projects.done(session, "export", path=str(there / "m.onnx"))
        for copy in (copies[0], copies[2], copies[-1]):
            again = {"path": str(copy / "m.onnx")}
            assert "m.onnx already exists" in projects.refused(session, "export", **again)
            assert files_in(copy) == files_in(there)
            projects.done(session, "export", overwrite=True, **again)
            assert hidden_in(copy) == []


def test_an_export_that_is_cut_off_before_its_check_leaves_nothing(project, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    with closing(Session()) as session:
        projects.done(session, "open_project", path=str(copied(project, tmp_path / "p.espalier")))
        work = run(session, "export", {"path": str(there / "m.onnx")})
        for event in work:
            assert not isinstance(event, Ended)
            if hidden_in(there) and hidden_in(there)[0].joinpath("new").exists():
                left = copied(there, tmp_path / "left")
                break
        work.close()
        assert list(there.iterdir()) == [], "a cancelled one leaves nothing either"
        assert hidden_in(left)
        projects.done(session, "export", path=str(left / "other.onnx"))
        assert hidden_in(left) == []
        assert not (left / "m.onnx").exists()


def test_a_new_project_is_there_as_a_whole_or_its_name_is_free(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    weights = str(image_files.weights(tmp_path / "net.safetensors"))
    names = (*COMMITS, "blob written", "blob renamed", "project made")
    with closing(Session()) as session, copies_of(place, tmp_path, *names) as copies:
        projects.done(session, "new_project", path=str(place / "p"), weights=weights, size=32)
    whole = state_of(place / "p.espalier")
    assert len(copies) > 2
    for copy in copies:
        path = copy / "p.espalier"
        if path.exists():
            assert state_of(path) == whole
            continue
        with closing(Session()) as session:
            projects.done(session, "new_project", path=str(path), weights=weights, size=32)
        assert [left.name for left in copy.iterdir()] == ["p.espalier"]
        assert (path / "project.db").stat().st_mode == (
            place / "p.espalier" / "project.db"
        ).stat().st_mode

"""New classes are learnt as a branch: `espalier branch`, as typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, refused

QUICK = ("--set", "epochs=2", "--set", "batch=8", "--set", "views=2")


@pytest.fixture(scope="module")
def photos(home: Path) -> Path:
    return image_files.class_folders(home / "photos", dict.fromkeys("abcdef", 20))


@pytest.fixture(scope="module")
def project(home: Path, home_weights: Path, photos: Path) -> Path:
    """Two classes are learnt, and a branch was grown for two more."""
    path = home / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    answered(home, "learn", path, photos / "a", photos / "b")
    return path


def test_a_branch_is_grown_listed_and_removed(home: Path, project: Path, photos: Path):
    grown = answered(
        home,
        "branch",
        project,
        photos / "c",
        photos / "d",
        "--cut",
        "stage2",
        "--adopt",
        "always",
        *QUICK,
    )
    assert grown["adopted"]
    assert grown["cut"] == "stage2"
    assert set(grown["per_class"]) == set("abcd")
    assert (
        set(grown["before"]) == set(grown["after"]) == {"accuracy", "old_accuracy", "new_accuracy"}
    )
    assert [row["way"] for row in grown["costs"]["rows"]] == [
        "branch",
        "upper stages anew",
        "all anew",
        "a network for each step",
    ]
    listed = espalier(home, "branch", project, "--list").stdout
    assert "c, d" in listed
    assert "cuts: stem, stage1, stage2" in listed
    assert set(answered(home, "score", project)["per_class"]) == set("abcd")
    export = home / "branched.onnx"
    receipt = answered(home, "export", project, "--to", export)
    assert receipt["clear_disagreements"] == 0
    said = espalier(home, "branch", project, "--remove", 1)
    assert said.stdout.startswith("Removed branch 1: accuracy")
    assert answered(home, "branch", project, "--list")["branches"] == []
    assert "no branches to merge" in refused(home, "branch", project, "--merge")


def test_the_curve_chooses_the_cut(home: Path, project: Path, photos: Path):
    done = espalier(
        home,
        "branch",
        project,
        photos / "e",
        photos / "f",
        "--threshold",
        0,
        "--adopt",
        "always",
        *QUICK,
    )
    assert done.returncode == 0, done.stderr
    table = done.stdout.split("\n\n")[0]
    assert "shared up to" in table
    assert table.count("recommended") == 1
    assert "100.0 %" in table
    assert "accuracy on held-out images" in done.stdout
    if "as branch" in done.stdout:
        assert "upper stages anew" in done.stdout
        assert "ISSCC 2014" in done.stdout


def test_what_is_wrong_is_said_in_one_sentence(home: Path, project: Path, photos: Path):
    folder = image_files.class_folders(home / "more", dict.fromkeys("xy", 12))
    said = refused(home, "branch", project, folder / "x", folder / "y", "--cut", "attic")
    assert "auto or one of: stem, stage1, stage2" in said
    assert "two new ones" in refused(home, "branch", project, folder / "x")
    assert "0 to 100 points" in refused(home, "branch", project, folder, "--threshold", 200)
    assert "earlier" in refused(home, "branch", project, folder, "--memory", -1)

"""What is to be looked at again, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, refused

MOVES = [("red", "teal", 0), ("teal", "violet", 1)]


@pytest.fixture(scope="module")
def project(home: Path, home_weights: Path) -> Path:
    root = image_files.plain_folders(home / "images", ["red", "teal", "violet"], 15)
    image_files.planted(root, MOVES)
    path = home / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    assert "Nothing was learnt yet" in refused(home, "review", path)
    answered(home, "learn", path, root)
    return path


def test_wrong_classes_are_listed_for_scripts(home: Path, project: Path) -> None:
    found = answered(home, "review", project)
    assert found.keys() == {"images", "both_sides", "wrong", "unlike"}
    assert (found["images"], found["both_sides"]) == (45, True)
    by_name = {Path(row["path"]).name: row for row in found["wrong"]}
    for of, to, number in MOVES:
        row = by_name[f"{of} {number:03}.jpg"]
        assert (row["class"], row["likelier"]) == (to, of)
        assert row["probability"] < 0.05 < row["likelier_probability"]
        assert Path(row["nearest"]).parent.name == of
        assert row["nearest"] not in {other["path"] for other in found["wrong"]}
    assert all(row.keys() == {"path", "class", "distance", "nearest"} for row in found["unlike"])


def test_a_person_reads_a_table(home: Path, project: Path) -> None:
    said = espalier(home, "review", project).stdout
    assert said.startswith("45 images judged as if not learnt.\n\n")
    lines = [line.split() for line in said.splitlines()]
    (row,) = [line for line in lines if line[:2] == ["red", "000.jpg"]]
    assert row[2] == "teal"
    assert "red" in row[3:]


def test_a_limit_shortens_both_lists(home: Path, project: Path) -> None:
    whole, short = answered(home, "review", project), answered(home, "review", project, "--limit=1")
    assert short["wrong"] == whole["wrong"][:1]
    assert "0, for all images, or more" in refused(home, "review", project, "--limit=-1")

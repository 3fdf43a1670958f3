"""What a project keeps on disk, and a cap on it, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import image_files
from tests.helpers.commands import answered, espalier, refused


@pytest.fixture
def project(home: Path, home_weights: Path, tmp_path: Path) -> Path:
    root = image_files.plain_folders(tmp_path / "images", ["red", "teal"], 12)
    path = tmp_path / "p.espalier"
    answered(home, "new", path, "--weights", home_weights, "--size", 32)
    answered(home, "learn", path, root, "--copy")
    return path


def test_each_part_is_as_large_as_its_files(home: Path, project: Path) -> None:
    found = answered(home, "memory", project)
    parts = {row["part"]: row["bytes"] for row in found["parts"]}
    assert found["bytes"] == sum(parts.values())
    copies = sum(file.stat().st_size for file in (project.parent / "images").rglob("*.jpg"))
    assert parts["copies of images"] == copies
    assert parts["thumbnails"] > 0
    assert parts["steps of learning"] > parts["maps"] == 0
    everything = sum(f.stat().st_size for f in (project / "blobs").rglob("*") if f.is_file())
    assert found["bytes"] - parts["tables"] == everything
    assert (found["cap"], found["kept"], found["dropped"]) == (0, 24, 0)
    said = espalier(home, "memory", project).stdout
    assert "Features and thumbnails have no cap. Set one with --cap MB." in said
    assert said.splitlines()[0].startswith("features")


def test_a_cap_is_kept_and_said(home: Path, project: Path) -> None:
    found = answered(home, "memory", project, "--cap", "2.5")
    assert found["cap"] == 2_500_000
    assert found["goes_first"][0] == "features of networks that are not in use"
    said = espalier(home, "memory", project).stdout
    assert (
        "Features and thumbnails are kept up to 2.5 MB. First to go:\n  1. features of networks"
        in said
    )
    assert "Features of 24 images are kept, and 0 gave way." in said
    assert answered(home, "memory", project, "--cap", "0")["cap"] == 0
    assert "1 MB or more, or 0 for none" in refused(home, "memory", project, "--cap", "0.5")
    assert "1 MB or more, or 0 for none" in refused(home, "memory", project, "--cap", "-1")

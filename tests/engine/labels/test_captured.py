"""When and where an image was taken, against EXIF that Pillow writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from engine.labels.captured import captured
from tests.helpers import image_files


def with_exif(path: Path, **facts: object) -> Path:
    """An image whose EXIF has these; `gps` are the tags of its own part."""
    exif = Image.Exif()
    if gps := facts.pop("gps", None):
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps)
    inside = exif.get_ifd(ExifTags.IFD.Exif)
    inside |= {getattr(ExifTags.Base, name): value for name, value in facts.items()}
    exif[ExifTags.IFD.Exif] = inside
    Image.new("RGB", (16, 12)).save(path, exif=exif)
    return path


def test_the_time_is_that_of_the_exif(tmp_path: Path) -> None:
    path = with_exif(tmp_path / "a.jpg", DateTimeOriginal="2020:03:24 11:21:46")
    assert (captured(path).when, captured(path).sure) == ("2020-03-24T11:21:46Z", False)
    zone = {"OffsetTimeOriginal": "+01:00"}
    path = with_exif(tmp_path / "b.jpg", DateTimeOriginal="2020:03:24 11:21:46", **zone)
    assert (captured(path).when, captured(path).sure) == ("2020-03-24T11:21:46+01:00", True)


@pytest.mark.parametrize("words", ["", "2020:13:24 11:21:46", "yesterday", "0000:00:00 00:00:00"])
def test_without_a_time_it_is_that_of_the_file(words: str, tmp_path: Path) -> None:
    path = with_exif(tmp_path / "a.jpg", DateTimeOriginal=words)
    os.utime(path, (0, 1_585_048_906))
    assert (captured(path).when, captured(path).sure) == ("2020-03-24T11:21:46Z", False)


def test_of_a_broken_file_the_files_time_is_told_and_of_none_nothing(tmp_path: Path) -> None:
    for path in (image_files.text_file(tmp_path / "t.jpg"), image_files.empty_file(tmp_path / "e")):
        os.utime(path, (0, 1_585_048_906))
        assert captured(path).when == "2020-03-24T11:21:46Z"
    assert captured(tmp_path / "gone.jpg").when == ""


def test_the_place_is_in_degrees_with_its_side(tmp_path: Path) -> None:
    gps = {1: "S", 2: (52.0, 30.0, 36.0), 3: "E", 4: (23.0, 0.0, 18.0)}
    assert captured(with_exif(tmp_path / "a.jpg", gps=gps)).place == (-52.51, 23.005)
    far = {**gps, 2: (152.0, 30.0, 36.0)}
    assert captured(with_exif(tmp_path / "b.jpg", gps=far)).place is None
    half = {1: "S", 2: (52.0, 30.0, 36.0)}
    assert captured(with_exif(tmp_path / "c.jpg", gps=half)).place is None

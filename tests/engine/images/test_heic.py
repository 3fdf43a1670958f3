"""HEIC opens where the extra is installed, and what is wrong with one is said in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import UnusableImage
from engine.images.decode import open_image
from engine.images.preprocess import Preprocessing
from tests.helpers import image_files

pillow_heif = pytest.importorskip("pillow_heif", reason="the extra heic is not installed")


def heic(path: Path, seed: int = 1, turned: bool = False) -> Path:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2026:06:01 21:00:00"
    if turned:
        exif[0x0112] = 6
    drawn = image_files.drawn(seed, (320, 240))
    pillow_heif.from_pillow(drawn).save(path, quality=95, exif=exif.tobytes())
    return path


def test_it_is_the_image_that_was_saved(tmp_path: Path) -> None:
    seen = Preprocessing(64, 64)
    found = open_image(heic(tmp_path / "a.heic"), seen)
    expected = open_image(image_files.image(tmp_path / "a.png", 1, (320, 240), "PNG"), seen)
    assert (found.width, found.height) == (320, 240)
    assert np.abs(found.seen.astype(int) - expected.seen.astype(int)).mean() < 3
    assert found.taken.when == "2026-06-01 21:00:00"


def test_it_is_found_by_what_it_is_whatever_its_name(tmp_path: Path) -> None:
    assert open_image(heic(tmp_path / "a.jpg"), None).width == 320


def test_it_is_turned_once(tmp_path: Path) -> None:
    found = open_image(heic(tmp_path / "a.heic", turned=True), None)
    assert (found.width, found.height) == (240, 320)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_a_part_of_one_is_refused_in_a_sentence(tmp_path: Path, share: float) -> None:
    content = heic(tmp_path / "a.heic").read_bytes()
    (tmp_path / "part.heic").write_bytes(content[: int(share * len(content))])
    with pytest.raises(UnusableImage) as refusal:
        open_image(tmp_path / "part.heic", None)
    assert str(refusal.value).endswith(".")


def test_the_beginning_of_one_alone_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnusableImage, match="Save it anew as JPEG or PNG"):
        open_image(image_files.heic_file(tmp_path / "photo.heic"), None)

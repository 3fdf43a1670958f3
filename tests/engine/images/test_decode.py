"""Checked images: what is read, how it is turned and scaled, and what is refused with a reason."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from contextlib import suppress
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from engine.errors import UnusableImage
from engine.images import formats
from engine.images.decode import CheckedImage, open_bytes, open_image, open_many
from engine.images.preprocess import Preprocessing
from engine.images.splits import split_of
from tests.helpers import image_files

LARGE = Preprocessing(size=64, resize=64)


def thumb_of(found: CheckedImage) -> np.ndarray:
    """The thumbnail's pixels, float, so that differences do not wrap."""
    return np.asarray(Image.open(io.BytesIO(found.thumb)).convert("RGB"), np.float32)


def test_a_good_picture_says_what_it_is(tmp_path: Path) -> None:
    path = image_files.image(tmp_path / "a.jpg", 1, (400, 300))
    found = open_image(path, LARGE)
    data = path.read_bytes()
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert (found.width, found.height, found.bytes, found.note) == (400, 300, len(data), "")
    assert Image.open(io.BytesIO(found.thumb)).size == (134, 100)
    assert found.pixels is not None
    assert (found.pixels.shape, found.pixels.dtype) == ((64, 64, 3), np.uint8)


@pytest.mark.parametrize("side", [100, 159, 160, 161, 200, 298, 321, 999])
def test_thumbnails_are_about_as_large_as_asked_for(tmp_path: Path, side: int) -> None:
    path = image_files.image(tmp_path / "a.jpg", 1, (side, side // 2))
    width, height = Image.open(io.BytesIO(open_image(path, None).thumb)).size
    assert min(side, 128) <= width <= 160
    assert width / height == pytest.approx(2, rel=0.04)


def test_pixels_are_made_only_where_asked_for(tmp_path: Path) -> None:
    assert open_image(image_files.image(tmp_path / "a.jpg"), None).pixels is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM"])
def test_formats(tmp_path: Path, kind: str) -> None:
    found = open_image(image_files.image(tmp_path / "a", 2, kind=kind), LARGE)
    assert (found.width, found.height) == (96, 72)
    assert np.abs(thumb_of(found) - np.asarray(image_files.drawn(2), np.float32)).mean() < 12


def test_the_hash_is_imagehash_of_the_thumbnail_sized_picture(tmp_path: Path) -> None:
    for seed in range(20):
        path = image_files.image(tmp_path / "a.png", seed, (160, 120), "PNG")
        assert open_image(path, None).phash == str(imagehash.phash(Image.open(path)))


def test_a_small_change_moves_few_bits_of_the_hash(tmp_path: Path) -> None:
    image = image_files.drawn(4, (300, 200))
    image.save(tmp_path / "a.png")
    image.resize((220, 147)).save(tmp_path / "b.jpg", quality=60)
    one, other = (int(open_image(tmp_path / n, None).phash, 16) for n in ("a.png", "b.jpg"))
    stranger = int(open_image(image_files.image(tmp_path / "c.jpg", 5), None).phash, 16)
    assert (one ^ other).bit_count() <= 6 < (one ^ stranger).bit_count()


@pytest.fixture
def no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where nothing is installed that opens HEIC."""
    monkeypatch.setattr(formats, "opens_heic", lambda: False)


REASONS = {
    "empty.jpg": "empty",
    "text.jpg": "a text file with the name of a JPEG",
    "heic.jpg": "an HEIC image with the name of a JPEG. Save it as JPEG or PNG.",
    "svg.jpg": "an SVG drawing with the name of a JPEG",
    "page.jpg": "a web page",
    "pointer.jpg": "Git LFS",
    "noise.jpg": "is damaged or isn't a JPEG",
    "truncated.jpg": "broken",
    "truncated.png": "broken",
    "bomb.png": "more than 200 megapixels",
    "one pixel.png": "1 x 1 pixels",
    "thin.png": "1 x 20000",
}


@pytest.mark.parametrize("name", image_files.NO_IMAGES)
@pytest.mark.usefixtures("no_extra")
def test_what_is_no_picture_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    path = image_files.NO_IMAGES[name](tmp_path / name)
    with pytest.raises(UnusableImage, match=REASONS[name]) as refusal:
        open_image(path, LARGE)
    assert str(refusal.value).endswith(".")


@pytest.mark.usefixtures("no_extra")
def test_an_honest_name_is_not_called_a_disguise(tmp_path: Path) -> None:
    with pytest.raises(UnusableImage, match=r"^This is an HEIC image\. Save"):
        open_image(image_files.heic_file(tmp_path / "photo.heic"), None)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_part_of_a_picture_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    path = image_files.truncated(tmp_path / "part", kind, share)
    with pytest.raises(UnusableImage):
        open_image(path, None)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM"])
def test_damage_anywhere_ends_in_a_picture_or_a_reason(tmp_path: Path, kind: str) -> None:
    whole = image_files.image(tmp_path / "whole", 6, (60, 50), kind).read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(150):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            damaged[place] = rng.integers(256)
        with suppress(UnusableImage):  # any other error is a defect
            assert open_bytes(bytes(damaged), LARGE).thumb


def test_a_picture_of_108_megapixels_is_taken(tmp_path: Path) -> None:
    found = open_image(image_files.megapixels_108(tmp_path / "large.png"), LARGE)
    assert (found.width, found.height) == (12000, 9000)
    assert thumb_of(found).shape == (120, 160, 3)


@pytest.mark.parametrize("what", ["folder", "pipe", "device", "nothing"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, what: str) -> None:
    path = tmp_path / "thing.jpg"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        image_files.pipe(path)
    elif what == "device":
        path = Path(os.devnull)
    with pytest.raises(UnusableImage, match=r"not a file|no file here"):
        open_image(path, None)


def test_no_permission(tmp_path: Path) -> None:
    path = image_files.image(tmp_path / "mine.jpg")
    with image_files.no_permission(path), pytest.raises(UnusableImage, match="no permission"):
        open_image(path, None)
    assert open_image(path, None).width == 96


@pytest.mark.parametrize(
    ("make", "worst"),
    [
        (image_files.grey_16_bits, 4),
        (image_files.float_tiff, 4),
        (lambda path: image_files.float_tiff(path, 255.0), 4),
        (lambda path: image_files.float_tiff(path, 1e6), 4),
    ],
)
def test_a_grey_ramp_stays_a_grey_ramp(tmp_path: Path, make, worst: float) -> None:
    shown = thumb_of(open_image(make(tmp_path / "ramp"), None))
    assert np.abs(shown - 255 * image_files.grey_ramp()[..., None]).max() <= worst


def test_a_float_picture_without_numbers_is_still_read(tmp_path: Path) -> None:
    ramp = image_files.grey_ramp().astype(np.float32).copy()
    ramp[:, :10], ramp[:, 90:] = np.nan, np.inf
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    shown = thumb_of(open_image(tmp_path / "a.tif", None))
    assert shown[:, 30:60].std() > 10


def test_cmyk_looks_like_the_rgb_it_came_from(tmp_path: Path) -> None:
    shown = thumb_of(open_image(image_files.cmyk_jpeg(tmp_path / "a.jpg", 8), None))
    assert np.abs(shown - np.asarray(image_files.drawn(8), np.float32)).mean() < 6


@pytest.mark.parametrize("mode", ["P", "LA", "RGBA"])
def test_what_is_transparent_becomes_white(tmp_path: Path, mode: str) -> None:
    shown = thumb_of(open_image(image_files.in_mode(tmp_path / "a.png", mode), None))
    assert shown[:8, :8].min() > 240
    assert shown[44:52, 44:52, 1:].max() < 110


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_picture(tmp_path: Path, kind: str, orientation: int) -> None:
    found = open_image(image_files.turned_by_exif(tmp_path / "a", orientation, kind), LARGE)
    shown = thumb_of(found)
    assert (found.width, found.height) == (120, 80)
    assert shown[10, 60].argmax() == 0
    assert shown[60, 10].argmax() == 1
    assert shown[60, 110].argmax() == 2
    assert found.note == ("turned by EXIF" if orientation > 1 else "")


@pytest.mark.parametrize(
    ("kind", "note"),
    [("GIF", "first of 3 frames"), ("TIFF", "first of 3 pages"), ("WEBP", "first of 3 frames")],
)
def test_of_several_frames_the_first_is_taken(tmp_path: Path, kind: str, note: str) -> None:
    found = open_image(image_files.moving(tmp_path / "a", kind), None)
    assert found.note == note
    red, green, blue = thumb_of(found).mean((0, 1))
    assert red > 240
    assert green + blue < 30


@pytest.mark.parametrize("make", [image_files.broken_exif, image_files.broken_colours])
def test_broken_extras_are_ignored(tmp_path: Path, make) -> None:
    shown = thumb_of(open_image(make(tmp_path / "a.jpg", 9), None))
    assert np.abs(shown - np.asarray(image_files.drawn(9), np.float32)).mean() < 6


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_large_picture_gives_nearly_the_pixels_of_a_full_decode(tmp_path: Path, kind: str):
    path = image_files.image(tmp_path / "a", 10, (1500, 1100), kind)
    fast = open_image(path, LARGE).pixels
    size = (round(64 * 1500 / 1100), 64)
    full = Image.open(path).convert("RGB").resize(size, Image.Resampling.BILINEAR)
    left = (size[0] - 64) // 2
    exact = np.asarray(full.crop((left, 0, left + 64, 64)), np.float32)
    assert np.abs(exact - fast).mean() < 1.5


def test_many_come_in_order_with_their_reasons(tmp_path: Path) -> None:
    paths = [image_files.image(tmp_path / f"{n}.png", n, kind="PNG") for n in range(40)]
    image_files.text_file(paths[7])
    paths[11].unlink()
    found = list(open_many(paths, LARGE, threads=3))
    assert [path for path, _ in found] == paths
    assert [n for n, (_, x) in enumerate(found) if isinstance(x, UnusableImage)] == [7, 11]
    alone = open_image(paths[20], LARGE)
    together = found[20][1]
    assert together.sha256 == alone.sha256
    assert (together.pixels == alone.pixels).all()


def test_closing_early_leaves_no_thread(tmp_path: Path) -> None:
    path = image_files.image(tmp_path / "a.jpg")
    before = set(threading.enumerate())
    asked = []
    many = open_many((asked.append(n) or path for n in range(10_000)), LARGE, threads=2)
    next(many)
    many.close()
    assert set(threading.enumerate()) == before
    assert len(asked) < 100


def test_the_split_is_decided_by_content_and_about_a_fifth() -> None:
    digests = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(5000)]
    sides = [split_of(digest) for digest in digests]
    assert sides == [split_of(digest) for digest in digests]
    assert 0.18 < sides.count("validation") / 5000 < 0.22

"""Makes images and folders for the tests: good ones, and each bad one that must end well.

Every maker writes one file (or folder) at `path` and returns the path.
"""

from __future__ import annotations

import colorsys
import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter


def drawn(seed: int = 0, size: tuple[int, int] = (96, 72), hue: float | None = None) -> Image.Image:
    """An image of soft blobs on a gradient, RGB; another seed or hue gives another image."""
    rng = np.random.default_rng(seed)
    hue = float(rng.random()) if hue is None else hue
    across, down = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    slope = across * rng.random() + down * rng.random()
    ground = np.array(colorsys.hsv_to_rgb(hue, 0.4, 0.9)) * (1 - 0.5 * slope[..., None])
    image = Image.fromarray((ground * 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, r = rng.random() * size[0], rng.random() * size[1], min(size) * rng.random()
        colour = colorsys.hsv_to_rgb((hue + rng.normal(0, 0.05)) % 1, 0.8, rng.random())
        box = (x - r / 2, y - r / 3, x + r / 2, y + r / 3)
        draw.ellipse(box, fill=tuple(round(255 * part) for part in colour))
    return image.filter(ImageFilter.GaussianBlur(1))


def image(
    path: Path,
    seed: int = 0,
    size: tuple[int, int] = (96, 72),
    kind: str = "JPEG",
    hue: float | None = None,
) -> Path:
    """A good image in the format `kind` (a Pillow name), whatever the path's ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(seed, size, kind, hue))
    return path


@lru_cache(maxsize=2000)
def encoded(seed: int, size: tuple[int, int], kind: str, hue: float | None) -> bytes:
    """The bytes of a file: many tests ask for the same images."""
    held = io.BytesIO()
    drawn(seed, size, hue).save(held, kind)
    return held.getvalue()


def class_folder(
    root: Path, name: str, count: int = 8, hue: float | None = None, seed: int = 0
) -> Path:
    """A folder `root/name` of `count` different images whose colours lie about `hue`."""
    hue = sum(name.encode("utf-8", "replace")) % 97 / 97 if hue is None else hue
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        key = zlib.crc32(f"{name!r}/{seed}/{number}".encode())
        image(folder / f"{number:03}.jpg", key, hue=hue)
    return folder


def class_folders(root: Path, counts: dict[str, int], seed: int = 0) -> Path:
    """A folder of class folders, their hues spread evenly over the circle of colours."""
    root.mkdir(parents=True, exist_ok=True)
    for place, (name, count) in enumerate(counts.items()):
        class_folder(root, name, count, place / len(counts), seed)
    return root


def plain_folders(root: Path, names: list[str], count: int, seed: int = 0) -> Path:
    """Class folders that any network tells apart: an image is a noisy field of its class's hue."""
    for place, name in enumerate(names):
        colour = np.array(colorsys.hsv_to_rgb(place / len(names), 0.9, 0.8)) * 255
        rng = np.random.default_rng([seed, place])
        (root / name).mkdir(parents=True)
        for number in range(count):
            field = colour * rng.uniform(0.8, 1.2) + rng.normal(0, 12, (72, 96, 3))
            pixels = field.clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number:03}.jpg")
    return root


def planted(root: Path, moves: list[tuple[str, str, int]]) -> list[str]:
    """Moves some files of class folders into the folders of other classes, as people do by mistake.

    Each move is a class, another class, and which file; returns the new names of the files.
    """
    names = []
    for of, to, number in moves:
        name = f"{of} {number:03}.jpg"
        (root / of / f"{number:03}.jpg").rename(root / to / name)
        names.append(name)
    return names


# Files that are no image, or a broken one.


def empty_file(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def text_file(path: Path) -> Path:
    path.write_text("Not an image at all,\nonly some words.\n" * 20)
    return path


def heic_file(path: Path) -> Path:
    """The beginning of an image as telephones save it."""
    brands = b"ftypheic\0\0\0\0mif1heic"
    path.write_bytes(struct.pack(">I", 4 + len(brands)) + brands + bytes(range(256)) * 8)
    return path


def svg_file(path: Path) -> Path:
    path.write_text('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>')
    return path


def web_page(path: Path) -> Path:
    path.write_text("<!DOCTYPE html><html><body>404 Not Found</body></html>")
    return path


def lfs_pointer(path: Path) -> Path:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n")
    return path


def random_bytes(path: Path) -> Path:
    path.write_bytes(np.random.default_rng(5).bytes(4000))
    return path


def truncated(path: Path, kind: str, share: float = 0.6) -> Path:
    """An image of the format `kind` that ends after `share` of its bytes."""
    file = io.BytesIO()
    drawn(3, (200, 160)).save(file, kind)
    path.write_bytes(file.getvalue()[: int(file.tell() * share)])
    return path


def truncated_jpeg(path: Path) -> Path:
    return truncated(path, "JPEG")


def truncated_png(path: Path) -> Path:
    return truncated(path, "PNG")


def blank_png(path: Path, width: int, height: int) -> Path:
    """A black PNG of one bit a pixel, packed so well that a huge one is a small file."""
    packer, rows = zlib.compressobj(1), bytes(1 + -(-width // 8)) * 100
    packed = [
        packer.compress(rows[: len(rows) // 100 * min(100, height - top)])
        for top in range(0, height, 100)
    ]
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", b"".join(packed) + packer.flush()), (b"IEND", b""))
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, data in chunks:
            file.write(struct.pack(">I", len(data)) + name + data)
            file.write(struct.pack(">I", zlib.crc32(name + data)))
    return path


def bomb(path: Path) -> Path:
    """400 megapixels in a file of some 200 kB."""
    return blank_png(path, 20000, 20000)


def megapixels_108(path: Path) -> Path:
    """What a telephone's best camera gives: large, but an image."""
    return blank_png(path, 12000, 9000)


def one_pixel(path: Path) -> Path:
    Image.new("RGB", (1, 1), "red").save(path, "PNG")
    return path


def thin(path: Path) -> Path:
    Image.new("RGB", (1, 20000), "red").save(path, "PNG")
    return path


# Images of unusual kinds, which must be read right.


def grey_ramp(size: tuple[int, int] = (96, 72)) -> np.ndarray:
    """From black at the left to white at the right: float64, 0 to 1."""
    return np.broadcast_to(np.linspace(0, 1, size[0]), size[::-1])


def grey_16_bits(path: Path) -> Path:
    Image.fromarray((grey_ramp() * 65535).astype(np.uint16)).save(path, "PNG")
    return path


def float_tiff(path: Path, scale: float = 1.0) -> Path:
    Image.fromarray((grey_ramp() * scale).astype(np.float32)).save(path, "TIFF")
    return path


def wide_tiff(path: Path, top: int) -> Path:
    """Grey in integers of 32 bits, up to `top`."""
    Image.fromarray((grey_ramp() * top).astype(np.int32)).save(path, "TIFF")
    return path


def cmyk_jpeg(path: Path, seed: int = 0) -> Path:
    drawn(seed).convert("CMYK").save(path, "JPEG", quality=95)
    return path


def in_mode(path: Path, mode: str, kind: str = "PNG") -> Path:
    """A red (or grey) disc on a transparent ground where the mode has one; the ground is black."""
    disc = Image.new("RGBA", (96, 96), (0, 0, 0, 0))
    ImageDraw.Draw(disc).ellipse((16, 16, 80, 80), fill=(220, 30, 30, 255))
    if mode == "P":
        palette = disc.convert("RGB").quantize(8)
        palette.save(path, kind, transparency=palette.getpixel((0, 0)))
    else:
        disc.convert(mode).save(path, kind)
    return path


def turned_by_exif(path: Path, orientation: int, kind: str = "JPEG") -> Path:
    """An image, upright once turned, with red at the top, green at the left, blue elsewhere."""
    upright = Image.new("RGB", (120, 80), "blue")
    ImageDraw.Draw(upright).rectangle((0, 0, 20, 80), fill="green")
    ImageDraw.Draw(upright).rectangle((0, 0, 120, 20), fill="red")
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    stored.save(path, kind, exif=exif)
    return path


def moving(path: Path, kind: str = "GIF", frames: int = 3) -> Path:
    """An animated GIF, or pages of a TIFF: the first is red, the others are not."""
    colours = ["red", "lime", "blue", "yellow", "black"]
    first, *rest = (Image.new("RGB", (96, 72), colours[n % 5]) for n in range(frames))
    first.save(path, kind, save_all=True, append_images=rest)
    return path


def broken_exif(path: Path, seed: int = 0) -> Path:
    """A good JPEG whose EXIF directory points to nowhere."""
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x7f" + b"\x01\x12\0\x03\xff\xff\xff\xf0\xff\xff\xff\xff" * 3
    drawn(seed).save(path, "JPEG", exif=exif)
    return path


def broken_colours(path: Path, seed: int = 0) -> Path:
    """A good JPEG whose ICC profile is noise."""
    drawn(seed).save(path, "JPEG", icc_profile=np.random.default_rng(1).bytes(500))
    return path


NO_IMAGES: dict[str, Callable[[Path], Path]] = {
    "empty.jpg": empty_file,
    "text.jpg": text_file,
    "heic.jpg": heic_file,
    "svg.jpg": svg_file,
    "page.jpg": web_page,
    "pointer.jpg": lfs_pointer,
    "noise.jpg": random_bytes,
    "truncated.jpg": truncated_jpeg,
    "truncated.png": truncated_png,
    "bomb.png": bomb,
    "one pixel.png": one_pixel,
    "thin.png": thin,
}
"""Every file that must be refused, by a name for it."""

ODD_PICTURES: dict[str, Callable[[Path], Path]] = {
    "grey 16 bits.png": grey_16_bits,
    "float.tif": float_tiff,
    "cmyk.jpg": cmyk_jpeg,
    "palette.png": lambda path: in_mode(path, "P"),
    "grey with alpha.png": lambda path: in_mode(path, "LA"),
    "turned.jpg": lambda path: turned_by_exif(path, 6),
    "moving.gif": moving,
    "pages.tif": lambda path: moving(path, "TIFF"),
    "broken exif.jpg": broken_exif,
    "broken colours.jpg": broken_colours,
}
"""Every file that must be read right though it is unusual, by a name for it."""


def every(makers: dict[str, Callable[[Path], Path]], folder: Path) -> list[Path]:
    """All of NO_PICTURES or ODD_PICTURES in one folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return [make(folder / name) for name, make in makers.items()]


# Folders that are unusual.


def link(path: Path, to: Path) -> Path:
    """A symbolic link; skips the test where links can't be made (Windows without the right)."""
    try:
        path.symlink_to(to, target_is_directory=to.is_dir())
    except OSError as error:
        pytest.skip(f"no symbolic links here: {error}")
    return path


def pipe(path: Path) -> Path:
    """A named pipe, which would make whoever opens it wait for ever."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes on this system")
    os.mkfifo(path)
    return path


@contextmanager
def no_permission(path: Path) -> Iterator[Path]:
    """Inside, `path` can't be read, not even by root (who is someone else for the time)."""
    if os.name == "nt":
        pytest.skip("permissions are others on Windows")
    modes = {path: path.stat().st_mode}
    path.chmod(0)
    if os.geteuid() == 0:
        for above in path.resolve().parents:
            if not above.stat().st_mode & 0o001:
                modes[above] = above.stat().st_mode
                above.chmod(modes[above] | 0o055)
        os.seteuid(65534)
    try:
        yield path
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        for changed, mode in modes.items():
            changed.chmod(mode)


BAD_NAMES = (
    "emoji 🦋",
    "ქართული",
    "עברית",
    "new\nline",
    "quote'\"s",
    "trailing ",
    "CON",
    "a" * 200,
    "semi;colon",
    "-dash",
    "percent%20",
    "$HOME",
    "tab\tbed",
)
"""Folder names that must make classes like any other."""


def weights(path: Path, name: str = "squeezenet1_1", seed: int = 0) -> Path:
    """A weights file of a small network with random weights: quick, and enough to tell colours."""
    import torch
    from safetensors.torch import save_file
    from torchvision.models import get_model

    torch.manual_seed(seed)
    save_file(get_model(name, weights=None).state_dict(), path)
    return path

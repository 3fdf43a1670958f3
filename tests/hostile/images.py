"""Images that take long, take much memory, or are broken in the middle."""

from __future__ import annotations

import io
import random
import struct
import zlib
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from tests.helpers import image_files
from tests.hostile import Kinds

SIDE = 14_000
"""Of the largest squares: 196 megapixels, a little less than what is taken."""


# Large ones, whose files are small.


def plain(path: Path, kind: str, mode: str = "RGB", side: int = SIDE, **how: object) -> None:
    """One colour, which packs to nearly nothing."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        bands = len(Image.new(mode, (1, 1)).getbands())
        colour = 7 if bands == 1 else (7, 8, 9, 10)[:bands]
        Image.new(mode, (side, side), colour).save(path, kind, **how)
    finally:
        Image.MAX_IMAGE_PIXELS = before


def scans_of(content: bytes) -> tuple[bytes, list[bytes]]:
    """A progressive JPEG in parts: what comes before its scans, and each scan with its tables."""
    head, *scans = content[:-2].split(b"\xff\xda")
    return head, [b"\xff\xda" + scan for scan in scans]


def many_scans(path: Path, side: int, scans: int) -> None:
    """A progressive JPEG whose last scan comes again and again: each goes over every block."""
    packed = io.BytesIO()
    plain(packed, "JPEG", "L", side, progressive=True)
    head, found = scans_of(packed.getvalue())
    path.write_bytes(head + b"".join(found) + found[-1] * (scans - len(found)) + b"\xff\xd9")


def frames(path: Path, kind: str, side: int, count: int) -> None:
    """So many frames of a large canvas."""
    first, *rest = (Image.new("RGB", (side, side), (n % 250, 9, 9)) for n in range(count))
    first.save(path, kind, save_all=True, append_images=rest, duration=20)


def png(
    path: Path,
    size: tuple[int, int],
    chunks: list[tuple[bytes, bytes]],
    depth: int = 8,
    colour: int = 2,
    row: bytes = b"",
) -> None:
    """A PNG with chunks of one's own before its pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    line = b"\0" + (row or bytes(size[0] * 3))
    parts = [chunk(b"IHDR", head), *(chunk(*c) for c in chunks)]
    parts += [chunk(b"IDAT", zlib.compress(line * size[1], 9)), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def text_bomb(path: Path, name: bytes) -> None:
    """A PNG whose note unpacks to a gigabyte."""
    packed = zlib.compress(bytes(1 << 28), 9)
    data = b"k\0\0" + packed if name == b"zTXt" else b"k\0\1\0\0\0" + packed
    if name == b"iCCP":
        data = b"k\0\0" + packed
    png(path, (64, 64), [(name, data)] * 4)


def tiff(path: Path, tags: dict[int, tuple[int, int, int]], data: bytes = bytes(4096)) -> None:
    """A TIFF with entries of one's own: tag -> (type, count, value)."""
    usual = {
        256: (4, 1, 64),
        257: (4, 1, 64),
        258: (3, 1, 8),
        259: (3, 1, 1),
        262: (3, 1, 1),
        273: (4, 1, 8),
        277: (3, 1, 1),
        278: (4, 1, 64),
        279: (4, 1, 4096),
    }
    entries = sorted({**usual, **tags}.items())
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, *entry) for tag, entry in entries
    )
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + bytes(4))


def looping_tiff(path: Path) -> None:
    """A TIFF whose directory comes after itself."""
    tiff(path, {})
    content = path.read_bytes()
    path.write_bytes(content[:-4] + struct.pack("<I", 8 + 4096))


# Good ones, damaged.


def packed(kind: str, seed: int = 3, **how: object) -> bytes:
    content = io.BytesIO()
    image_files.drawn(seed, (160, 120)).save(content, kind, **how)
    return content.getvalue()


def flipped(path: Path, kind: str, seed: int, **how: object) -> None:
    """Some bytes of a good file changed."""
    content, rng = bytearray(packed(kind, **how)), random.Random(seed)
    for _ in range(1 + seed):
        content[rng.randrange(12, len(content))] = rng.randrange(256)
    path.write_bytes(content)


def cut(path: Path, kind: str, share: float) -> None:
    content = packed(kind)
    path.write_bytes(content[: int(share * len(content))])


def lying(path: Path, kind: str, at: int, value: bytes) -> None:
    """A good file with a length or size in its header replaced."""
    content = bytearray(packed(kind))
    content[at : at + len(value)] = value
    path.write_bytes(content)


def jpeg_size(path: Path, width: int, height: int) -> None:
    """A JPEG whose header promises another size."""
    content = bytearray(packed("JPEG"))
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", height, width)
    path.write_bytes(content)


def long_exif(path: Path) -> None:
    """EXIF whose directories point at each other."""
    one = struct.pack(">H", 1) + struct.pack(">HHII", 0x8769, 4, 1, 8) + struct.pack(">I", 8)
    image_files.drawn(1).save(path, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08" + one)


def many_notes(path: Path) -> None:
    """A JPEG with ten thousand comments of the largest size there is."""
    content = packed("JPEG")
    note = b"\xff\xfe" + struct.pack(">H", 65_535) + bytes(65_533)
    path.write_bytes(content[:2] + note * 2000 + content[2:])


def ppm(path: Path, head: bytes) -> None:
    path.write_bytes(head + bytes(2000))


def svg_in_notes(path: Path) -> None:
    """A good PNG in whose notes a drawing is told of: it is to be taken."""
    png(path, (64, 64), [(b"tEXt", b"Comment\0made from <svg width='9'/>")])


LARGE: Kinds = {
    "large grey.png": partial(plain, kind="PNG", mode="L"),
    "large colours.png": partial(plain, kind="PNG"),
    "large alpha.png": partial(plain, kind="PNG", mode="RGBA"),
    "large 16 bits.png": partial(plain, kind="PNG", mode="I;16"),
    "large bits.png": partial(plain, kind="PNG", mode="1"),
    "large palette.png": partial(plain, kind="PNG", mode="P"),
    "large.jpg": partial(plain, kind="JPEG"),
    "large grey.jpg": partial(plain, kind="JPEG", mode="L"),
    "large cmyk.jpg": partial(plain, kind="JPEG", mode="CMYK"),
    "large steps.jpg": partial(plain, kind="JPEG", progressive=True),
    "large.webp": partial(plain, kind="WEBP", method=0, quality=10),
    "large alpha.webp": partial(plain, kind="WEBP", mode="RGBA", lossless=True, method=0),
    "half as large.webp": partial(plain, kind="WEBP", side=9900, method=0, quality=10),
    "large.gif": partial(plain, kind="GIF", mode="P"),
    "large.bmp": partial(plain, kind="BMP", mode="1"),
    "large packed.tif": partial(plain, kind="TIFF", compression="tiff_deflate"),
    "large floats.tif": partial(plain, kind="TIFF", mode="F", compression="tiff_deflate"),
    "large fax.tif": partial(plain, kind="TIFF", mode="1", compression="group4"),
    "large.jp2": partial(plain, kind="JPEG2000", mode="L", side=8000),
    "large.avif": partial(plain, kind="AVIF", side=8000, speed=10),
    "too large.png": partial(plain, kind="PNG", mode="1", side=40_000),
    "too large.tif": partial(plain, kind="TIFF", mode="1", side=40_000, compression="group4"),
}

LONG: Kinds = {
    "60 scans.jpg": partial(many_scans, side=9000, scans=60),
    "400 scans.jpg": partial(many_scans, side=9000, scans=400),
    "5000 scans.jpg": partial(many_scans, side=4000, scans=5000),
    "20000 small scans.jpg": partial(many_scans, side=500, scans=20_000),
    "200 frames.gif": partial(frames, kind="GIF", side=900, count=200),
    "60 frames.webp": partial(frames, kind="WEBP", side=900, count=60),
    "60 pages.tif": partial(frames, kind="TIFF", side=500, count=60),
    "20 frames.avif": partial(frames, kind="AVIF", side=500, count=20),
    "20 frames.png": partial(frames, kind="PNG", side=900, count=20),
    "notes.png": partial(text_bomb, name=b"zTXt"),
    "notes of the world.png": partial(text_bomb, name=b"iTXt"),
    "colours.png": partial(text_bomb, name=b"iCCP"),
    "notes.jpg": many_notes,
    "circle.tif": looping_tiff,
    "circle.jpg": long_exif,
}

ENDINGS = {
    ".jpg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".bmp": "BMP",
    ".avif": "AVIF",
}

BROKEN: Kinds = {
    **{
        f"flipped {number}{ending}": partial(flipped, kind=kind, seed=number)
        for ending, kind in ENDINGS.items()
        for number in (1, 12)
    },
    **{
        f"cut {ending[1:]} at {share:g}{ending}": partial(cut, kind=kind, share=share)
        for ending, kind in ENDINGS.items()
        for share in (0.1, 0.9)
    },
    "wide.jpg": partial(jpeg_size, width=65_500, height=65_500),
    "taller.jpg": partial(jpeg_size, width=160, height=3000),
    "giant.gif": partial(lying, kind="GIF", at=6, value=b"\xff\xff\xff\xff"),
    "giant.bmp": partial(lying, kind="BMP", at=18, value=b"\xff\xff\xff\x7f\xff\xff\xff\x7f"),
    "upside down.bmp": partial(lying, kind="BMP", at=22, value=b"\0\0\0\x80"),
    "wide.ppm": partial(ppm, head=b"P6 99999999 99999999 255\n"),
    "deep.ppm": partial(ppm, head=b"P6 20 20 65535\n"),
    "digits.ppm": partial(ppm, head=b"P6 " + b"9" * 5000 + b" 20 255\n"),
    "strips.tif": lambda path: tiff(path, {278: (4, 1, 0), 279: (4, 1, 2**32 - 1)}),
    "rows.tif": lambda path: tiff(path, {257: (4, 1, 2**31)}),
    "samples.tif": lambda path: tiff(path, {277: (3, 1, 65_535), 258: (3, 65_535, 8)}),
    "tags.tif": lambda path: tiff(path, {700: (1, 2**31, 8), 34675: (7, 2**32 - 1, 8)}),
    "lzw.tif": lambda path: tiff(path, {259: (3, 1, 5)}),
    "jpeg.tif": lambda path: tiff(path, {259: (3, 1, 7)}),
    "zero.png": lambda path: png(path, (0, 0), [], row=b"x"),
    "svg.png": svg_in_notes,
    "noise.jpg": lambda path: path.write_bytes(
        b"\xff\xd8\xff" + np.random.default_rng(0).bytes(9000)
    ),
}

IMAGES: Kinds = {**image_files.NO_IMAGES, **LARGE, **LONG, **BROKEN}

"""What a file is, told from its name and its first bytes: maybe an image, or why it is none."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import PurePath

from engine.images.heic import opens_heic

HEAD = 1024
"""How many of a file's first bytes are looked at."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000", "PPM")
"""What Pillow is let open. Others are left out on purpose: EPS, for one, starts Ghostscript."""

BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise on broken files; they let the errors of their own code through."""

SUFFIXES = {
    ".jpg": "a JPEG", ".jpeg": "a JPEG", ".jpe": "a JPEG", ".png": "a PNG", ".gif": "a GIF",
    ".tif": "a TIFF", ".tiff": "a TIFF", ".webp": "a WebP", ".bmp": "a BMP", ".avif": "an AVIF",
}  # fmt: skip
"""Endings of images, and the words for a file that has the ending without being one."""

RAW = frozenset(
    (".3fr", ".arw", ".cr2", ".cr3", ".dng", ".erf", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw",
     ".rw2", ".srw")
)  # fmt: skip
HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevm", b"mif1", b"msf1"))
AS_PICTURE = "Save it as JPEG or PNG."

BEGINNINGS = (
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL image", AS_PICTURE),
    (b"\xff\x0a", "a JPEG XL image", AS_PICTURE),
    (b"8BPS", "a Photoshop file", AS_PICTURE),
    (b"%PDF", "a PDF document", "Save its pages as JPEG or PNG."),
    (b"%!PS", "a PostScript file", AS_PICTURE),
    (b"PK\x03\x04", "an archive", "Unpack it and drop the folder."),
    (b"Rar!", "an archive", "Unpack it and drop the folder."),
    (b"7z\xbc\xaf\x27\x1c", "an archive", "Unpack it and drop the folder."),
    (b"\x1aE\xdf\xa3", "a film", "Save some of its frames as JPEG or PNG."),
    (b"version https://git-lfs", "a Git LFS pointer", "Run “git lfs pull” to get the image."),
)
"""First bytes, what the file is, and what to do."""


JUNK = frozenset(
    ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "lost+found",
     "system volume information", "icon\r")
)  # fmt: skip
"""What systems leave behind, in lower case; with all hidden names, passed over in silence."""

NO_IMAGES = frozenset(
    (".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml",
     ".ini", ".cfg", ".log", ".html", ".htm", ".css", ".js", ".py", ".ipynb", ".sh", ".bat", ".exe",
     ".dll", ".so", ".mat", ".npy", ".npz", ".h5", ".pkl", ".pt", ".pth", ".onnx", ".safetensors",
     ".db", ".sqlite", ".parquet", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".odt",
     ".ods", ".mp3", ".wav", ".flac", ".ogg", ".mp4", ".mov", ".avi", ".mkv", ".webm", ".lnk",
     ".url", ".bak", ".tmp", ".part", ".crdownload")
)  # fmt: skip
"""Endings of files that are never opened, and are counted rather than listed one by one."""

ARCHIVES = frozenset((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst"))

ARCHIVE = "This is an archive. Unpack it and drop the folder."


def why_no_image(head: bytes, path: PurePath) -> str:
    """One sentence or two that say why a file can't be opened; empty where nothing speaks against.

    `head` are the file's first bytes (up to HEAD); the path gives the ending and nothing else.
    """
    if not head:
        return "This file is empty."
    if path.suffix.lower() in RAW:
        return f"This is a camera's raw file. {AS_PICTURE}"
    if found := described(head):
        what, advice = found
        return f"This is {what}{disguise(path)}. {advice}"
    return ""


def described(head: bytes) -> tuple[str, str] | None:
    """What the file is and what to do, where its first bytes are those of no image known here."""
    for beginning, what, advice in BEGINNINGS:
        if head.startswith(beginning):
            return what, advice
    if head[4:8] == b"ftyp":
        return boxed(head)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "a film", "Save some of its frames as JPEG or PNG."
    return written(head)


def boxed(head: bytes) -> tuple[str, str] | None:
    """The same for ISO media files: AVIF can be opened, films can't, HEIC with an extra."""
    length = int.from_bytes(head[:4], "big")
    brands = {head[i : i + 4] for i in range(8, min(length, len(head)), 4)}
    if brands & {b"avif", b"avis"}:
        return None
    if brands & HEIC:
        return None if opens_heic() else ("an HEIC image", AS_PICTURE)
    return "a film", "Save some of its frames as JPEG or PNG."


def written(head: bytes) -> tuple[str, str] | None:
    """The same for text: SVG, a web page, or any other."""
    text = head.decode("utf-8", "ignore").lstrip("\ufeff \t\r\n").lower()
    if "<svg" in text and text.startswith("<"):  # images may speak of one in their notes
        return "an SVG drawing", AS_PICTURE
    if text.startswith(("<!doctype html", "<html")):
        return "a web page", "Download the image itself."
    if text.startswith(("p1", "p2", "p3")) or b"\0" in head or "\ufffd" in text:
        return None  # P1 to P3 are images written as text
    if len(text) * 2 > len(head) and all(c.isprintable() or c in "\t\r\n\f" for c in text):
        return "a text file", "It was left out."
    return None


def disguise(path: PurePath) -> str:
    """The words for a file whose ending promises an image that it is not."""
    return f" with the name of {promised}" if (promised := promise(path)) else ""


def promise(path: PurePath) -> str:
    """The kind of image that a file's ending promises: “a JPEG”; empty where it promises none."""
    return SUFFIXES.get(path.suffix.lower(), "")


def junk(name: str) -> bool:
    """Whether a name is of what systems leave behind, or hidden."""
    return name.startswith(".") or name.lower() in JUNK


def ending_of(name: str) -> str:
    """What follows a name's last dot, with the dot, in lower case."""
    return os.path.splitext(name)[1].lower()


def no_image(name: str) -> str:
    """Why a file of this name is not opened; empty where it is."""
    ending = ending_of(name)
    if ending in ARCHIVES:
        return ARCHIVE
    return "This is no image." if junk(name) or ending in NO_IMAGES else ""

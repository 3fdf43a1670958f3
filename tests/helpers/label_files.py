"""Label files for tests: written by the formats, or by hand as other programs write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.images.folders import FoundImages
from engine.labels.formats import FORMATS, LabelFormat
from engine.labels.places import place_of
from engine.labels.reading import find_labelled, rows_of
from engine.labels.writing import Labelled, Written, write
from tests.bench.common import finished
from tests.helpers import image_files

ODD_FILES = (
    "plain.jpg", 'a,b; "c".jpg', " lead and end .jpg", "two\nlines.jpg", "\U0001f98b.jpg",
    "=1+1.jpg", "-x.jpg", "'=q.jpg", "~home.jpg", "a..b.jpg", "back\\slash.jpg", "<&>'.jpg",
    "deep/er/é.jpg",
    "100 % #1?.jpg", "file:name.jpg",
)  # fmt: skip
"""Names that one program or another stumbles over."""
ODD_CLASSES = (
    "moth", 'say "a, b"; c', "two\nlines", "\U0001f98b", "=1+1", "+cmd|' /C calc'!A0", "-5+3", "@x",
    "'=x", "''=x", "-1", "animal|cat", "cat", "human", "unknown", "<&>\"'", "NaN", "|", "é",
)  # fmt: skip


def a_project(folder: Path, splits: Sequence[str] = ("train", "validation")) -> list[Labelled]:
    """An image for each odd file name, of classes with odd names; one image is in two classes."""
    found = []
    for number, name in enumerate(ODD_CLASSES):
        file = ODD_FILES[number % len(ODD_FILES)]
        path = folder / str(number) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        image_files.image(path, number, (16, 12))
        found.append(Labelled(str(path), name, splits[number % len(splits)], 16, 12))
    first = found[0]
    return [*found, Labelled(first.path, "second", first.split, 16, 12)]


def target(form: LabelFormat, folder: Path) -> Path:
    return folder / form.proposed if form.proposed else folder


def save(
    images: Sequence[Labelled], name: str, folder: Path, to: str = "", overwrite: bool = False
) -> Written:
    form = FORMATS.make(name)
    place = folder / to if to else target(form, folder)
    return finished(write(images, form, place, overwrite))


def read(file: Path, name: str) -> list[tuple[str, str, str]]:
    """Path, class and side of each row, the paths absolute."""
    folder = str(file if file.is_dir() else file.parent)
    return [(place_of(r.path, folder), r.name, r.split) for r in rows_of(file, FORMATS.make(name))]


def find(*files: Path, format: str = "") -> FoundImages:
    return finished(find_labelled(files, format))

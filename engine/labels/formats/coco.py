"""COCO's JSON, as far as it says what an image is of: images, categories, annotations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from engine.labels.formats import FORMATS, Entry, Files, LabelFormat, NotThisFormat, Row
from engine.labels.json_items import items, listed, text_of
from engine.labels.text import whole

Key = int | str
KEYS = (int, str)


@FORMATS.register("coco", "COCO")
@dataclass
class Coco(LabelFormat):
    """One annotation for each image in a class, with its category and without a box.

    An image's “split” is ours: COCO itself has a file for each side. Of files with boxes each
    category that an image has is taken, once.
    """

    proposed = "coco.json"
    endings = (".json",)

    @classmethod
    def fits(cls, name: str, head: str) -> bool:
        return name.lower().endswith(".json") and head.lstrip()[:1] == "{"

    def read(self, file: Path) -> Iterator[Row]:
        """The three lists may come in any order, so all of them are read before the first row."""
        images: dict[Key, tuple[str, str]] = {}
        names: dict[Key, str] = {}
        pairs: list[tuple[Key, Key]] = []
        keys = set()
        for key, value in items(whole(file)):
            keys.add(key)
            if not isinstance(value, dict):
                continue
            if key == "annotations":
                pairs.append((key_in(value, "image_id"), key_in(value, "category_id")))
            elif key == "images":
                images[key_in(value, "id")] = (
                    text_of(value.get("file_name")),
                    text_of(value.get("split", "")),
                )
            elif key == "categories":
                names[key_in(value, "id")] = text_of(value.get("name"))
        if not {"images", "annotations", "categories"} <= keys:
            raise NotThisFormat("has no lists “images”, “annotations” and “categories”")
        return rows_of(images, names, pairs)

    def write(self, entries: Sequence[Entry], name: str) -> Files:
        yield name, text(entries)


def key_in(value: dict[str, Any], name: str) -> Key:
    """A number or text by which others refer to this; empty where there is none."""
    key = value.get(name)
    return key if isinstance(key, KEYS) else ""


def rows_of(
    images: dict[Key, tuple[str, str]], names: dict[Key, str], pairs: list[tuple[Key, Key]]
) -> Iterator[Row]:
    """The annotations in their order, then the images that have none."""
    bare = dict(images)
    for image, category in pairs:
        path, split = images.get(image, ("", ""))
        bare.pop(image, None)
        yield Row(path, names.get(category, ""), split)
    for path, split in bare.values():
        yield Row(path, "", split)


def text(entries: Sequence[Entry]) -> Iterator[str]:
    """Images and annotations in the order of the entries, categories in that of their names."""
    names = sorted({entry.name for entry in entries})
    numbers = {name: number for number, name in enumerate(names, start=1)}
    yield '{\n"images": [\n'
    yield from listed(images_of(entries))
    yield '],\n"annotations": [\n'
    yield from listed(annotations_of(entries, numbers))
    yield '],\n"categories": [\n'
    yield from listed({"id": number, "name": name} for name, number in numbers.items())
    yield "]\n}\n"


def images_of(entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    for number, (path, same) in enumerate(groupby(entries, attrgetter("path")), start=1):
        first = next(same)
        size = {"width": first.width, "height": first.height}
        yield {"id": number, "file_name": path, **size, "split": first.split}


def annotations_of(entries: Sequence[Entry], numbers: dict[str, int]) -> Iterator[dict[str, Any]]:
    number = 0
    for image, (_, same) in enumerate(groupby(entries, attrgetter("path")), start=1):
        for entry in same:
            number += 1
            yield {"id": number, "image_id": image, "category_id": numbers[entry.name]}

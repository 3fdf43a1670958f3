"""CVAT's XML for images, version 1.1, as far as its tags say what an image is of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from engine.labels import xml_events
from engine.labels.formats import FORMATS, Entry, Files, LabelFormat, NotThisFormat, Row
from engine.labels.xml_events import attribute, content

NO_SIDE = "default"
"""The subset of images that were put in none."""


@FORMATS.register("cvat", "CVAT")
@dataclass
class Cvat(LabelFormat):
    """CVAT for images: an image's tags are its classes, its subset is its side of the split."""

    proposed = "annotations.xml"
    endings = (".xml",)

    @classmethod
    def fits(cls, name: str, head: str) -> bool:
        return "<annotations" in head

    def read(self, file: Path) -> Iterator[Row]:
        found = Images()
        for _ in xml_events.parse(file, xml_events.parser_for(found)):
            yield from found.rows
            found.rows = []
        found.finish()
        yield from found.rows

    def write(self, entries: Sequence[Entry], name: str) -> Files:
        yield name, text(entries)

    @classmethod
    def why_not(cls, entry: Entry) -> str:
        return xml_events.cant_hold(entry.path, entry.name)


class Images:
    """Hears images and their tags, and keeps them as rows until they are taken."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.begun = False
        self.path, self.split, self.names = "", "", list[str]()
        self.inside = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Hears an element begin; an image is whole when the next one does."""
        if name == "tag":
            self.names.append(attributes.get("label", ""))
        elif name == "image" and self.begun:
            self.finish()
            self.inside = True
            subset = attributes.get("subset", "")
            self.path, self.names = attributes.get("name", ""), []
            self.split = "" if subset == NO_SIDE else subset
        elif name == "annotations":
            self.begun = True
        elif not self.begun:
            raise NotThisFormat(f"begins with <{name[:40]}> and not with <annotations>")

    def finish(self) -> None:
        """Keeps the image that was heard last: the next one, or the end, ends it."""
        if self.inside:
            for one in self.names or [""]:
                self.rows.append(Row(self.path, one, self.split))


def text(entries: Sequence[Entry]) -> Iterator[str]:
    """The classes as CVAT's labels, then the images with their tags."""
    yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
    yield "  <meta>\n    <task>\n      <labels>\n"
    for name in sorted({entry.name for entry in entries}):
        yield f"        <label><name>{content(name)}</name><type>tag</type></label>\n"
    yield "      </labels>\n    </task>\n  </meta>\n"
    for number, (path, same) in enumerate(groupby(entries, attrgetter("path"))):
        together = list(same)
        first = together[0]
        subset = f" subset={attribute(first.split)}" if first.split else ""
        size = f'width="{first.width}" height="{first.height}"'
        yield f'  <image id="{number}" name={attribute(path)}{subset} {size}>\n'
        for entry in together:
            yield f'    <tag label={attribute(entry.name)} source="manual"></tag>\n'
        yield "  </image>\n"
    yield "</annotations>\n"

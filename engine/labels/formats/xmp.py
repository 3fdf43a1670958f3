"""XMP sidecars: a small file beside each image, whose keywords are its classes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from engine.images.formats import SUFFIXES
from engine.labels import xml_events
from engine.labels.formats import FORMATS, Entry, Files, LabelFormat, NotThisFormat, Row
from engine.labels.xml_events import attribute, content

ENDING = ".xmp"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
SUBJECT = "http://purl.org/dc/elements/1.1/ subject"
HIERARCHY = "http://ns.adobe.com/lightroom/1.0/ hierarchicalSubject"
OURS = "urn:espalier:xmp:1.0/"
SPLIT = f"{OURS} split"
LEVEL = "|"
"""What stands between the levels of a hierarchy, from the widest on."""


@FORMATS.register("xmp", "XMP sidecars")
@dataclass
class Xmp(LabelFormat):
    """Keywords (dc:subject; lr:hierarchicalSubject where a class's name has levels, “animal|cat”).

    A folder of sidecars, each named after its image: 1.jpg.xmp, or as others name them 1.xmp. What
    other programs have written there is never replaced.
    """

    proposed = ""
    endings = (ENDING,)
    mark = OURS

    @classmethod
    def fits(cls, name: str, head: str) -> bool:
        return "adobe:ns:meta/" in head or RDF in head

    def read(self, file: Path) -> Iterator[Row]:
        for sidecar in sidecars(file) if file.is_dir() else (str(file),):
            path, keywords = image_of(sidecar), Keywords()
            xml_events.parse_whole(sidecar, xml_events.parser_for(keywords, " "))
            if not keywords.packet:
                raise NotThisFormat("is no XMP")
            for name in keywords.names or [""]:
                yield Row(path, name, keywords.split)

    def write(self, entries: Sequence[Entry], name: str) -> Files:
        for path, same in groupby(entries, attrgetter("path")):
            yield path + ENDING, iter([packet(list(same))])

    @classmethod
    def why_not(cls, entry: Entry) -> str:
        if os.path.isabs(entry.path):
            return "It does not lie below this folder, and nothing is written outside."
        return xml_events.cant_hold(entry.name)


def sidecars(folder: Path) -> Iterator[str]:
    """All sidecars below a folder, in the order of their names."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(ENDING):
                yield os.path.join(place, name)


def image_of(sidecar: str) -> str:
    """The image that a sidecar is of, if there is one of a fitting name."""
    named = sidecar[: -len(ENDING)]
    if os.path.splitext(named)[1].lower() in SUFFIXES or os.path.isfile(named):
        return named
    both = (named + ending for suffix in SUFFIXES for ending in (suffix, suffix.upper()))
    return next(filter(os.path.isfile, both), named)


class Keywords:
    """Hears the keywords of one sidecar, and its side of the split."""

    def __init__(self) -> None:
        self.split, self.packet = "", False
        self.flat, self.levels = list[str](), list[str]()
        self.into: list[str] | None = None
        self.heard: list[str] | None = None

    @property
    def names(self) -> list[str]:
        """The classes: whole hierarchies, and keywords that are no part of one."""
        parts = {part for path in self.levels for part in path.split(LEVEL)}
        return list(dict.fromkeys(self.levels + [n for n in self.flat if n not in parts]))

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == SUBJECT:
            self.into = self.flat
        elif name == HIERARCHY:
            self.into = self.levels
        elif name == f"{RDF} li":
            self.heard = []
        elif name == f"{RDF} RDF":
            self.packet = True
        self.split = attributes.get(SPLIT, self.split)

    def end(self, name: str) -> None:
        if name in (SUBJECT, HIERARCHY):
            self.into = None
        elif name == f"{RDF} li":
            if self.into is not None and self.heard is not None:
                self.into.append("".join(self.heard))
            self.heard = None

    def text(self, data: str) -> None:
        if self.heard is not None:
            self.heard.append(data)


def packet(entries: Sequence[Entry]) -> str:
    """The text of an image's sidecar."""
    names = [entry.name for entry in entries]
    deep = any(LEVEL in name for name in names)
    parts = dict.fromkeys(part for name in names for part in name.split(LEVEL) if part)
    split = attribute(entries[0].split)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        f' <rdf:RDF xmlns:rdf="{RDF}">\n  <rdf:Description rdf:about=""\n'
        '    xmlns:dc="http://purl.org/dc/elements/1.1/"\n'
        '    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"\n'
        f'    xmlns:espalier="{OURS}" espalier:split={split}>\n'
        f"{bag('dc:subject', list(parts))}{bag('lr:hierarchicalSubject', names) if deep else ''}"
        "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n"
    )


def bag(name: str, values: Sequence[str]) -> str:
    inside = "".join(f"     <rdf:li>{content(value)}</rdf:li>\n" for value in values)
    return f"   <{name}>\n    <rdf:Bag>\n{inside}    </rdf:Bag>\n   </{name}>\n"

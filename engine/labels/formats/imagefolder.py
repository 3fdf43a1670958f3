"""Hugging Face datasets' `imagefolder`: images below a folder, and metadata of them beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json import JSONDecoder
from pathlib import Path
from typing import Any

from engine.images.splits import SPLITS
from engine.labels.formats import FORMATS, Entry, Files, LabelFormat, NotThisFormat, Row
from engine.labels.json_items import text_of, written
from engine.labels.tables import columns, table
from engine.labels.text import opened

LABEL = ("label", "labels", "class", "class_name", "category")
decode = JSONDecoder().decode
SPLIT = ("split?", "subset")


@FORMATS.register("imagefolder", "Hugging Face imagefolder")
@dataclass
class ImageFolder(LabelFormat):
    """metadata.jsonl or metadata.csv: file_name, label, and a column split, which is ours.

    Where nothing says the side of the split, the first folder of the path does, as in
    train/moth/1.jpg.
    """

    proposed = "metadata.jsonl"
    endings = (".jsonl", ".csv")

    @classmethod
    def fits(cls, name: str, head: str) -> bool:
        first = head.lstrip().partition("\n")[0]
        if name.lower().endswith(".jsonl"):
            return first.startswith("{")
        table = first[:1] not in ("{", "[", "<") and "file_name" in first
        return table and (name.lower() == "metadata.csv" or "label" in first)

    def read(self, file: Path) -> Iterator[Row]:
        found = from_lines(file) if is_lines(file.name) else from_table(file)
        for row in found:
            folder = "" if row.split else row.path.partition("/")[0]
            yield row._replace(split=folder) if folder in SPLITS else row

    def write(self, entries: Sequence[Entry], name: str) -> Files:
        titles = ("file_name", "label", "split")
        yield name, lines(titles, entries) if is_lines(name) else table(titles, entries)


def is_lines(name: str) -> bool:
    return name.lower().endswith(".jsonl")


def from_table(file: Path) -> Iterator[Row]:
    return map(Row._make, columns(file, ("file_name",), LABEL, SPLIT))


def from_lines(file: Path) -> Iterator[Row]:
    """The rows of a file with one JSON object a line."""
    with opened(file) as text:
        for number, line in enumerate(text, start=1):
            if line.isspace():
                continue
            try:
                value = decode(line)
            except (ValueError, RecursionError) as error:
                raise NotThisFormat(f"has no JSON in line {number:,}. Save it anew") from error
            if not isinstance(value, dict) or "file_name" not in value:
                raise NotThisFormat(f"names no “file_name” in line {number:,}")
            path, split = text_of(value["file_name"]), text_of(value.get("split", ""))
            for name in labels_of(value):
                yield Row(path, name, split)


def labels_of(value: dict[str, Any]) -> list[str]:
    """The classes that an object names; an empty one where it names none."""
    label = value.get("label")
    if label is None:
        label = next((value[key] for key in LABEL if key in value), "")
    return [text_of(one) for one in label] or [""] if isinstance(label, list) else [text_of(label)]


def lines(titles: Sequence[str], entries: Sequence[Entry]) -> Iterator[str]:
    for entry in entries:
        values = (entry.path, entry.name, entry.split)
        yield written(dict(zip(titles, values, strict=True))) + "\n"

"""A table: path, class and split, as spreadsheets open it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.labels.formats import FORMATS, Entry, Files, LabelFormat, Row
from engine.labels.tables import columns, table

PATH = ("path", "file", "filename", "file_name", "file name", "filepath", "image", "name")
CLASS = ("class", "class_name", "class name", "label", "category", "species")
SPLIT = ("split?", "subset", "set", "side")


@FORMATS.register("csv", "CSV table")
@dataclass
class Csv(LabelFormat):
    """A row for each image in a class: path, class, and on which side of the split it is.

    Separated by commas, or read also by semicolons and tabs. The first line names the columns, in
    any order, beside others. A name that a spreadsheet would run begins with “'”.
    """

    proposed = "classes.csv"
    endings = (".csv", ".tsv")
    takes_more = True

    @classmethod
    def fits(cls, name: str, head: str) -> bool:
        other = name.lower().endswith((".json", ".jsonl", ".xml", ".xmp"))
        return bool(head.strip()) and head.lstrip()[0] not in "[{<" and not other

    def read(self, file: Path) -> Iterator[Row]:
        return map(Row._make, columns(file, PATH, CLASS, SPLIT))

    def write(self, entries: Sequence[Entry], name: str) -> Files:
        yield name, table(("path", "class", "split", *self.more), entries)

"""Tables in CSV as spreadsheets and programs write them, read row by row; and cells to write."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path

from engine.labels.formats import Entry, NotThisFormat
from engine.labels.text import HEAD, opened
from engine.system.cells import cell_text, text_cell

SEPARATORS = ",;\t|"
QUOTED = re.compile(r'[",;|\t\r\n]|^\s|\s$')
"""Cells that need quotation marks, for one program or another."""


def separator_of(line: str) -> str:
    """What stands between the titles: of the usual signs the one that is there most often."""
    return max(SEPARATORS, key=line.count)


def cells(path: Path) -> Iterator[list[str]]:
    """The rows of a table, titles first. Excel's “sep=;” in the first line is understood."""
    with opened(path) as file:
        first = file.readline(HEAD)
        if said := re.match(r'"?sep=(.)"?\s*\Z', first, re.IGNORECASE):
            separator = said[1]
        else:
            separator = separator_of(first)
            file.seek(0)
        yield from csv.reader(file, delimiter=separator, strict=True)


def columns(path: Path, *wanted: Sequence[str]) -> Iterator[list[str]]:
    """Of each row the cells in the wanted columns, two at least; empty where there is none.

    Each column is wanted by its usual name, or others that it may have. Those whose first name ends
    in “?” may be missing. Raises NotThisFormat where another one is.
    """
    rows = cells(path)
    titles = [title.strip().casefold() for title in next(rows, [])]
    places = [place_of(titles, names) for names in wanted]
    last, chosen = max(places), itemgetter(*places)
    for row in rows:
        if row:
            row += [""] * (last + 1 - len(row))
            row.append("")  # what a column takes that is not there, at -1
            yield [cell if cell[:1] != "'" else cell_text(cell) for cell in chosen(row)]


def place_of(titles: Sequence[str], names: Sequence[str]) -> int:
    """Where the first of the names stands; -1 where none does and none has to."""
    for name in names:
        if name.rstrip("?").casefold() in titles:
            return titles.index(name.rstrip("?").casefold())
    if names[0].endswith("?"):
        return -1
    there = ", ".join(f"“{title}”" for title in titles[:8] if title) or "none"
    raise NotThisFormat(
        f"has no column “{names[0]}” (its columns: {there}). Give the columns names in the first "
        "line"
    )


def line(values: Sequence[str]) -> str:
    """A row as it is written."""
    return ",".join([quoted(text_cell(value)) if value else "" for value in values]) + "\n"


def quoted(cell: str) -> str:
    if QUOTED.search(cell):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def table(titles: Sequence[str], entries: Sequence[Entry]) -> Iterator[str]:
    """A table of path, class, side of the split and what else the entries have, line by line."""
    yield line(titles)
    for entry in entries:
        yield line((entry.path, entry.name, entry.split, *entry.more))

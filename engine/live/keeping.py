"""What becomes of a watched folder's files: copied into folders of classes, or kept to be named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.events import Event
from engine.live.places import Place
from engine.predict.asked import Answered, Answerer
from engine.predict.folder_names import folder_names
from engine.predict.place_files import FilePlacer
from engine.predict.sorting import OTHERS, Sorting, begun, place_of
from engine.predict.table import KNOWN

if TYPE_CHECKING:
    from engine.session import Session


def sorting_into(place: Place, target: Path, asked: Answerer, known_only: bool) -> Sorting:
    """Copies answered files into folders of their classes below `target`; with `known_only` no
    others. Raises Refused."""
    sheet, roots = begun(target), (place_of(place.where),)
    folders = folders_of(target, asked)
    return Sorting(asked, target, folders, FilePlacer(False), known_only, 0.0, sheet, roots)


def folders_of(target: Path, asked: Answerer) -> dict[str, Path]:
    """Where images of each class, and of each group, are put."""
    groups = asked.naming.groups if asked.naming else ()
    names = folder_names(dict.fromkeys((*asked.class_names, *groups)), OTHERS)
    return {name: target / folder for name, folder in names.items()}


@dataclass
class Unsure:
    """Files that are to wait in the heap of the project."""

    session: Session
    paths: list[str] = field(default_factory=list)
    kept: int = 0

    def keep(self, what: str, one: Answered) -> None:
        if what != KNOWN:
            self.paths.append(str(one.path))

    def bring(self) -> Iterator[Event]:
        from engine.heap import arriving

        there = [path for path in self.paths if os.path.isfile(path)]
        if there:
            found = arriving.find(there)
            with self.session.require().gesture("Keep what is unsure") as gesture:
                work = arriving.arrive(self.session, gesture, found, False, None)
                added, _ = yield from work
            self.kept += len(added.fresh)
            yield self.session.changed("unsorted")
        self.paths = []

"""All images below some folders, one after the other, without holding them in memory.

What was dropped to be learnt is found by images/folders.py, which gives classes; here folders mean
nothing, and there may be millions of files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.images.folders import SPECIAL, kind_of, why
from engine.images.formats import ARCHIVE, ARCHIVES, NO_IMAGES, ending_of, junk, no_image

PROJECT = "This is a project of Espalier and was not looked into."
SEEN = "This link leads to a folder that is looked through already."


@dataclass(frozen=True)
class WalkEntry:
    """One thing on the way: a file that may be an image, or, with a reason, what can be none."""

    path: Path
    reason: str = ""


class Walk:
    """One look through files and folders, in the order of the names, each folder once.

    Links to folders are followed last. `without` are folders that are passed over in silence,
    unless they are named in `paths`. Files that are no images by their endings are only counted,
    in `others`; a file that is named in `paths` is always met.
    """

    def __init__(self, paths: Sequence[Path], without: Iterable[Path] = ()) -> None:
        self.paths = list(dict.fromkeys(Path(os.path.abspath(path)) for path in paths))
        self.without = {identity for folder in without if (identity := identity_of(folder))}
        self.seen: set[tuple[int, int] | None] = set()
        self.links: list[Path] = []
        self.others = 0

    def __iter__(self) -> Iterator[WalkEntry]:
        """Everything once; begins anew each time."""
        self.seen, self.links, self.others = set(), [], 0
        folders = [path for path in self.paths if path.is_dir()]
        for path in self.paths:
            if path in folders:
                yield from self.below(path)
            elif not any(folder in path.parents for folder in folders):
                yield self.named(path)
        while self.links:
            yield from self.below(self.links.pop(0), by_link=True)

    def named(self, path: Path) -> WalkEntry:
        """A file that someone named."""
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                return WalkEntry(path, SPECIAL)
        except OSError as error:
            return WalkEntry(path, why(error))
        return WalkEntry(path, no_image(path.name))

    def below(self, folder: Path, by_link: bool = False) -> Iterator[WalkEntry]:
        """All that lies in a folder, deep first, after the files right in it."""
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            identity = identity_of(here)
            if identity in self.seen:
                if by_link and here == folder:
                    yield WalkEntry(here, SEEN)
                continue
            if identity in self.without and here not in self.paths:
                continue
            try:
                with os.scandir(here) as entries:
                    listed = sorted(entries, key=lambda entry: entry.name)
                self.seen.add(identity)
            except OSError as error:
                yield WalkEntry(here, why(error))
                continue
            deeper: list[Path] = []
            for entry in listed:
                yield from self.entry(here / entry.name, entry, deeper)
            waiting += reversed(deeper)

    def entry(self, path: Path, entry: os.DirEntry[str], deeper: list[Path]) -> Iterator[WalkEntry]:
        """What one entry of a folder is; folders go to `deeper`, links to folders to the end."""
        if junk(entry.name):
            return
        kind, ending = kind_of(entry), ending_of(entry.name)
        if kind == "folder":
            if ending == ".espalier":
                yield WalkEntry(path, PROJECT)
            else:
                deeper.append(path)
        elif kind == "link":
            self.links.append(path)
        elif kind != "file":
            yield WalkEntry(path, kind)
        elif ending in ARCHIVES:
            yield WalkEntry(path, ARCHIVE)
        elif ending in NO_IMAGES:
            self.others += 1
        else:
            yield WalkEntry(path)


def none_in(walk: Walk) -> str:
    """What is said where there is nothing to look at."""
    where = ", ".join(f"“{path}”" for path in walk.paths[:3])
    return f"There is no image in {where}. Name a folder of images, or images."


def identity_of(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from all others, by whatever path; None where it is not there."""
    try:
        facts = folder.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino

"""What was dropped: folders and files become classes of images, or a reason why not."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.images.formats import ARCHIVE, ARCHIVES, NO_IMAGES, ending_of, junk, no_image
from engine.images.splits import SPLITS, Split, splits_of
from engine.system.words import BETWEEN

TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
"""Marks that turn the direction of the text around them."""


@dataclass
class FoundImages:
    """What `find_pictures` found, in an order that depends on the names alone.

    `classes`: class name -> (file, the split that its folders give, or None where they give none).
    `held_out`: the images of test/ folders that must not be learnt: class name -> files.
    `skipped`: what was left out, each path once, with its reasons. `hints`: sentences to read.
    `within`: the groups of classes from nested folders, "moths/hawk-moths". `frames`: of files that
    are frames of a film the place that a person reads, in the film; these are always copied.
    """

    classes: dict[str, list[tuple[Path, Split | None]]] = field(default_factory=dict)
    held_out: dict[str, list[Path]] = field(default_factory=dict)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    within: dict[str, str] = field(default_factory=dict)
    frames: dict[Path, Path] = field(default_factory=dict)


Films = Mapping[Path, Sequence[Path] | str]
"""Films inside folders: their frames, as files, or why they can't be read."""


def find_images(
    paths: Sequence[Path], into: str = "", nested: bool = False, films: Films | None = None
) -> FoundImages:
    """Looks through dropped folders and files without opening any file.

    A folder of images is one class named after it; a folder of folders is one class each, and
    what lies deeper belongs to the first level's name; where folders are `nested`, the deepest are
    the classes, and those above them groups that they are within. With `into` everything is that
    class, and so are loose files, which have no class otherwise. Folders named train and validation
    (or val, valid), side by side at the top or inside a class, give the split; those named test are
    taken as validation where there is no other, and are held out otherwise. A folder that only
    wraps the class folders, as unpacked archives do, is no class. Nothing is found twice; links are
    followed, after all that has its own name was looked through. Of `films` the frames are images
    of the folder that the film lies in.
    """
    return Search(into, nested, films or {}).through(paths)


@dataclass(frozen=True)
class Place:
    """A folder that is looked at, and what is known of the images in it from the way there."""

    folder: Path
    name: str | None
    """The class; None above the classes, where each folder is one."""
    split: Split | None = None
    loose: str = ""
    """Above the classes: the class of the images right in this folder, if it is no more."""
    roots: tuple[Path, ...] = ()
    """The folders on the way that a person would miss if nothing was found in them."""
    groups: tuple[str, ...] = ()
    """Those that the class is within, the outermost first."""


@dataclass
class Inside:
    """What one folder holds that matters. Links to folders are apart, to be followed last."""

    folders: list[Path] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


class Search:
    """One look through what was dropped."""

    def __init__(self, into: str, nested: bool, films: Films) -> None:
        self.into = class_name(into) if into else None
        self.films = films
        self.nested = nested and self.into is None
        self.found = FoundImages()
        self.folders_seen: set[tuple[int, int]] = set()
        self.looked_through: set[Path] = set()
        self.roots: dict[Path, bool] = {}
        self.filled: set[Path] = set()
        self.links: list[Place] = []
        self.loose: list[tuple[Place, list[Path]]] = []
        self.strays: list[Path] = []
        self.skipped: dict[Path, str] = {}
        self.spellings: dict[str, set[str]] = {}
        self.inner: dict[str, set[str]] = {}

    def through(self, paths: Sequence[Path]) -> FoundImages:
        """Looks through everything, in the order of the names."""
        dropped = sorted({Path(os.path.abspath(path)) for path in paths})
        splits = splits_of(dropped)
        for path in dropped:
            self.start(path, splits.get(path))
        while self.links:
            self.walk(self.links.pop(0), by_link=True)
        self.settle_loose()
        self.settle_strays()
        for root in (root for root, full in self.roots.items() if not full):
            self.skip(root, NOTHING)
        self.found.skipped = list(self.skipped.items())
        self.found.classes = dict(sorted(self.found.classes.items()))
        self.found.hints += look_alikes(self.found.classes, self.spellings)
        self.found.hints += self.not_nested()
        return self.found

    def start(self, path: Path, split: Split | None) -> None:
        """Looks through one thing that was dropped."""
        try:
            mode = path.stat().st_mode
        except OSError as error:
            self.skip(path, why(error))
            return
        if stat.S_ISDIR(mode):
            loose = path.parent.name if split else path.name
            self.roots[path] = False
            self.walk(Place(path, self.into, split, class_name(loose or str(path)), (path,)))
        elif not stat.S_ISREG(mode):
            self.skip(path, SPECIAL)
        elif reason := no_image(path.name):
            self.skip(path, reason)
        else:
            self.strays.append(path)

    def walk(self, place: Place, by_link: bool = False) -> None:
        """Looks through a folder and all that lies below it, and notes links for later."""
        waiting = [place]
        while waiting:
            here = waiting.pop()
            inside = self.look(here, by_link)
            by_link = False
            if inside is None:
                continue
            if here.name is None or (self.nested and self.deeper(inside)):
                self.loose.append((here, inside.files))
            else:
                self.keep(inside.files, here)
            waiting += reversed(self.below(here, inside.folders + inside.links, inside.links))

    def look(self, place: Place, by_link: bool) -> Inside | None:
        """What the folder holds, sorted; None where it was seen before or can't be read."""
        folder = place.folder
        try:
            facts = folder.stat()
            if (facts.st_dev, facts.st_ino) in self.folders_seen:
                self.mark(place.roots)
                if by_link:
                    self.skip(folder, "This link leads to a folder that is looked through already.")
                return None
            self.folders_seen.add((facts.st_dev, facts.st_ino))
            self.looked_through.add(folder)
            with os.scandir(folder) as entries:
                return self.sorted_out(folder, sorted(entries, key=lambda entry: entry.name))
        except OSError as error:
            self.mark(place.roots[-1:])
            self.skip(folder, why(error))
            return None

    def sorted_out(self, folder: Path, entries: list[os.DirEntry[str]]) -> Inside:
        """The entries of a folder by what they are; the rest is listed with its reason."""
        inside, others = Inside(), Counter[str]()
        for entry in entries:
            if junk(entry.name):
                continue
            kind, ending = kind_of(entry), ending_of(entry.name)
            path = folder / entry.name
            if (frames := self.films.get(path)) is not None:
                self.take_film(inside, path, frames)
                continue
            if kind == "file" and ending in NO_IMAGES:
                others[ending] += 1
                continue
            if kind == "file" and ending not in ARCHIVES:
                inside.files.append(path)
            elif kind == "folder":
                inside.folders.append(path)
            elif kind == "link":
                inside.links.append(path)
            else:
                self.skip(path, ARCHIVE if kind == "file" else kind)
        for ending, count in sorted(others.items()):
            files = f"1 {ending} file is" if count == 1 else f"{count} {ending} files are"
            self.skip(folder, f"{files} no image{'s' * (count > 1)}.")
        return inside

    def take_film(self, inside: Inside, path: Path, frames: Sequence[Path] | str) -> None:
        if isinstance(frames, str):
            self.skip(path, frames)
        else:
            inside.files += frames

    def below(self, place: Place, folders: list[Path], links: list[Path]) -> list[Place]:
        """The places of the folders in `place`, less the links, which wait for the end."""
        splits = splits_of(folders) if place.split is None else {}
        if place.name is not None and self.nested and not splits:
            places = [self.class_place(place, folder) for folder in folders]
        elif place.name is not None:
            places = [replace(place, folder=f, split=splits.get(f, place.split)) for f in folders]
        elif splits:
            for folder in (folder for folder in folders if folder not in splits):
                self.skip(folder, "This folder lies beside train, in no part of the split.")
            places = [replace(place, folder=f, split=split) for f, split in splits.items()]
        elif len(folders) == 1 and not (place.split or self.nested) and wraps(folders[0]):
            self.found.hints.append(f"The classes are the folders in “{shown(folders[0].name)}”.")
            places = [replace(place, folder=folders[0])]
        else:
            places = [self.class_place(place, folder) for folder in folders]
        linked = set(links)
        self.links += [deeper for deeper in places if deeper.folder in linked]
        return [deeper for deeper in places if deeper.folder not in linked]

    def deeper(self, inside: Inside) -> list[Path]:
        """Folders of a class that are classes themselves, where folders are nested."""
        folders = inside.folders + inside.links
        splits = splits_of(folders)
        return [folder for folder in folders if folder not in splits]

    def class_place(self, place: Place, folder: Path) -> Place:
        """The place of a folder that is a class."""
        name = class_name(folder.name)
        if place.name is not None:
            place = replace(place, groups=(*place.groups, place.name))
        self.spellings.setdefault(name, set()).add(folder.name)
        self.roots.setdefault(folder, False)
        return replace(place, folder=folder, name=name, roots=(*place.roots, folder))

    def settle_loose(self) -> None:
        """Images right in a dropped folder are a class, unless class folders lie beside them."""
        for place, files in self.loose:
            if not files:
                continue
            if any(place.folder in root.parents for root in self.filled):
                many = "1 image lies" if len(files) == 1 else f"{len(files)} images lie"
                self.skip(place.folder, f"{many} beside the class folders. Drop them on a class.")
            else:
                self.keep(files, replace(place, name=place.name or place.loose))

    def settle_strays(self) -> None:
        """Files that were dropped themselves, less those whose folder was looked through."""
        for path in self.strays:
            if path.parent in self.looked_through:
                continue
            if self.into is None:
                self.skip(path, LOOSE)
            else:
                self.keep([path], Place(path.parent, self.into))

    def keep(self, files: list[Path], place: Place) -> None:
        """Takes files as images of the place's class, if there are any."""
        if not files or place.name is None:
            return
        self.mark(place.roots)
        self.filled.update(place.roots)
        self.note_inner(place)
        if place.groups:
            group = BETWEEN.join(name.replace(BETWEEN, "_") for name in place.groups)
            if self.found.within.setdefault(place.name, group) != group:
                self.found.hints.append(
                    f"“{place.name}” lies in several groups; it is within “{place.groups[-1]}” "
                    "as well, and kept in the first."
                )
        if place.split == "test":
            self.found.held_out.setdefault(place.name, []).extend(files)
        else:
            self.found.classes.setdefault(place.name, []).extend((p, place.split) for p in files)

    def note_inner(self, place: Place) -> None:
        """Notes in which folder of its class's own folder images lie."""
        if place.roots and place.name and self.into is None and not self.nested:
            deeper = place.folder.relative_to(place.roots[-1]).parts
            inner = {name for name in deeper[:1] if name.lower() not in SPLITS}
            self.inner.setdefault(place.name, set()).update(inner)

    def not_nested(self) -> list[str]:
        """A sentence where folders of classes hold several folders that may be classes."""
        names = [name for name, inner in sorted(self.inner.items()) if len(inner) > 1]
        if not names:
            return []
        which = f"“{names[0]}” holds" if len(names) == 1 else f"{len(names)} classes hold"
        return [
            f"{which} several folders of images. If these are the classes, undo, and add them with "
            "“Nested folders are classes” (--nested)."
        ]

    def mark(self, roots: Iterable[Path]) -> None:
        """Notes that nobody will miss images in these folders."""
        for root in roots:
            self.roots[root] = True

    def skip(self, path: Path, reason: str) -> None:
        """Notes why something was left out; a folder can have several reasons."""
        self.skipped[path] = f"{self.skipped[path]} {reason}" if path in self.skipped else reason


SPECIAL = "This is a pipe or a device and was not opened."
NOTHING = "There is no image in this folder."
LOOSE = "This image has no class. Drop it on a class, or drop a folder with the class's name."


def kind_of(entry: os.DirEntry[str]) -> str:
    """ "folder", "link" (to a folder) or "file"; otherwise the reason to leave the entry out."""
    try:
        if entry.is_dir():
            return "link" if entry.is_symlink() else "folder"
        if entry.is_file():
            return "file"
        return "This link leads nowhere." if entry.is_symlink() else SPECIAL
    except OSError as error:
        return "This link leads nowhere." if entry.is_symlink() else why(error)


def wraps(folder: Path) -> bool:
    """Whether a folder only wraps others, as unpacked archives do: two at least, and no files."""
    try:
        with os.scandir(folder) as entries:
            kinds = [kind_of(entry) for entry in entries if not no_image(entry.name)]
    except OSError:
        return False
    return "file" not in kinds and len(kinds) > 1


def why(error: OSError) -> str:
    """The sentence for a file or folder that can't be looked at."""
    if isinstance(error, FileNotFoundError):
        return "There is nothing here now."
    if isinstance(error, PermissionError):
        return "There is no permission to read this."
    return f"This can't be read ({error.strerror})."


def class_name(name: str) -> str:
    """A folder's name as a class's: Unicode form C, one line, no marks that turn text round."""
    text = unicodedata.normalize("NFC", shown(name))
    text = "".join(" " if unicodedata.category(c) in CONTROLS else c for c in text)
    return "".join(c for c in text if c not in TURNING).strip() or "no name"


CONTROLS = ("Cc", "Zl", "Zp")


def shown(name: str) -> str:
    """A file name that can be shown and stored: bytes that are no UTF-8 become U+FFFD."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def look_alikes(names: Iterable[str], spellings: dict[str, set[str]]) -> Iterator[str]:
    """Hints on classes that may be one, and on folders that became one."""
    folded: dict[str, list[str]] = {}
    for name in names:
        folded.setdefault(name.casefold(), []).append(name)
        if len(spellings.get(name, ())) > 1:
            yield f"{len(spellings[name])} folders with the same name make one class, “{name}”."
    for same in folded.values():
        if len(same) > 1:
            listed = ", ".join(f"“{name}”" for name in same)
            yield f"Only capital letters tell these classes apart: {listed}. Merge them if alike."

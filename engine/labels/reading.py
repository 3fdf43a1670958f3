"""Label files become what dropped folders do: images by class, or reasons why not."""

from __future__ import annotations

import csv
import os
import stat
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from engine.errors import Refused
from engine.images.folders import SPECIAL, FoundImages, class_name, look_alikes, shown, why
from engine.images.formats import no_image
from engine.images.splits import SPLITS, Split, splits_of
from engine.labels.formats import FORMATS, LabelFormat, NotThisFormat, Row
from engine.labels.places import is_address, place_of
from engine.labels.text import head_of, is_file
from engine.system.words import listed, plural

BETWEEN = 5000
"""Rows between two words of how many there were."""
ONE_BY_ONE = 1000
"""How many things that are left out are listed each for itself."""
LONGEST = 1000
"""Signs of the longest name that a class can have."""
NO_CLASS = "The file gives this image no class."
LONG_NAME = f"The class's name has more than {LONGEST} signs."
ADDRESS = "This is an address on the web. Download the image, and name its file instead."
FOLDER = "This is a folder and no image."
NO_PATH = "No file can have this name."


def find_labelled(files: Sequence[Path], chosen: str = "") -> Generator[int, None, FoundImages]:
    """The images of label files, by class. `chosen` is the name of their format, or empty.

    Yields now and then how many rows were read. Raises Refused where a file can't be read, or none
    of its images is there.
    """
    found = Labelled()
    for file in files:
        yield from found.look(Path(os.path.abspath(file)), chosen)
    return found.done(files)


def guess(file: Path) -> str:
    """The name of a file's format. Raises Refused where it is none that is known."""
    if file.is_dir():
        return "xmp"
    head = head_of(file)
    for name in sorted(FORMATS, key=lambda name: name in ("csv", "coco")):  # the widest ones last
        if FORMATS[name].fits(file.name, head):
            return name
    titles = listed([FORMATS[name].title for name in FORMATS], len(FORMATS))
    raise Refused(
        f"“{shown(file.name)}” is no file of classes that is known here. It can be of {titles}."
    )


def rows_of(file: Path, form: LabelFormat) -> Iterator[Row]:
    """The rows of a file. Raises Refused with what is wrong with it, and what to do."""
    name = f"“{shown(file.name)}”"
    kept = "Nothing was added."
    try:
        yield from form.read(file)
    except NotThisFormat as error:
        raise Refused(f"{name} {error}. It was read as {form.title}. {kept}") from error
    except UnicodeError as error:
        raise Refused(f"{name} is not in UTF-8. Save it as “CSV UTF-8” or UTF-8. {kept}") from error
    except csv.Error as error:
        raise Refused(table_sentence(name, str(error), kept)) from error
    except OSError as error:
        raise Refused(f"{name}: {why(error)} {kept}") from error


def table_sentence(name: str, said: str, kept: str) -> str:
    if "limit" in said:
        return f"{name} has a cell of more than 131,072 signs. Take it out. {kept}"
    if "unexpected end" in said:
        return f"{name} breaks off inside a cell, or a quotation mark is missing. {kept}"
    return f"{name} has a quotation mark in the wrong place. Save it anew. {kept}"


class Labelled:
    """Collects the images of one label file after the other."""

    def __init__(self) -> None:
        self.found = FoundImages()
        self.seen: set[tuple[str, str]] = set()
        self.states: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.tests: list[tuple[str, Path]] = []
        self.rows = 0
        self.left: dict[str, str] = {}
        self.more: Counter[str] = Counter()
        self.nameless: Counter[str] = Counter()
        self.missing: list[str] = []
        self.sides: Counter[str] = Counter()

    def look(self, file: Path, chosen: str) -> Iterator[int]:
        """Takes the rows of a file."""
        if not (is_file(file) or file.is_dir()):
            there = SPECIAL if os.path.lexists(file) else "There is nothing here now."
            raise Refused(f"“{shown(file.name)}”: {there} Nothing was added.")
        try:
            name = chosen or guess(file)
        except OSError as error:
            raise Refused(f"“{shown(file.name)}”: {why(error)} Nothing was added.") from error
        form = FORMATS.make(name)
        if file.is_dir() and form.proposed:
            raise Refused(f"“{shown(file.name)}” is a folder. Name the file of {form.title} in it.")
        folder = str(file if file.is_dir() else file.parent)
        side = own_side(file)
        for row in rows_of(file, form):
            self.rows += 1
            self.take(row, folder, side, file)
            if self.rows % BETWEEN == 0:
                yield self.rows

    def take(self, row: Row, folder: str, side: str, file: Path) -> None:
        """Takes an image, or notes why not."""
        text, given, split = row
        if not text.strip():
            self.nameless[str(file)] += 1
            return
        path = place_of(text, folder)
        name = self.name_of(given)
        reason = self.wrong(text, path) or ("" if name else NO_CLASS)
        if not reason and len(name) > LONGEST:
            reason = LONG_NAME
        if reason:
            self.skip(path, reason)
        elif (path, name) not in self.seen:
            self.seen.add((path, name))
            self.keep(name, Path(path), SPLITS.get((split or side).strip().lower()))
            if split.strip().lower() not in SPLITS and split.strip():
                self.sides[split.strip()[:40]] += 1

    def keep(self, name: str, path: Path, split: Split | None) -> None:
        if split == "test":
            self.tests.append((name, path))
        else:
            self.found.classes.setdefault(name, []).append((path, split))

    def name_of(self, given: str) -> str:
        """A class's name as folders' names become one; empty where nothing is given."""
        if given not in self.names:
            try:
                self.names[given] = class_name(given) if given.strip() else ""
            except UnicodeEncodeError:  # half of a sign, which only JSON can write
                self.names[given] = class_name(given.encode("utf-8", "replace").decode())
        return self.names[given]

    def wrong(self, text: str, path: str) -> str:
        """Why there is no image at a path; empty where there may be one."""
        if is_address(text):
            return ADDRESS
        if path not in self.states:
            self.states[path] = state(path)
            if self.states[path] == MISSING:
                self.missing.append(path)
        return self.states[path]

    def skip(self, path: str, reason: str) -> None:
        """Notes what is left out: the first ones each, the others as a number."""
        if path in self.left or len(self.left) < ONE_BY_ONE:
            self.left.setdefault(path, reason)
        else:
            self.more[reason] += 1

    def done(self, files: Sequence[Path]) -> FoundImages:
        """What was found. Raises Refused where it is nothing."""
        found = self.found
        sides = {split for rows in found.classes.values() for _, split in rows}
        for name, path in self.tests:  # as folders named test, beside those named train
            if "validation" in sides:
                found.held_out.setdefault(name, []).append(path)
            else:
                found.classes.setdefault(name, []).append((path, "validation"))
        found.classes = dict(sorted(found.classes.items()))
        self.left |= dict(self.of_files(os.path.abspath(files[-1])))
        found.skipped = [(safe(path), reason) for path, reason in self.left.items()]
        found.hints += [*self.hints(), *look_alikes(found.classes, {})]
        if not found.classes:
            raise Refused(self.nothing(files))
        return found

    def of_files(self, last: str) -> Iterator[tuple[str, str]]:
        """What is said of the files themselves, each once; what is left out beyond the first ones
        is said of the last."""
        told = {file: f"{plural(n, 'row')} without an image." for file, n in self.nameless.items()}
        more = [told.pop(last)] if last in told else []
        more += [f"{count:,} more: {reason}" for reason, count in self.more.items()]
        yield from told.items()
        if more:
            yield last, " ".join(more)

    def hints(self) -> Iterator[str]:
        """What a person should know besides what is left out."""
        if count := len(self.missing):
            names = listed([shown(os.path.basename(path)) for path in self.missing], 3)
            yield f"{plural(count)} {'is' if count == 1 else 'are'} not there: {names}."
        if self.sides:
            names = listed([f"“{side}”" for side in self.sides], 3)
            yield f"{names}: no side of the split. Those images are on the side that chance gives."

    def nothing(self, files: Sequence[Path]) -> str:
        """The sentence for files without any image that can be used."""
        names = listed([f"“{shown(Path(file).name)}”" for file in files])
        if self.missing:
            first = listed([shown(os.path.basename(path)) for path in self.missing], 3)
            return (
                f"Nothing was added: of the images in {names} none is there ({first}). Paths are "
                "taken from the folder of the file; put it where they begin."
            )
        path, reason = next(iter(self.left.items()), ("", "It names no image with a class."))
        what = f" “{shown(os.path.basename(path))}”:" if path else ""
        return f"Nothing was added from {names}.{what} {reason}"


MISSING = why(FileNotFoundError())


def state(path: str) -> str:
    """Why a path is no image, without opening it; empty where it may be one."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return MISSING if isinstance(error, NotADirectoryError) else why(error)
    except ValueError:  # a zero byte, or half of a sign
        return NO_PATH
    if stat.S_ISDIR(mode):
        return FOLDER
    return no_image(os.path.basename(path)) if stat.S_ISREG(mode) else SPECIAL


def safe(path: str) -> Path:
    """A path that can be kept and shown, whatever the file wrote."""
    return Path(path.replace("\0", "\ufffd").encode("utf-8", "replace").decode())


def own_side(file: Path) -> str:
    """The side that the file's folder is of, where it is named train and another lies beside."""
    folder = file.parent
    if folder.name.lower() not in SPLITS:
        return ""
    try:
        beside = [entry for entry in folder.parent.iterdir() if entry.is_dir()]
    except OSError:
        return ""
    return splits_of(beside).get(folder, "")

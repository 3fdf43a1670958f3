"""Sorting images into folders by class."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import EspalierError, Refused
from engine.images.walk import identity_of
from engine.predict.asked import Answered, Answerer
from engine.predict.csv_writer import CsvWriter, Row
from engine.predict.place_files import FilePlacer, remove, same
from engine.predict.table import KNOWN, UNKNOWN, UNSURE, answer_of, verdict
from engine.results.learn import ImagesSorted
from engine.system.cells import text_cell
from engine.system.files import is_full, sync_folder

TITLES = ("from", "to", "class", "probability", "known", "reason")
UNKNOWN_FOLDER, UNSURE_FOLDER = UNKNOWN, UNSURE
OTHERS = (UNKNOWN_FOLDER, UNSURE_FOLDER)
"""Folders that are no class's."""
WHY_LEFT = {
    UNKNOWN: "This is none of the classes.",
    UNSURE: "Of this the model is not sure enough for its promise.",
}
MOST_REASONS = 50
MORE = "For other reasons, which the list says."


def place_of(path: str | Path) -> Path:
    """Where a folder, or the name of a file, really lies, whatever links lead there."""
    path = Path(os.path.abspath(path))
    return path.resolve() if path.is_dir() else path.parent.resolve() / path.name


def without(paths: Sequence[str], target: Path, folders: dict[str, Path]) -> list[Path]:
    """Folders that hold what was sorted: the target, or in it only those of the classes where the
    target itself is to be sorted."""
    here = identity_of(target)
    if here is not None and here in [identity_of(Path(path)) for path in paths]:
        return [*folders.values(), *(target / name for name in OTHERS)]
    return [target]


def begun(target: Path) -> CsvWriter:
    """The target folder, and in it the list of what is done. Raises Refused."""
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (
            "a file of this name is there"
            if target.exists()
            else (error.strerror or str(error)).lower()
        )
        raise Refused(
            f"The folder “{target}” can't be made ({reason}), so nothing was sorted. Choose "
            "another one."
        ) from error
    stem = f"sorted {time.strftime('%Y-%m-%d %H.%M.%S')}"
    path, number = target / f"{stem}.csv", 2
    while os.path.lexists(path):  # without permission to look, writing will say so
        path, number = target / f"{stem} ({number}).csv", number + 1
    return CsvWriter(str(path), TITLES)


@dataclass
class Sorting:
    """One sorting: where images go, and what became of them."""

    asked: Answerer
    target: Path
    folders: dict[str, Path]
    placer: FilePlacer
    known_only: bool
    least: float
    sheet: CsvWriter
    roots: tuple[Path, ...]
    """What was named to be sorted, without links on the way."""
    put: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    there: int = 0
    made: dict[Path, Path] = field(default_factory=dict)
    moved: list[tuple[Answered, Path]] = field(default_factory=list)
    """Images that lie in both places, and where they lie now."""

    def sort(self, one: Answered) -> None:
        """Puts one image into its folder, or notes why it is left where it is.

        Raises EspalierError where the disk is full; then the image is where it was.
        """
        if reason := self.why_left(one):
            self.leave(one, reason)
            return
        try:
            folder = self.folder_of(one)
            if identity_of(one.path.parent) == identity_of(folder):
                self.there += 1
                return
            self.place(one, folder)
        except OSError as error:
            if is_full(error):
                raise EspalierError(self.full()) from error
            self.leave(one, cant_put(error))

    def why_left(self, one: Answered) -> str:
        """Why an image is not sorted; empty where it is."""
        if one.probabilities is None:
            return one.reason
        what = verdict(self.asked, one)
        if self.known_only and what != KNOWN:
            return WHY_LEFT[what]
        # The probability of a class counts only where it is one of them.
        if what == KNOWN and answer_of(self.asked, one)[1] < self.least:
            return f"Its class is less probable than {self.least:g}."
        if self.placer.move and not self.named(one.path):
            return "This lies in another folder that a link leads to. Name that folder to move it."
        if self.placer.move and not os.access(one.path.parent, os.W_OK):
            return "There is no permission to move this away."
        return ""

    def named(self, path: Path) -> bool:
        """Whether it lies where the person said, and not only behind a link that lies there."""
        place = place_of(path)
        return any(place.is_relative_to(root) for root in self.roots)

    def folder_of(self, one: Answered) -> Path:
        """The folder of the answer, made when it is first needed. Raises OSError."""
        assert one.probabilities is not None  # it was answered
        what, (name, _) = verdict(self.asked, one), answer_of(self.asked, one)
        wanted = self.folders[name] if what == KNOWN else self.target / what
        if wanted not in self.made:
            folder, number = wanted, 2
            while os.path.lexists(folder) and not folder.is_dir():  # a file has the name
                folder, number = wanted.with_name(f"{wanted.name} ({number})"), number + 1
            folder.mkdir(exist_ok=True)
            self.made[wanted] = folder
        return self.made[wanted]

    def place(self, one: Answered, folder: Path) -> None:
        """Copies, and notes it. Of what is to be moved the originals are removed some at a time,
        since each time is waited for the disk; those of copies at once, as a kill doubles them.

        Killed at any point, an image is in one place at least.
        """
        placed = self.placer.put(one.path, folder)
        try:
            self.sheet.write([self.row(one, str(placed), "")])
        except OSError:
            placed.unlink()
            raise
        self.put[folder.name] += 1
        if self.placer.move:
            self.moved.append((one, placed))
            if not same(one.path, placed):
                self.remove_originals()

    def remove_originals(self) -> None:
        """Removes the originals of what was moved, once copies and rows are on the disk."""
        moved, self.moved = self.moved, []
        if not moved:
            return
        for folder in {placed.parent for _, placed in moved}:
            sync_folder(folder)
        self.sheet.sync()
        for one, placed in moved:
            try:
                remove(one.path)
            except OSError as error:
                placed.unlink()
                self.put[placed.parent.name] -= 1
                self.leave(one, cant_put(error))
        for folder in {one.path.parent for one, _ in moved}:
            with contextlib.suppress(OSError):  # it may be gone by now; nothing is lost by that
                sync_folder(folder)

    def leave(self, one: Answered, reason: str) -> None:
        self.left_out[reason if len(self.left_out) < MOST_REASONS else MORE] += 1
        self.sheet.write([self.row(one, "", reason)])

    def row(self, one: Answered, to: str, reason: str) -> Row:
        """The line of the list for one image: what it shows, and where it went or why not."""
        if one.probabilities is None:
            return (str(one.path), to, "", "", "", reason)
        name, share = answer_of(self.asked, one)
        best = int(one.probabilities.argmax())
        if verdict(self.asked, one) != KNOWN:
            name, share = self.asked.class_names[best], float(one.probabilities[best])
        return (
            str(one.path),
            to,
            text_cell(name),
            f"{share:.4f}",
            verdict(self.asked, one),
            reason,
        )

    def full(self) -> str:
        done, what = self.put.total(), "moved" if self.placer.move else "copied"
        return (
            f"The disk of “{self.target}” is full. {done} images were {what} and stay there, the "
            "others are where they were. Free some space and sort the rest."
        )

    def result(self) -> ImagesSorted:
        return {
            "to": str(self.target),
            "move": self.placer.move,
            "folders": {name: count for name, count in sorted(self.put.items()) if count},
            "there": self.there,
            "left_out": dict(self.left_out.most_common()),
            "list": self.sheet.path,
        }


def cant_put(error: OSError) -> str:
    """Why one image could not be copied or moved."""
    if isinstance(error, FileNotFoundError):
        return "There is no file here now."
    if isinstance(error, PermissionError):
        return "There is no permission to copy this there."
    return f"This can't be copied ({(error.strerror or str(error)).lower()})."

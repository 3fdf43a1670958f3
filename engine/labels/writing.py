"""Label files written: whole or not at all, in an order that depends on the images alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import EspalierError, Refused
from engine.events import Progress
from engine.images.folders import shown
from engine.labels.formats import FORMATS, Entry, LabelFormat
from engine.labels.places import written
from engine.labels.text import head_of
from engine.system.files import is_full
from engine.system.replacing import NEW, hidden_folder, replace_all, sweep

USUAL = ("csv", "coco")
"""What .csv and .json are where nothing else is said."""
PARTS = 2000
"""Pieces of text between two looks at whether the person wants to stop."""
NO_TEXT = "Its name is no UTF-8. Rename the file and add it again."
FOREIGN = "Another program wrote its sidecar, which stays as it is."
TAKEN = "A sidecar is there already. Let it be overwritten, or take it away."


@dataclass(frozen=True)
class Labelled:
    """An image in a class, as a project has it; `path` is bytes where its name is no UTF-8."""

    path: str | bytes
    name: str
    split: str
    width: int
    height: int
    more: tuple[str, ...] = ()


@dataclass
class Written:
    """What came of writing: how many rows, and what was left out, with the reason."""

    rows: int = 0
    left_out: dict[str, str] = field(default_factory=dict)


def chosen_format(to: Path, name: str) -> LabelFormat:
    """The format of this name, or the first whose files are called like `to`. Raises Refused."""
    if name:
        return FORMATS.make(name)
    fitting = [n for n in (*USUAL, *FORMATS) if to.suffix.lower() in FORMATS[n].endings]
    named = [n for n in fitting if to.stem == Path(FORMATS[n].proposed).stem]
    if not named + fitting:
        raise Refused(f"Say in which format: {', '.join(FORMATS)}. Nothing was written.")
    return FORMATS.make((named + fitting)[0])


def entries_of(
    images: Iterable[Labelled], form: LabelFormat, folder: str, written_so_far: Written
) -> Generator[Progress, None, list[Entry]]:
    """What can be written, sorted by path and class; the rest is noted with its reason."""
    found: dict[tuple[str, str], Entry] = {}
    for number, one in enumerate(images):
        if number % PARTS == 0:
            yield Progress(number, None, "Reading")
        if isinstance(one.path, bytes):
            written_so_far.left_out[one.path.decode(errors="replace")] = NO_TEXT
            continue
        path = written(one.path, folder)
        entry = Entry(path, one.name, one.split, Path(one.path), one.width, one.height, one.more)
        if reason := form.why_not(entry):
            written_so_far.left_out[one.path] = reason
        else:
            found[path, one.name] = entry
    return [found[key] for key in sorted(found)]


def write(
    images: Iterable[Labelled], form: LabelFormat, to: Path, overwrite: bool
) -> Generator[Progress, None, Written]:
    """Writes `to`, and what belongs to it. Raises Refused where it is there, or can't be made."""
    to, done = Path(os.path.abspath(to)), Written()
    if form.proposed and to.is_dir():
        raise Refused(f"“{shown(to.name)}” is a folder. Name a file, such as {form.proposed}.")
    if form.proposed and to.suffix.lower() not in form.endings:
        endings = " or ".join(form.endings)
        raise Refused(f"A file of {form.title} ends in {endings}. Name it so, as {form.proposed}.")
    folder = to.parent if form.proposed else to
    entries = yield from entries_of(images, form, str(folder), done)
    if not entries:
        reason = next(iter(done.left_out.values()), "The project has no images.")
        raise Refused(f"Nothing was written. {reason}")
    done.rows = len(entries)
    try:
        if form.proposed:
            yield from write_together(form, entries, to, overwrite)
        else:
            yield from write_beside(form, entries, to, overwrite, done)
    except OSError as error:
        if is_full(error, folder):
            raise EspalierError("The disk is full. Free some space and do it again.") from error
        why = (error.strerror or str(error)).lower()
        raise Refused(f"“{to}” can't be written ({why}). Choose another place.") from error
    return done


def write_together(
    form: LabelFormat, entries: Sequence[Entry], to: Path, overwrite: bool
) -> Iterator[Progress]:
    """One file, or those of a package: all of them take their places together."""
    sweep(to.parent)
    refuse_taken(to, overwrite)
    with hidden_folder(to.parent) as folder:
        (folder / NEW).mkdir()
        for name, parts in form.write(entries, to.name):
            refuse_taken(to.with_name(name), overwrite)
            with (folder / NEW / name).open("w", encoding="utf-8", newline="") as file:
                for number, part in enumerate(parts):
                    file.write(part)
                    if number % PARTS == 0:
                        yield Progress(min(number, len(entries)), len(entries), "Writing")
        replace_all(folder, to, apart=False)


def refuse_taken(path: Path, overwrite: bool) -> None:
    if os.path.lexists(path) and not overwrite:
        raise Refused(
            f"“{shown(path.name)}” is there already. Choose another name, or let it be overwritten."
        )


def write_beside(
    form: LabelFormat, entries: Sequence[Entry], to: Path, overwrite: bool, done: Written
) -> Iterator[Progress]:
    """A file beside each image below `to`. Each is whole; what others wrote there stays."""
    count = 0
    for number, (name, parts) in enumerate(form.write(entries, to.name)):
        path = to / name
        if reason := why_not_there(path, to, form.mark, overwrite):
            done.left_out[str(path)] = reason
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_name(f"{path.name}.half")
            try:
                half.write_bytes("".join(parts).encode())
                os.replace(half, path)
            except OSError:
                half.unlink(missing_ok=True)
                raise
            count += 1
        if number % 50 == 0:
            yield Progress(number, len(entries), "Writing")
    if not count:
        raise Refused(f"Nothing was written. {next(iter(done.left_out.values()))}")
    done.rows = count


def why_not_there(path: Path, folder: Path, mark: str, overwrite: bool) -> str:
    """Why no sidecar is written at a path: a link leads out, or there is one."""
    real = os.path.realpath(folder)
    if os.path.commonpath([real, os.path.realpath(path.parent)]) != real:
        return "A link leads out of the folder, and nothing is written outside."
    if not os.path.lexists(path):
        return ""
    with contextlib.suppress(OSError):
        if path.is_symlink() or not path.is_file() or mark not in head_of(path):
            return FOREIGN
    return "" if overwrite else TAKEN

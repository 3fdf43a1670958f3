"""Several files that take the place of others as a whole, also where the process is killed.

What is new is made in a hidden folder beside its place. Files can only be moved one by one, so
before the first is moved a plan is written; whoever comes next (an export into the folder, or
somebody who opens one of the files) brings a plan that was cut off to its end.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from engine.system.crash_points import point
from engine.system.files import replace_file, sync_file, sync_folder

HIDDEN = re.compile(r"\.espalier-[a-z0-9_]{8}")
PLAN, LOCK, NEW, OLD = "plan.json", ".lock", "new", "old"
PATIENCE = 10.0
"""Seconds to wait for a process that is just moving its files."""
DAY = 86400.0
"""After so many seconds a folder without a lock is nobody's: older versions made none."""


@dataclass(frozen=True)
class Plan:
    """What is being moved: the main file's name, and the sha256 of what each name held `before`
    (empty where there was no such file) and holds `after`.

    `back` says that moving failed, and that what was there is to be put back.
    """

    main: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    back: bool = False


class CutOffError(Exception):
    """A plan was cut off, and can't be brought to its end here."""


# Hidden folders.


@contextmanager
def hidden_folder(parent: Path) -> Iterator[Path]:
    """A hidden folder in `parent`, locked while the block runs; it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=".espalier-", dir=parent))
    lock = FileLock(folder / LOCK, blocking=False)
    # Some disks know no locks; on them folders that are left stay.
    with contextlib.suppress(OSError, NotImplementedError):
        lock.acquire()
    try:
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def hidden_in(parent: Path) -> list[Path]:
    """The hidden folders that lie in `parent`, of living and of killed processes."""
    try:
        with os.scandir(parent) as entries:
            return [
                Path(entry.path)
                for entry in entries
                if HIDDEN.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return []


@contextmanager
def abandoned(folder: Path, patience: float = 0) -> Iterator[bool]:
    """Whether a hidden folder belongs to no process any more; nobody else takes it in the block."""
    file = folder / LOCK
    if not file.is_file() or file.is_symlink():
        # A process that lives may not have come to locking it yet.
        yield not file.is_symlink() and time.time() - folder.stat().st_mtime > DAY
        return
    lock = FileLock(file, timeout=patience)
    try:
        lock.acquire()
    except (Timeout, OSError, NotImplementedError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def sweep(parent: Path) -> None:
    """Removes what killed processes left in `parent`, and brings to its end what was cut off."""
    for folder in hidden_in(parent):
        with contextlib.suppress(OSError):
            with abandoned(folder) as mine:
                if mine:
                    finish(folder)
            if mine:
                shutil.rmtree(folder, ignore_errors=True)


def finish_beside(path: Path) -> None:
    """Before `path` is opened: brings a plan that would replace it to its end.

    Raises CutOffError where that can't be done, as where the folder can't be written.
    """
    for folder in hidden_in(path.parent):
        plan = plan_in(folder)
        if plan is None or path.name not in plan.before:
            continue
        try:
            with abandoned(folder, PATIENCE) as mine:
                if mine:
                    finish(folder)
        except OSError as error:
            raise CutOffError(path.name) from error
        if mine:
            shutil.rmtree(folder, ignore_errors=True)
        elif folder.exists():
            raise CutOffError(path.name)


# Moving.


def replace_all(folder: Path, path: Path, apart: bool) -> None:
    """Moves all that lies in `folder`/new beside `path`, which is one of them and the last.

    `apart` says that the others make no sense with the `path` that was there: then it goes first.
    Raises OSError where a file can't be moved; all are then as they were.
    """
    names = sorted(os.listdir(folder / NEW), key=lambda name: (name == path.name, name))
    for name in names:
        os.chmod(folder / NEW / name, 0o644)
        sync_file(folder / NEW / name)
    sync_folder(folder / NEW)
    keep_old(folder, path.parent, names)
    before = {name: digest_of(path.with_name(name)) for name in names}
    after = {name: digest_of(folder / NEW / name) for name in names}
    plan = Plan(path.name, before, after)
    write_plan(folder, plan)
    sync_folder(path.parent)
    try:
        if apart:
            point("replacing")
            path.unlink(missing_ok=True)
        move(folder, plan)
    except OSError:
        with contextlib.suppress(OSError):
            write_plan(folder, replace(plan, back=True))
        put_back(folder, plan)
        raise


def keep_old(folder: Path, parent: Path, names: list[str]) -> None:
    """Gives the files that will be replaced a second name, from which they can be put back."""
    (folder / OLD).mkdir()
    for name in names:
        if (parent / name).exists():
            try:
                os.link(parent / name, folder / OLD / name)
            except OSError:  # the disk knows no second names, as memory cards
                shutil.copy2(parent / name, folder / OLD / name)


def move(folder: Path, plan: Plan) -> None:
    """Moves what was not moved yet, the main file last."""
    for name in sorted(plan.before, key=lambda name: (name == plan.main, name)):
        if is_own(folder / NEW / name):
            point("replacing")
            os.replace(folder / NEW / name, folder.parent / name)
    sync_folder(folder.parent)


def put_back(folder: Path, plan: Plan) -> None:
    """Puts the files that were there in their places again."""
    for name, before in plan.before.items():
        there = folder.parent / name
        with contextlib.suppress(OSError):
            if before and digest_of(folder / OLD / name) == before:
                os.replace(folder / OLD / name, there)
            elif not before:
                there.unlink(missing_ok=True)
    sync_folder(folder.parent)


def finish(folder: Path) -> None:
    """Brings a plan that was cut off to its end; without one nothing was moved yet.

    Files that somebody has changed since stay as they are, and so does all beside them.
    """
    plan = plan_in(folder)
    if plan is None:
        return
    held = {name: digest_of(folder.parent / name) for name in plan.before}
    known = all(found in ("", plan.before[n], plan.after[n]) for n, found in held.items())
    left = [name for name in plan.before if is_own(folder / NEW / name)]
    whole = all(digest_of(folder / NEW / name) == plan.after[name] for name in left)
    if known and plan.back:
        put_back(folder, plan)
    elif known and whole:
        move(folder, plan)


def write_plan(folder: Path, plan: Plan) -> None:
    replace_file(folder / PLAN, json.dumps(asdict(plan)).encode())


def plan_in(folder: Path) -> Plan | None:
    """The plan of a hidden folder; None where there is none, or it is none of ours.

    In a folder from elsewhere it could name any file: only names beside it count, and only files
    are touched of which it knows what they hold.
    """
    if not is_own(folder / PLAN):
        return None
    try:
        plan = Plan(**json.loads((folder / PLAN).read_text("utf-8")))
        plain = all(Path(name).name == name for name in (plan.main, *plan.before))
        known = [*plan.before.values(), *plan.after.values()]
        fits = plan.before.keys() == plan.after.keys() and all(isinstance(d, str) for d in known)
        return plan if plain and fits else None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def is_own(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()


def digest_of(file: Path) -> str:
    """The sha256 of a file; empty where there is none. What is no file has none that is known."""
    if not is_own(file):
        return "?" if os.path.lexists(file) else ""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

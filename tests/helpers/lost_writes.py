"""What a power cut leaves of a folder: writes that were not flushed may be lost, whole or in part.

A process is watched by strace while it works. Its calls, replayed up to one of them, give the
folder as a disk may hold it after a cut there: all that was flushed by then, and of the rest what
one of LOSSES says (Pillai et al., All file systems are not created equal, OSDI 2014).
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

FORGETFUL, NAMES_FIRST, TORN, ALL = "nothing", "names alone", "torn", "all"
LOSSES = (FORGETFUL, NAMES_FIRST, TORN)
"""What survives of the unflushed: nothing; all names and lengths but no content, as where a file
system writes its journal before the data; the first of the names, and of the writes some, torn."""
SECTOR = 512
CALLS = (
    "openat,write,pwrite64,lseek,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,"
    "unlinkat,mkdir,mkdirat,rmdir,link,linkat,sendfile,copy_file_range"
)
OF_HANDLES = [
    "write",
    "pwrite64",
    "lseek",
    "ftruncate",
    "fsync",
    "fdatasync",
    "sendfile",
    "copy_file_range",
]
LINE = re.compile(r"^(\d+) +(\w+)\((.*)\) += (\d+)(?:<.*>)?$")
BEGUN = re.compile(r"^(\d+) +(\w+\(.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
ARGUMENT = re.compile(
    r'"(?P<text>(?:\\x[0-9a-f]{2})*)"|(?P<handle>\w+)<(?P<path>[^>]*)>|(?P<word>[^\s,][^,]*)'
)


def watched(command: Sequence[str], log: Path) -> None:
    """Runs a command and keeps those of its calls that change files. Raises where it fails."""
    strace = ["strace", "-f", "-y", "-xx", "-s", str(1 << 26), "--seccomp-bpf"]
    strace += ["-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(log)]
    subprocess.run([*strace, *command], check=True, stdout=subprocess.DEVNULL)


@dataclass(frozen=True)
class Given:
    """An argument of a call: text, a handle and the path that it stands for, or a word."""

    text: bytes = b""
    handle: str = ""
    path: str = ""
    word: str = ""


def calls_in(log: Path) -> Iterator[tuple[str, list[Given], int]]:
    """The calls that succeeded: name, arguments, result."""
    begun: dict[str, str] = {}
    with log.open() as lines:
        for line in lines:
            if half := BEGUN.match(line.rstrip("\n")):
                begun[half[1]] = half[2]
                continue
            if rest := RESUMED.match(line.rstrip("\n")):
                line = f"{rest[1]} {begun.pop(rest[1], '')}{rest[2]}"
            if call := LINE.match(line.rstrip("\n")):
                yield (
                    call[2],
                    [given_in(found) for found in ARGUMENT.finditer(call[3])],
                    int(call[4]),
                )


def given_in(found: re.Match[str]) -> Given:
    def decoded(text: str | None) -> bytes:
        return bytes.fromhex((text or "").replace("\\x", ""))

    if found["text"] is not None:
        return Given(text=decoded(found["text"]))
    if found["handle"]:
        path = os.fsdecode(decoded(found["path"])) if "\\x" in found["path"] else found["path"]
        return Given(handle=found["handle"], path=path)
    return Given(word=found["word"])


@dataclass
class File:
    """A file that was there before (`base`) or was made; all that was written, and when."""

    base: Path | None = None
    writes: list[tuple[int, int, bytes | None]] = field(default_factory=list)
    """Which call, where, and what; None ends the file there."""
    flushed: list[int] = field(default_factory=list)

    def content(self, until: int, loss: str, rng: random.Random) -> bytes:
        """What is left after a cut that follows the call `until`."""
        found = bytearray(self.base.read_bytes() if self.base else b"")
        safe = max((call for call in self.flushed if call <= until), default=-1)
        for call, at, what in self.writes:
            if call > until:
                break
            if call > safe and loss != ALL:
                if loss == FORGETFUL or (loss == TORN and rng.random() < 0.5):
                    continue
                if what is not None and loss == NAMES_FIRST:
                    at, what = at + len(what), b""  # longer, and what it was there is as before
                elif what is not None and rng.random() < 0.5:
                    what = what[: rng.randrange(len(what) // SECTOR + 1) * SECTOR]
            if what is None:
                del found[at:]
            found.extend(bytes(max(0, at - len(found))))
            if what is not None:
                found[at : at + len(what)] = what
        return bytes(found)


@dataclass(frozen=True)
class Change:
    """A change of names, by which call, and the folders of which one has to be flushed for it."""

    call: int
    does: Callable[[dict[str, File], set[str]], object]
    folders: frozenset[str]
    spared: bool


class Trace:
    """What happened to a folder, as strace tells it; `base` is a copy of how it was before.

    A cut may follow any of its `calls`. Files that are called `spared` lose nothing: they are not
    the program's, but say what it had shown.
    """

    def __init__(self, log: Path, folder: Path, base: Path, spared: str = "") -> None:
        self.folder, self.base, self.calls = os.path.realpath(folder), base, 0
        self.spared = spared
        self.before, self.folders = self.found(base)
        self.files = dict(self.before)
        self.changes: list[Change] = []
        self.flushed: dict[str, list[int]] = {}
        self.stands: dict[tuple[str, str], int] = {}
        """Where in its file a handle stands."""
        kinds = {
            "openat": self.opened,
            "write": self.written,
            "pwrite": self.written,
            "sendfile": self.sent,
            "copy_file_range": self.copied,
            "lseek": self.moved,
            "ftruncate": self.ended,
            "fsync": self.flush,
            "fdatasync": self.flush,
            "rename": self.renamed,
            "renameat": self.renamed,
            "unlink": self.removed,
            "unlinkat": self.removed,
            "rmdir": self.removed,
            "mkdir": self.made_folder,
            "mkdirat": self.made_folder,
            "link": self.linked,
            "linkat": self.linked,
        }
        for name, given, result in calls_in(log):
            paths = paths_of(name, given)
            if any(path.startswith(self.folder) for path in paths):
                self.calls += 1
                kinds[name.removesuffix("64").removesuffix("2")](given, paths, result)

    def found(self, base: Path) -> tuple[dict[str, File], set[str]]:
        there = [
            (path, os.path.join(self.folder, path.relative_to(base))) for path in base.rglob("*")
        ]
        files = {to: File(path) for path, to in there if path.is_file()}
        return files, {self.folder, *(to for path, to in there if path.is_dir())}

    def change(self, does: Callable[[dict[str, File], set[str]], object], *paths: str) -> None:
        does(self.files, set())
        folders = frozenset(os.path.dirname(path) for path in paths)
        spared = self.spared in map(os.path.basename, paths)
        self.changes.append(Change(self.calls, does, folders, spared))

    # Calls.

    def opened(self, given: list[Given], paths: list[str], result: int) -> None:
        path, flags = paths[-1], given[2].word
        if "O_CREAT" in flags and path not in self.files:
            made = File()
            self.change(lambda files, folders: files.setdefault(path, made), path)
        if path not in self.files:
            return  # a folder
        if "O_TRUNC" in flags:
            self.put(path, 0, None)
        self.stands[path, str(result)] = len(self.whole(path)) if "O_APPEND" in flags else 0

    def put(self, path: str, at: int, what: bytes | None) -> None:
        if path in self.files:  # else it was unlinked, and is gone with the process
            self.files[path].writes.append((self.calls, at, what))

    def whole(self, path: str) -> bytes:
        known = self.files.get(path)
        return known.content(self.calls, ALL, random.Random()) if known else Path(path).read_bytes()

    def stand(self, handle: Given, moved: int) -> int:
        at = self.stands.get((handle.path, handle.handle), 0)
        self.stands[handle.path, handle.handle] = at + moved
        return at

    def written(self, given: list[Given], paths: list[str], result: int) -> None:
        at = int(given[3].word) if len(given) > 3 else self.stand(given[0], result)
        self.put(paths[0], at, given[1].text[:result])

    def sent(self, given: list[Given], paths: list[str], result: int) -> None:
        start = int(re.sub(r"\D.*", "", given[2].word.strip("[]")) or 0)
        what = self.whole(paths[1])[start : start + result]
        self.put(paths[0], self.stand(given[0], result), what)

    def copied(self, given: list[Given], paths: list[str], result: int) -> None:
        start = self.stand(given[0], result)
        what = self.whole(paths[0])[start : start + result]
        self.put(paths[1], self.stand(given[2], result), what)

    def moved(self, given: list[Given], paths: list[str], result: int) -> None:
        self.stands[given[0].path, given[0].handle] = result

    def ended(self, given: list[Given], paths: list[str], result: int) -> None:
        self.put(paths[0], int(given[1].word), None)

    def flush(self, given: list[Given], paths: list[str], result: int) -> None:
        self.flushed.setdefault(paths[0], []).append(self.calls)
        if paths[0] in self.files:
            self.files[paths[0]].flushed.append(self.calls)

    def renamed(self, given: list[Given], paths: list[str], result: int) -> None:
        old, new = paths
        moved = self.files.get(old)  # it comes along, also where its old name was not flushed

        def rename(files: dict[str, File], folders: set[str]) -> None:
            if moved is not None:
                files.pop(old, None)
                files[new] = moved
                return
            for path in [p for p in files if p.startswith(old + "/")]:
                files[new + path.removeprefix(old)] = files.pop(path)
            for path in [p for p in folders if p.startswith(old + "/")]:
                folders.remove(path)
                folders.add(new + path.removeprefix(old))
            folders.discard(old)
            folders.add(new)

        self.change(rename, old, new)

    def removed(self, given: list[Given], paths: list[str], result: int) -> None:
        def remove(files: dict[str, File], folders: set[str]) -> None:
            files.pop(paths[0], None)
            folders.discard(paths[0])

        self.change(remove, paths[0])

    def made_folder(self, given: list[Given], paths: list[str], result: int) -> None:
        self.change(lambda files, folders: folders.add(paths[0]), paths[0])

    def linked(self, given: list[Given], paths: list[str], result: int) -> None:
        old, new = paths

        def link(files: dict[str, File], folders: set[str]) -> None:
            if old in files:
                files[new] = files[old]

        self.change(link, new)

    # A cut.

    def left(self, until: int, loss: str, rng: random.Random, to: Path) -> Path:
        """Makes the folder anew in `to`, as a cut after so many calls may leave it."""
        files, folders = dict(self.before), self.found(self.base)[1]
        survive = rng.randrange(self.calls + 1)
        for change in self.changes:
            if change.call > until:
                break
            kept = any(
                change.call <= call <= until
                for folder in change.folders
                for call in self.flushed.get(folder, ())
            )
            if (
                kept
                or change.spared
                or loss in (NAMES_FIRST, ALL)
                or (loss == TORN and change.call <= survive)
            ):
                change.does(files, folders)
        shutil.rmtree(to, ignore_errors=True)
        made = {os.path.dirname(self.folder)}
        for folder in sorted(folders):
            if os.path.dirname(folder) in made:
                made.add(folder)
                self.place(folder, to).mkdir(exist_ok=True)
        for path, file in files.items():
            if os.path.dirname(path) in made:
                how = ALL if os.path.basename(path) == self.spared else loss
                self.place(path, to).write_bytes(file.content(until, how, rng))
        return to

    def place(self, path: str, to: Path) -> Path:
        return to / os.path.relpath(path, self.folder)


def paths_of(name: str, given: Sequence[Given]) -> list[str]:
    """The paths that a call is about: of its handles, or of texts, in the folder before each."""
    if name in OF_HANDLES:
        return [one.path for one in given if one.path]
    found, within = list[str](), ""
    for one in given:
        if one.path:
            within = one.path
        elif one.text:
            found.append(os.path.normpath(os.path.join(within, os.fsdecode(one.text))))
    return found


def possible() -> bool:
    """Whether strace is here and may watch."""
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(["strace", "-o", os.devnull, "true"], check=False).returncode == 0
    return False

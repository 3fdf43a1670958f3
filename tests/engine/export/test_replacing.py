"""Files that take the place of others as a whole: cut off anywhere, or refused anywhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from filelock import FileLock

from engine.system import replacing
from engine.system.crash_points import VARIABLE
from engine.system.replacing import (
    LOCK,
    NEW,
    PLAN,
    CutOffError,
    Plan,
    digest_of,
    finish_beside,
    hidden_folder,
    hidden_in,
    plan_in,
    replace_all,
    sweep,
)

NAMES = ("m.bin", "m.py", "m.receipt.json", "m.xml")
REPLACE = """
import sys
from pathlib import Path
from tests.engine.export.test_replacing import replaced
replaced(Path(sys.argv[1]), sys.argv[2] == "apart")
"""
STEPS = len(NAMES) + 1


def old(folder: Path) -> dict[str, bytes]:
    """An export as it lies there before: all but the script."""
    there = {name: f"old {name}".encode() for name in NAMES if name != "m.py"}
    for name, content in there.items():
        (folder / name).write_bytes(content)
    return there


def new() -> dict[str, bytes]:
    return {name: f"new {name}".encode() for name in NAMES}


def replaced(folder: Path, apart: bool = True) -> None:
    with hidden_folder(folder) as hidden:
        (hidden / NEW).mkdir()
        for name, content in new().items():
            (hidden / NEW / name).write_bytes(content)
        replace_all(hidden, folder / "m.xml", apart)


def seen(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def cut_off(folder: Path, at: str, apart: bool = True) -> None:
    """Replaces in a process of its own, with the power cut at a point."""
    words = [sys.executable, "-c", REPLACE, str(folder), "apart" if apart else "together"]
    done = subprocess.run(words, env={**os.environ, VARIABLE: at}, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def test_the_new_ones_are_there_and_nothing_else(tmp_path):
    old(tmp_path)
    replaced(tmp_path)
    assert seen(tmp_path) == new()
    assert hidden_in(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
@pytest.mark.parametrize("way", ["export", "open"])
@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_cut_off_before_any_move_the_next_one_finds_all_new(tmp_path, at, way):
    old(tmp_path)
    cut_off(tmp_path, f"replacing:{at}")
    assert seen(tmp_path) != new()
    if way == "export":
        sweep(tmp_path)
    else:
        finish_beside(tmp_path / "m.xml")
    assert seen(tmp_path) == new()
    assert hidden_in(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_cut_off_before_the_plan_all_is_old(tmp_path):
    there = old(tmp_path)
    killing = "engine.system.replacing.write_plan = lambda *_: os.kill(os.getpid(), 9)"
    code = f"import os, engine.system.replacing\n{killing}\n{REPLACE}"
    subprocess.run([sys.executable, "-c", code, str(tmp_path), "apart"], check=False)
    assert hidden_in(tmp_path)
    finish_beside(tmp_path / "m.xml")
    sweep(tmp_path)
    assert seen(tmp_path) == there
    assert hidden_in(tmp_path) == []


@pytest.mark.parametrize("at", range(1, STEPS))
@pytest.mark.parametrize("apart", [True, False])
def test_a_file_that_can_not_be_moved_leaves_all_as_it_was(tmp_path, monkeypatch, at, apart):
    there, moved = old(tmp_path), []
    usual = os.replace

    def refusing(source, to):
        if Path(source).parent.name == NEW:
            moved.append(to)
            if len(moved) == at:
                raise PermissionError(13, "in use", str(to))
        usual(source, to)

    monkeypatch.setattr(os, "replace", refusing)
    with pytest.raises(PermissionError):
        replaced(tmp_path, apart)
    assert seen(tmp_path) == there
    assert hidden_in(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_cut_off_while_putting_back_all_is_old_in_the_end(tmp_path):
    there = old(tmp_path)
    cut_off(tmp_path, "replacing:4")
    (hidden,) = hidden_in(tmp_path)
    replacing.write_plan(hidden, replace(plan_in(hidden), back=True))
    sweep(tmp_path)
    assert seen(tmp_path) == there


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_a_file_that_was_changed_since_stays_and_so_do_the_others(tmp_path):
    old(tmp_path)
    cut_off(tmp_path, "replacing:3")
    (tmp_path / "m.receipt.json").write_bytes(b"mine")
    before = seen(tmp_path)
    sweep(tmp_path)
    assert seen(tmp_path) == before
    assert hidden_in(tmp_path) == []


def test_what_a_living_process_makes_is_left_alone(tmp_path):
    with hidden_folder(tmp_path) as hidden:
        (hidden / "half").write_bytes(b"x")
        sweep(tmp_path)
        assert (hidden / "half").exists()
    assert hidden_in(tmp_path) == []


def test_a_folder_without_a_lock_is_swept_after_a_day(tmp_path):
    """As older versions left them."""
    fresh, stale = tmp_path / ".espalier-abcdefgh", tmp_path / ".espalier-abcdefgi"
    for folder in (fresh, stale):
        folder.mkdir()
    os.utime(stale, (0, 0))
    other = tmp_path / ".espalier-somebody's"
    other.mkdir()
    os.utime(other, (0, 0))
    sweep(tmp_path)
    assert fresh.exists()
    assert not stale.exists()
    assert other.exists()


def test_what_is_being_moved_by_a_living_process_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(replacing, "PATIENCE", 0)
    folder = made_by_hand(tmp_path, Plan("m.xml", {"m.xml": ""}, {"m.xml": "0"}))
    with FileLock(folder / LOCK):
        finish_beside(tmp_path / "other.xml")
        with pytest.raises(CutOffError):
            finish_beside(tmp_path / "m.xml")


def made_by_hand(parent: Path, plan: Plan, **files: bytes) -> Path:
    """A hidden folder as a stranger could have packed it."""
    folder = parent / ".espalier-abcdefgh"
    (folder / NEW).mkdir(parents=True)
    (folder / LOCK).touch()
    (folder / PLAN).write_text(json.dumps(asdict(plan)))
    for name, content in files.items():
        (folder / NEW / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("back", [True, False])
def test_a_plan_from_elsewhere_touches_nothing_that_it_does_not_know(tmp_path, back):
    here = tmp_path / "here"
    here.mkdir()
    (here / "letter.txt").write_bytes(b"mine")
    (tmp_path / "outside").write_bytes(b"mine")
    digest = digest_of(here / "letter.txt")
    guessed = "0" * 64
    made_by_hand(
        here,
        Plan("letter.txt", {"letter.txt": ""}, {"letter.txt": guessed}, back),
        **{"letter.txt": b"theirs"},
    )
    sweep(here)
    for name in ("../outside", "..", ""):
        made_by_hand(here, Plan(name, {name: digest}, {name: digest}, back))
        sweep(here)
    assert (here / "letter.txt").read_bytes() == b"mine"
    assert (tmp_path / "outside").read_bytes() == b"mine"
    assert hidden_in(here) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right on Windows")
@pytest.mark.parametrize("name", [LOCK, PLAN, f"{NEW}/m.xml"])
def test_links_in_a_folder_from_elsewhere_are_not_followed(tmp_path, name):
    mine = tmp_path / "mine.txt"
    mine.write_bytes(b"mine")
    here = tmp_path / "here"
    plan = Plan("m.xml", {"m.xml": ""}, {"m.xml": digest_of(mine)})
    folder = made_by_hand(here, plan, **{"m.xml": b"mine"})
    if name == PLAN:
        mine.write_bytes((folder / PLAN).read_bytes())
    before = mine.read_bytes()
    (folder / name).unlink()
    (folder / name).symlink_to(mine)
    (here / ".espalier-linklink").symlink_to(tmp_path)
    sweep(here)
    assert mine.read_bytes() == before
    assert not (here / "m.xml").exists()

"""Every reader of bytes from elsewhere takes what the program writes; the rest it refuses in words.

The short form of tests/bench/drills/fuzz.py: the same readers and seeds, a few changes of each.
Those that PyTorch or ONNX Runtime open take longer, and run in processes with limits: the drill
takes them, and tests/gestures/hostile_test.py some of their kind.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import Refused
from engine.export.receipts.papers import stem_beside
from engine.live.rules import rules_in
from engine.system.files import noted
from engine.system.replacing import PLAN, finish_beside
from engine.training import dataset
from tests.bench.common import finished
from tests.bench.drills import readers
from tests.bench.drills.readers import READERS, TRAPS, opens
from tests.hostile.mutations import mutated

LIGHT = sorted(name for name, reader in READERS.items() if not reader.guarded)
CHANGES = {"images": 60, "project.db": 6}
DEEP = b"[" * 50_000


@pytest.mark.logs_warnings
@pytest.mark.parametrize("name", LIGHT)
def test_what_is_damaged_is_refused_in_a_sentence(name, tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "BESIDE", tmp_path / "beside" / "p.espalier")
    reader = READERS[name]
    for part in ("made", "work"):
        (tmp_path / part).mkdir()
    seeds = list(reader.seeds(tmp_path / "made"))
    assert all([opens(reader, content, tmp_path / "work") for content in seeds] or [False])
    for content in TRAPS if reader.text else ():
        opens(reader, content, tmp_path / "work")
    for content in mutated(seeds, CHANGES.get(name, 100)):
        opens(reader, content, tmp_path / "work")


def test_a_reader_that_lets_something_else_through_is_found(tmp_path):
    def careless(path: Path) -> None:
        assert path.read_bytes()[0] == 1

    def curt(path: Path) -> None:
        raise Refused("No")

    for read in (careless, curt):
        with pytest.raises(AssertionError):
            opens(readers.Reader(".x", lambda folder: iter(()), read), b"\0", tmp_path)


# What was found.


def test_rules_that_are_nested_without_end_are_no_rules(tmp_path):
    (tmp_path / "r.json").write_bytes(DEEP)
    with pytest.raises(Refused, match="is no JSON file"):
        rules_in(str(tmp_path / "r.json"))


def test_what_is_no_receipt_belongs_to_nobody(tmp_path):
    (tmp_path / "m.receipt.json").write_bytes(DEEP)
    assert stem_beside(tmp_path / "m.onnx") == "m"


def test_a_plan_of_replacing_that_is_nested_without_end_is_left_alone(tmp_path):
    plan = tmp_path / ".espalier-x" / PLAN
    plan.parent.mkdir()
    plan.write_bytes(DEEP)
    finish_beside(tmp_path / "m.onnx")
    assert plan.exists()


@pytest.mark.parametrize("left", [b"", b'{"size": 3', b"[1]", DEEP])
def test_a_note_of_which_half_is_left_says_nothing(left, tmp_path):
    (tmp_path / "note.json").write_bytes(left)
    assert noted(tmp_path / "note.json") == {}
    assert noted(tmp_path / "none.json") == {}


def test_images_that_were_decoded_are_decoded_again_where_their_note_is_torn(tmp_path):
    """A power cut between a note's name and its bytes ended every later run as a defect."""
    image = np.zeros((8, 8, 3), np.uint8)

    def kept_again(value: int) -> int:
        kept = dataset.kept(tmp_path, 8, ["a"], iter([image + value]), [0], ("moth",))
        return int(finished(kept).images[0].max())

    assert [kept_again(1), kept_again(2)] == [1, 1]
    (tmp_path / "files.json").write_bytes(b"")
    assert [kept_again(3), kept_again(4)] == [3, 3]

"""Outputs of frozen stages that are kept: what they are, when they are computed, and where."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine.events import Notice
from engine.jobs import run
from engine.models.backbone import Backbone
from engine.storage import runs
from engine.training import setup
from engine.training.activation_cache import ActivationCache, plan_of
from engine.training.augment import PLAIN, Views
from tests.helpers import networks, projects
from tests.helpers.projects import curve, done, until

pytestmark = pytest.mark.usefixtures("one_thread")
LEVELS = frozenset({1, 2, 3, 4})
ROWS, NUMBERS = np.array([5, 0, 31, 7]), np.array([0, 1, 2, 0])


def prefix(
    folder: Path,
    source: Backbone | None = None,
    seen: Views | None = None,
    levels: frozenset[int] = LEVELS,
    count: int = 3,
) -> ActivationCache:
    stages = [stage.module for stage in (source or networks.backbone()).stages]
    return ActivationCache(stages, seen or networks.views(networks.corpus()), count, folder, levels)


def eager(kept: ActivationCache, rows: np.ndarray, numbers: np.ndarray, level: int) -> torch.Tensor:
    with torch.inference_mode():
        return nn.Sequential(*kept.stages[:level]).eval()(kept.views(rows, numbers))


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Within the error of float16, once for each stage that a shorter prefix was kept for; where a
    sum of large numbers is small, within theirs."""
    largest = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(found, expected, rtol=4e-3, atol=1e-3 * largest)


def files(folder: Path) -> list[str]:
    return sorted(path.name.split("-")[1] for path in folder.glob("*.f16"))


@pytest.mark.parametrize("level", sorted(LEVELS))
def test_what_is_kept_is_what_the_stages_give_in_use(tmp_path: Path, level: int) -> None:
    kept = prefix(tmp_path)
    expected = eager(kept, ROWS, NUMBERS, level)
    for _ in range(2):  # computed, then read
        close(kept(ROWS, NUMBERS, level), expected)
    assert not torch.allclose(kept(ROWS, (NUMBERS + 1) % 3, level), expected, rtol=1e-2)


def test_each_view_is_computed_once_also_by_a_run_that_goes_on(tmp_path: Path) -> None:
    first = prefix(tmp_path)
    found = first(ROWS, NUMBERS, 2)
    assert (first.computed, first.read) == (4, 0)
    assert torch.equal(first(ROWS[:2], NUMBERS[:2], 2), found[:2])
    assert (first.computed, first.read) == (4, 2)
    again = prefix(tmp_path)
    assert torch.equal(again(ROWS, NUMBERS, 2), found)
    assert (again.computed, again.read, again.flops) == (0, 4, 0)
    again(ROWS, (NUMBERS + 1) % 3, 2)
    assert again.computed == 4
    assert again.flops > 0


def test_a_longer_prefix_is_computed_from_the_shorter_one(tmp_path: Path) -> None:
    """Also where the run goes on in between; of all shelves the last two are there."""
    alone = prefix(tmp_path / "made")
    alone.folder.mkdir()
    alone(ROWS, NUMBERS, 3)
    kept = prefix(tmp_path)
    kept(ROWS, NUMBERS, 1)
    kept(ROWS, NUMBERS, 2)
    assert files(tmp_path) == ["1", "2"]
    again = prefix(tmp_path)
    found = again(ROWS, NUMBERS, 3)
    assert again.flops < 0.8 * alone.flops
    assert torch.equal(found, kept(ROWS, NUMBERS, 3))
    close(found, eager(again, ROWS, NUMBERS, 3))
    assert files(tmp_path) == ["2", "3"]


def test_what_other_weights_or_pictures_gave_is_not_taken(tmp_path: Path) -> None:
    prefix(tmp_path)(ROWS, NUMBERS, 2)
    changed = networks.backbone()
    with torch.no_grad():
        changed.stages[0].module[0][1].running_mean += 0.5
    others = (
        prefix(tmp_path, changed),
        prefix(tmp_path, seen=networks.views(networks.corpus(seed=1))),
        prefix(tmp_path, seen=networks.views(networks.corpus(), seed=1)),
        prefix(tmp_path, seen=networks.views(networks.corpus(), "strong")),
    )
    for other in others:
        close(other(ROWS, NUMBERS, 2), eager(other, ROWS, NUMBERS, 2))
        assert other.read == 0
        assert files(tmp_path) == ["2"]
    # A stage above does not matter: the same may go on.
    upper = networks.backbone()
    nn.init.zeros_(upper.stages[2].module[0].weight)
    same = prefix(tmp_path, upper, seen=networks.views(networks.corpus(), "strong"))
    same(ROWS, NUMBERS, 2)
    assert same.computed == 0


def test_an_entry_without_its_mark_is_computed_again(tmp_path: Path) -> None:
    """As where the power was cut between the numbers and the mark."""
    first = prefix(tmp_path)
    found = first(ROWS, NUMBERS, 1)
    (array,), (there,) = tmp_path.glob("*.f16"), tmp_path.glob("*.there")
    array.write_bytes(b"\x7b" * array.stat().st_size)
    there.write_bytes(b"\0" * there.stat().st_size)
    assert torch.equal(prefix(tmp_path)(ROWS, NUMBERS, 1), found)


def test_a_prefix_that_is_not_kept_is_computed_each_time(tmp_path: Path) -> None:
    kept = prefix(tmp_path, levels=frozenset({2}))
    for _ in range(2):
        torch.testing.assert_close(kept(ROWS, NUMBERS, 1), eager(kept, ROWS, NUMBERS, 1))
    assert (kept.computed, kept.read) == (8, 0)
    assert files(tmp_path) == []


def test_numbers_beyond_float16_stay_numbers(tmp_path: Path) -> None:
    source = networks.backbone()
    with torch.no_grad():
        source.stages[0].module[0][1].weight *= 1e7
    found = prefix(tmp_path, source)(ROWS, NUMBERS, 1)
    assert found.isfinite().all()
    assert found.max() == np.finfo(np.float16).max


class Tokens(nn.Module):
    """(batch, channels, height, width) to (batch, places, channels), as transformers have them."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(2).transpose(1, 2)


def test_tokens_are_kept_as_well(tmp_path: Path) -> None:
    source = networks.backbone()
    source.stages[1].module = nn.Sequential(source.stages[1].module, Tokens())
    kept = prefix(tmp_path, source)
    found = kept(ROWS, NUMBERS, 2)
    assert found.shape == (4, 64, 8)
    close(found, eager(kept, ROWS, NUMBERS, 2))


# Room.


@pytest.mark.parametrize("levels", [[1], [2, 3], [1, 2, 3, 4]])
def test_the_plan_stays_within_its_room(levels: list[int]) -> None:
    stages = [stage.module for stage in networks.backbone().stages]
    bytes_of = {1: 2 * 6 * 64, 2: 2 * 8 * 64, 3: 2 * 12 * 64, 4: 2 * 12}
    for most, asked in itertools.product((0, 100, 5_000, 50_000, 10**6, 10**9), (1, 4, 64)):
        views, kept = plan_of(stages, networks.SIZE, levels, 10, asked, most)
        assert 1 <= views <= asked
        assert kept <= set(levels)
        two = sorted((10 * views * bytes_of[n] for n in kept), reverse=True)[:2]
        assert sum(two) <= most
        if not kept:
            assert views == asked
            assert all(2 * 10 * bytes_of[n] > most for n in levels)
    assert plan_of(stages, networks.SIZE, levels, 10, 4, 10**9) == (4, frozenset(levels))


QUICK = {"batch": 12, "lr": 0.0002, "t0": 0.4, "views": 1}
ASKED = {"schedule": "freezeout", "epochs": 2, "adopt": "never"}


def test_without_room_nothing_is_kept_and_the_outcome_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = projects.opened(tmp_path)
    with_room = done(session, "tune", settings=QUICK, **ASKED)
    until(run(session, "tune", {"settings": QUICK, **ASKED}), 4)
    number = done(session, "list_runs")["runs"][0]["id"]
    monkeypatch.setattr(setup, "room", lambda folder: 0)
    # What has begun goes on as it began, whatever room there is by now.
    done(session, "resume_run", run=number, adopt="never")
    assert curve(session, number) == curve(session, with_room["run"])
    said = list(run(session, "tune", {"settings": QUICK, **ASKED}))
    told = [e.text for e in said if isinstance(e, Notice)]
    assert any("room" in text for text in told)
    without = said[-1].result
    # What is kept is rounded to 16 bits, which each step that learns from it makes larger.
    one, other = (curve(session, r["run"])["epochs"] for r in (with_room, without))
    assert len(one) == len(other)
    for name in ("train_loss", "validation_loss"):
        assert one[0][name] == pytest.approx(other[0][name], rel=2e-2)
    assert without["saved"]["flops"] < with_room["saved"]["flops"]
    session.close()


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """A limit on the size of files stands for the disk: the system refuses the write."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.logs_warnings
@pytest.mark.parametrize(("most", "views"), [(4_000_000, 64), (1_000_000, 1)])
def test_a_full_disk_ends_in_a_sentence_and_a_run_that_can_go_on(
    tmp_path: Path, most: int, views: int
) -> None:
    """There is no room for the outputs to be kept; or already for the weights of the first
    epoch."""
    session = projects.opened(tmp_path)
    asked = {"settings": {**QUICK, "views": views}, **ASKED}
    with no_file_larger_than(most):
        last: Any = list(run(session, "tune", asked))[-1]
    assert last.how == "failed"
    assert last.text.endswith("What was saved before is kept.")
    assert "defect" not in last.text
    (row,) = done(session, "list_runs")["runs"]
    assert row["state"] == "paused"
    assert list(runs.folder(session.require(), row["id"]).rglob("*.half")) == []
    result = done(session, "resume_run", run=row["id"], adopt="never")
    assert not runs.folder(session.require(), row["id"]).exists()
    whole = done(session, "tune", **asked)
    assert curve(session, result["run"]) == curve(session, whole["run"])
    session.close()


def test_held_out_images_are_shown_as_they_are(tmp_path: Path) -> None:
    """Nothing is done to them, however much is done to those to learn; so is what is kept."""
    images, rows = networks.corpus(), np.arange(6)
    strong = networks.views(images, "strong")
    shown = strong(rows, np.full(6, PLAIN))
    p = strong.preprocessing
    pixels = torch.from_numpy(images.images[:6]).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (p.mean, p.std))
    torch.testing.assert_close(shown, (pixels - mean) / std)
    assert not torch.allclose(strong(rows, np.zeros(6, np.int64)), shown, atol=0.1)
    kept = prefix(tmp_path, seen=networks.views(images, "none"), count=1)
    with torch.inference_mode():
        expected = nn.Sequential(*kept.stages[:2]).eval()(shown)
    close(kept(rows, np.zeros(6, np.int64), 2), expected)

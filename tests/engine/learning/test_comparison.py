"""Two networks beside each other on the same held-out images."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.learning import comparison
from engine.learning.comparison import Evaluation
from engine.session import Session
from tests.helpers import image_files, projects
from tests.helpers.projects import done, tuned

pytestmark = pytest.mark.usefixtures("one_thread")


def judged(right: np.ndarray, new: np.ndarray | None = None) -> Evaluation:
    new = np.zeros(len(right), bool) if new is None else new
    return Evaluation(tuple(f"{n:064x}" for n in range(len(right))), right, new)


def test_the_interval_is_that_of_the_mean_of_paired_differences() -> None:
    rng = np.random.default_rng(3)
    first = rng.random(900) < 0.7
    second = np.where(rng.random(900) < 0.3, rng.random(900) < 0.8, first)
    mean, low, high = comparison.compared(judged(first), judged(second))["difference"]["all"]
    gain = second.astype(float) - first
    half = 1.96 * gain.std() / math.sqrt(900)
    assert mean == pytest.approx(gain.mean())
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.1 * half)


def test_old_and_new_classes_are_compared_apart_and_lost_images_left_out() -> None:
    new = np.arange(10) >= 6
    before, after = judged(np.arange(10) % 2 == 0, new), judged(np.arange(10) % 3 == 0, new)
    there = np.array([0, 2, 3, 6, 7, 9])
    fewer = Evaluation(tuple(after.hashes[n] for n in there), after.right[there], new[there])
    found = comparison.compared(before, fewer)
    gain = after.right.astype(float) - before.right
    assert found["images"] == 6
    for name, rows in (("all", there), ("old", there[:3]), ("new", there[3:])):
        assert found["difference"][name][0] == pytest.approx(gain[rows].mean())
    none = comparison.compared(judged(before.right), judged(after.right))
    assert none["difference"]["new"] is None
    assert none["before"]["new_accuracy"] is None


def test_images_that_went_away_meanwhile_are_left_out(tmp_path: Path) -> None:
    """One held-out image, and all of one class: what was decoded before is still learnt from."""
    images = Path(shutil.copytree(projects.images(), tmp_path / "pictures"))
    session, weights = Session(), str(projects.weights(projects.QUICK))
    done(session, "new_project", path=str(tmp_path / "p.espalier"), weights=weights, size=32)
    for step in ("first", "second"):
        done(session, "learn_folder", paths=[str(images / step)], learner="ncm")
    tuned(session)
    next((images / "first" / "validation" / "teal").iterdir()).unlink()
    shutil.rmtree(images / "first" / "train" / "red")
    shutil.rmtree(images / "first" / "validation" / "red")
    other = image_files.weights(tmp_path / "other.safetensors", projects.QUICK, seed=5)
    done(session, "use_backbone", weights=str(other), size=32)
    last = tuned(session)
    assert last["images"] == 6 + 5
    session.close()

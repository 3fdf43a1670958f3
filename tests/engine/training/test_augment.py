"""What a step is shown, and its loss: views of images, balance, mixup and label smoothing."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.images.decode import open_image
from engine.images.preprocess import Preprocessing
from engine.models.trunk import Normalise
from engine.storage import runs
from engine.training.augment import PLAIN, STRENGTHS, Views
from engine.training.batches import Batch
from engine.training.setup import course_of
from engine.training.tuner import Tuning, cross_entropy
from engine.training.tuners import TUNERS
from tests.helpers import networks, projects
from tests.helpers.generators import result
from tests.helpers.projects import done

pytestmark = pytest.mark.usefixtures("one_thread")
CHANGING = [strength for strength in STRENGTHS if strength != "none"]
ROWS = np.arange(6)


def larger(strength: str, seed: int = 0) -> Views:
    """Views of images that are kept a little larger than the network's input."""
    return networks.views(networks.corpus(side=20), strength, seed)


def tuning(**settings: object) -> Tuning:
    return TUNERS.make("fine_tune", settings)  # type: ignore[return-value]


# Views.


@pytest.mark.parametrize("strength", STRENGTHS)
def test_the_same_seed_picture_and_number_give_the_same_pixels(strength: str) -> None:
    torch.manual_seed(98)
    first = larger(strength)(ROWS, ROWS)
    torch.manual_seed(99)
    backwards = larger(strength)(ROWS[::-1].copy(), ROWS[::-1].copy())
    assert torch.equal(backwards.flip(0), first)
    assert first.shape == (6, 3, networks.SIZE, networks.SIZE)


@pytest.mark.parametrize("strength", CHANGING)
def test_other_numbers_seeds_and_pictures_give_other_pixels(strength: str) -> None:
    """Of RandAugment's changes some do nothing, so most views differ and not all."""
    one = larger(strength)(ROWS, np.zeros(6, int))
    for other in (
        larger(strength)(ROWS, np.ones(6, int)),
        larger(strength, seed=1)(ROWS, np.zeros(6, int)),
        larger(strength)((ROWS + 1) % 6, np.zeros(6, int)),
    ):
        differ = [not torch.equal(a, b) for a, b in zip(one, other, strict=True)]
        assert sum(differ) >= 5


def test_stronger_views_are_farther_from_the_picture() -> None:
    rows = np.arange(32)
    plain = larger("none")(rows, rows)
    far = [float((larger(s)(rows, rows) - plain).abs().mean()) for s in CHANGING]
    assert 0 < far[0] < far[1]
    assert far[0] < far[2]


@pytest.mark.parametrize("strength", STRENGTHS)
def test_making_views_draws_nothing_from_the_random_numbers_of_others(strength: str) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    larger(strength)(ROWS, ROWS)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    assert random.getstate() == before[2]


def test_unchanged_pictures_are_seen_as_in_use() -> None:
    preprocessing = Preprocessing(networks.SIZE, networks.SIZE)
    images = networks.corpus()
    expected = Normalise(preprocessing)(torch.from_numpy(images.images[:6]))
    assert torch.equal(networks.views(images, "none")(ROWS, ROWS), expected)
    for strength in CHANGING:
        assert torch.equal(networks.views(images, strength)(ROWS, np.full(6, PLAIN)), expected)


def test_a_run_without_changes_trains_on_what_the_network_sees_in_use(tmp_path: Path) -> None:
    session = projects.opened(tmp_path)
    project = session.require()
    settings = {"batch": 12, "augment": "none"}
    begun = runs.begun(project, "x", "fine_tune", "none", settings, "")
    course, _ = result(course_of(session, begun))
    shown = course.lessons.views(ROWS, ROWS)
    paths = {row["sha256"]: row["path"] for row in project.db["image"].rows}
    preprocessing = session.backbone().preprocessing
    pixels = [
        open_image(Path(paths[h]), preprocessing).pixels
        for h in course.lessons.views.corpus.files[:6]
    ]
    assert torch.equal(shown, Normalise(preprocessing)(torch.from_numpy(np.stack(pixels))))
    done(session, "remove_run", run=begun.id)
    session.close()


# Batches.


def test_an_epoch_shows_each_picture_once_in_another_order_each_time() -> None:
    lessons = networks.lessons(tuning(batch=8), networks.views(networks.corpus()))
    first, second = ([*lessons.rows(epoch)] for epoch in (0, 1))
    for rows in (first, second):
        assert sorted(np.concatenate(rows).tolist()) == list(range(32))
    assert not np.array_equal(first, second)


def test_balance_shows_small_classes_as_often_as_large_ones() -> None:
    images = networks.corpus((300, 30, 3))
    shown = {}
    for balance in (False, True):
        lessons = networks.lessons(tuning(batch=32, balance=balance), networks.views(images))
        rows = np.concatenate([lessons.rows(epoch).ravel() for epoch in range(10)])
        shown[balance] = np.bincount(images.classes[rows], minlength=3) / len(rows)
    assert shown[False] == pytest.approx([300 / 333, 30 / 333, 3 / 333], abs=0.01)
    # 3,200 draws: a standard deviation of 0.8 %.
    assert shown[True] == pytest.approx([1 / 3] * 3, abs=0.03)


def test_mixup_blends_each_picture_with_another_one_of_the_batch() -> None:
    seen = networks.views(networks.corpus(), "none")
    plain = networks.lessons(tuning(batch=8), seen).batch(2)
    mixed = networks.lessons(tuning(batch=8, mixup=0.4), seen).batch(2)
    assert mixed.other is not None
    assert 0 < mixed.kept < 1
    assert sorted(mixed.other.tolist()) == list(range(8))
    blended = mixed.kept * plain.given + (1 - mixed.kept) * plain.given[mixed.other]
    torch.testing.assert_close(mixed.given, blended)
    again = networks.lessons(tuning(batch=8, mixup=0.4), seen).batch(2)
    assert torch.equal(again.given, mixed.given)
    kept = [networks.lessons(tuning(batch=8, mixup=0.4), seen).batch(p).kept for p in range(20)]
    assert len(set(kept)) == 20


# The loss.


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("kept", [1.0, 0.7])
def test_the_loss_is_the_cross_entropy_with_soft_answers(smoothing: float, kept: float) -> None:
    """Of each image: its own class by the share that is kept of it, the other's by the rest; and
    a share of doubt spread over all classes."""
    source = torch.Generator().manual_seed(2)
    logits = torch.randn(5, 3, generator=source, dtype=torch.float64)
    classes, other = torch.tensor([0, 2, 1, 1, 0]), torch.tensor([4, 3, 2, 1, 0])
    sure = torch.eye(3, dtype=torch.float64)
    wanted = kept * sure[classes] + (1 - kept) * sure[classes[other]]
    wanted = (1 - smoothing) * wanted + smoothing / 3
    expected = -(wanted * logits.log_softmax(1)).sum(1).mean()
    mixed = {"other": other, "kept": kept} if kept < 1 else {}
    batch = Batch(torch.zeros(5, 1), 0, classes, np.arange(5), **mixed)
    assert float(cross_entropy(logits, batch, smoothing)) == pytest.approx(float(expected))

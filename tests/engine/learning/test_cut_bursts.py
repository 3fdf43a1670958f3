"""How much better the score would look if the split cut bursts: against scikit-learn, and in a
project whose bursts are all that tells its classes apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from app.pages.learn.summary import bursts as sentence
from engine.learning.cut_bursts import between, folds_of, right
from engine.session import Session
from tests.gestures.bursts_test import shot
from tests.helpers.projects import QUICK, SIZE, done, weights


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of 240 images of three classes in bursts of one to six, their classes and bursts."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 7, 90)
    units = np.repeat(np.arange(90), sizes)[:240]
    y = np.array([4, 7, 9])[np.arange(90) % 3][units]
    middles = rng.normal(size=(90, 16)) + np.eye(3, 16)[np.arange(90) % 3] * 1.5
    x = middles[units] + rng.normal(size=(240, 16)) / 5
    return x.astype(np.float32), y, units


def test_all_of_a_burst_is_in_one_fold_and_folds_are_about_as_large() -> None:
    _, y, units = drawn(0)
    folds = folds_of(y, units)
    assert all(len(set(folds[units == unit])) == 1 for unit in set(units))
    for number in set(y):
        sizes = np.bincount(folds[y == number], minlength=5)
        assert sizes.max() - sizes.min() <= 6
    alone = folds_of(y, np.arange(len(y)))
    assert np.ptp([np.bincount(alone[y == n], minlength=5) for n in set(y)], axis=1).max() <= 1


@pytest.mark.parametrize("seed", range(3))
def test_answers_are_those_of_scikit_learn(seed: int) -> None:
    x, y, units = drawn(seed)
    for names in (units, np.arange(len(y))):
        folds = folds_of(y, names)
        found = right(torch.from_numpy(x), y, folds, 0.3)
        wanted = np.zeros(len(y), bool)
        for fold in range(5):
            out = folds == fold
            usual = LinearDiscriminantAnalysis("lsqr", shrinkage=0.3, priors=[1 / 3] * 3)
            usual.fit(x[~out].astype(float), y[~out])
            wanted[out] = usual.predict(x[out].astype(float)) == y[out]
        assert (found == wanted).mean() > 0.98, "they round otherwise"


def test_the_interval_counts_bursts_and_not_images() -> None:
    rng = np.random.default_rng(0)
    each = rng.normal(size=50)
    low, high = between(each, np.arange(50))
    again = between(np.repeat(each, 8), np.repeat(np.arange(50), 8))
    assert again == pytest.approx((low, high)), "eight copies of each know no more"
    assert (low + high) / 2 == pytest.approx(each.mean())
    assert (high - low) / 2 == pytest.approx(1.96 * each.std() / 50**0.5)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    session = Session()
    path = str(tmp_path / "p.espalier")
    done(session, "new_project", path=path, weights=str(weights(QUICK)), size=SIZE)
    return session


def test_where_bursts_alone_are_known_again_that_is_said(session: Session, tmp_path: Path) -> None:
    """The images of a burst are the same but for their time, whatever their class."""
    for burst in range(18):
        for image in range(3):
            path = tmp_path / "of" / f"class {burst % 2}" / f"{burst} {image}.jpg"
            shot(path, burst, 3600 * burst + 5 * image, hue=burst / 18)
    done(session, "learn_folder", paths=[str(tmp_path / "of")])

    effect = done(session, "burst_effect")

    assert (effect["images"], effect["bursts"]) == (54, 18)
    assert effect["cut"] > effect["whole"] + 0.2
    low, high = effect["more"]
    assert 0 < low < effect["cut"] - effect["whole"] < high
    said = sentence(effect)
    assert f"{100 * effect['cut']:.1f} % instead of {100 * effect['whole']:.1f} %" in said
    session.close()


def test_nothing_is_said_where_there_is_no_burst(session: Session, tmp_path: Path) -> None:
    assert done(session, "burst_effect") == {}
    for image in range(12):
        shot(tmp_path / "of" / f"class {image % 2}" / f"{image}.jpg", image, 3600 * image)
    done(session, "learn_folder", paths=[str(tmp_path / "of")])
    assert done(session, "burst_effect") == {}
    assert sentence({}) == ""
    session.close()

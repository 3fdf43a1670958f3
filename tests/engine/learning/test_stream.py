"""Each image of a stream is asked before it is learnt."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.images.exif import Taken
from engine.learners import LEARNERS
from engine.learners.metrics import faded
from engine.learning import stream
from engine.learning.ageing import Window
from engine.learning.arrivals import Arrival, Arrivals, changed, place_of
from engine.learning.stream import Start, Stream, order_of, prequential
from engine.storage.recent import Recent
from engine.storage.steps import StepMemory
from tests.bench.common import finished
from tests.helpers.features import Features, drawn_features, taught

BEGIN = datetime(2026, 3, 1, 12)
CASES = [("slda", {"shrinkage": 0.2}), ("ncm", {}), ("ridge", {"size": 40, "penalty": 0.1})]


def shuffled(features: Features) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of classes numbered from 1, in no order of classes."""
    x = torch.cat(list(features.values()))
    y = torch.cat([torch.full((len(v),), n + 1) for n, v in features.items()])
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(3))
    return x[order], y[order]


def coming(x: torch.Tensor, y: torch.Tensor) -> Stream:
    """Images a day apart."""
    return Stream(x, y, [str(BEGIN + timedelta(days=n)) for n in range(len(x))])


def relearnt(name: str, settings: dict[str, object], x: torch.Tensor, y: torch.Tensor) -> list[int]:
    """The answer to each image by a new learner that has learnt all before it at once."""
    answers = [0]
    for n in range(1, len(x)):
        known = {int(k): x[:n][y[:n] == k] for k in y[:n].unique()}
        learner = taught(LEARNERS.make(name, settings), known)
        answers.append(int(learner.answers(x[n : n + 1])[0]))
    return answers


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_each_image_is_asked_of_all_before_it(name: str, settings: dict[str, object]) -> None:
    x, y = shuffled(drawn_features(1, 8, classes=4))
    start = Start(name, settings, None, None)
    right = finished(prequential(start, coming(x, y), np.arange(len(x)), 1, "Asking"))
    expected = np.array(relearnt(name, settings, x, y)) == y.numpy()
    np.testing.assert_array_equal(right, expected)
    assert not right[0], "nothing was known yet"
    assert 0.3 < right.mean() < 1


@pytest.mark.parametrize(("name", "settings"), [*CASES, ("tilda", {"subspaces": 3, "anchors": 1})])
@pytest.mark.parametrize("recent", [Recent(images=2), Recent(days=6.5)])
def test_what_falls_out_of_a_window_was_never_there(
    name: str, settings: dict[str, object], recent: Recent
) -> None:
    """As if each moment's window had been learnt at once; of days a class may be left without."""
    x, y = shuffled(drawn_features(1, 8, classes=4))
    start, came = Start(name, settings, None, None), coming(x, y)
    came = replace(came, window=lambda: Window(recent))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "FIRST_CHOICE", 1000)  # nothing is chosen on the way
        right = finished(prequential(start, came, np.arange(len(x)), 1, "Asking"))
    expected = [False]
    for n in range(1, len(x)):
        last = range(max(0, n - 7), n) if recent.days else range(n)
        known = {int(k): [i for i in last if y[i] == k][-recent.images :] for k in y[last].unique()}
        learner = taught(LEARNERS.make(name, settings), {k: x[some] for k, some in known.items()})
        expected.append(int(learner.answers(x[n : n + 1])[0]) == int(y[n]))
    np.testing.assert_array_equal(right, expected)
    assert 0 < right.mean() < 1


def test_what_was_learnt_before_is_known() -> None:
    before, later = drawn_features(2, 12, classes=3), drawn_features(3, 6, classes=3)
    known = {n + 1: v for n, v in before.items()}
    learner = taught(LEARNERS.make("slda", {}), known)
    images = {n: ["%064x" % (100 * n + i) for i in range(len(v))] for n, v in known.items()}
    kept = StepMemory(learner.memory(), {}, images)
    classes = torch.tensor([n for n, v in known.items() for _ in v])
    start = Start("slda", {}, kept, (torch.cat(list(known.values())), classes))
    x, y = shuffled(later)
    right = finished(prequential(start, coming(x, y), np.arange(len(x)), len(x), "Asking"))
    np.testing.assert_array_equal(right, learner.answers(x) == y.numpy())
    assert start.images == 36


def test_a_batch_is_asked_before_any_of_it_is_learnt() -> None:
    x, y = shuffled(drawn_features(4, 6, classes=3))
    start = Start("ncm", {}, None, None)
    right = finished(prequential(start, coming(x, y), np.arange(len(x)), 5, "Asking"))
    assert not right[:5].any()
    known = {int(k): x[:5][y[:5] == k] for k in y[:5].unique()}
    learner = taught(LEARNERS.make("ncm", {}), known)
    np.testing.assert_array_equal(right[5:10], learner.answers(x[5:10]) == y[5:10].numpy())


def test_the_regularisation_is_chosen_on_the_way() -> None:
    """Chosen from what came so far, at 16 images and each time when there are twice as many."""
    x, y = shuffled(drawn_features(5, 16, classes=4))
    start, chosen = Start("slda", {}, None, None), []
    work = prequential(start, coming(x, y), np.arange(len(x)), 1, "Asking")
    with pytest.MonkeyPatch.context() as patch:
        real = stream.sample_of
        patch.setattr(stream, "sample_of", lambda *a: chosen.append(len(a[2])) or real(*a))
        finished(work)
    assert chosen == [16, 32, 64]


def test_old_answers_fade() -> None:
    """By hand: S is 1, 0.5, 1.25, N is 1, 1.5, 1.75."""
    np.testing.assert_allclose(faded([True, False, True], 0.5), [1, 1 / 3, 1.25 / 1.75])
    right = np.random.default_rng(0).random(50) < 0.7
    np.testing.assert_allclose(faded(right, 1)[-1], right.mean())
    weights = 0.9 ** np.arange(50)[::-1]
    np.testing.assert_allclose(faded(right, 0.9)[-1], (weights * right).sum() / weights.sum())


def arrival(name: str, when: str, by_camera: bool = True, of: str = "moth") -> Arrival:
    return Arrival(Path(of) / name, of, name, when, by_camera, "", (0.5, -2.0, 0.0))


def test_orders() -> None:
    names = ["b", "a", "b", "c", "a"]
    assert order_of("came", names).tolist() == [0, 1, 2, 3, 4]
    assert order_of("class", names).tolist() == [1, 4, 0, 2, 3]
    mixed = order_of("shuffled", names).tolist()
    assert sorted(mixed) == [0, 1, 2, 3, 4] != mixed
    assert mixed == order_of("shuffled", names).tolist()


def test_time_then_name_put_images_in_order() -> None:
    rows = [
        arrival("c.jpg", "2026-03-14 10:00:00", by_camera=False),
        arrival("b.jpg", "2026-03-14 10:00:00", by_camera=False),
        arrival("a.jpg", "2026-03-15 09:00:00"),
        arrival("d.jpg", "2026-03-13 09:00:00", by_camera=False),
    ]
    came = Arrivals(sorted(rows, key=place_of))
    assert [row.path.name for row in came.rows] == ["d.jpg", "b.jpg", "c.jpg", "a.jpg"]
    assert came.times == {
        "camera": 1,
        "file": 1,
        "name": 2,
        "first": "2026-03-13 09:00:00",
        "last": "2026-03-15 09:00:00",
    }


def test_the_time_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"")
    moment = Taken("2026-03-14 10:00:00")
    os.utime(file, (0, 86_400 * 365))
    assert changed(file).startswith("197")
    assert len(changed(file)) == len(moment.when)
    assert changed(tmp_path / "gone.jpg") == ""


def test_figures_of_an_order() -> None:
    came = Arrivals(
        [arrival(f"{n}.jpg", f"2026-03-14 10:00:0{n}", of="ab"[n % 2]) for n in range(6)]
    )
    right = np.array([False, True, True, False, False, True])
    found = stream.judged(came, "class", np.array([0, 2, 4, 1, 3, 5]), right, 0.5)
    assert (found["images"], found["right"], found["accuracy"]) == (6, 3, 0.5)
    assert found["per_class"] == {"a": 2 / 3, "b": 1 / 3}
    assert [Path(p).name for p in found["paths"]] == [f"{n}.jpg" for n in (0, 2, 4, 1, 3, 5)]
    assert found["lowest"] == min(found["curve"][2:])
    assert found["last"] == found["curve"][-1]
    assert Path(found["lowest_at"]).name == "3.jpg"

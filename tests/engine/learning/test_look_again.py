"""Which learnt images are to be looked at again, beside learning really without each of them."""

from __future__ import annotations

import shutil
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import cosine_similarity as cosine

from engine.learners import Task
from engine.learners.centred_ridge import PENALTIES
from engine.learners.confidence import temperature
from engine.learners.dirichlet import recalibrated
from engine.learners.principal import unit
from engine.learners.slda import StreamingLDA
from engine.learners.unlike import together, usual
from engine.learning import look_again
from engine.learning.look_again import Found, around, suspicion
from engine.learning.opinions import Case, by_roots, with_held_out
from engine.learning.own_answers import Judged, OwnAnswers
from engine.session import Session
from engine.storage.feature_cache import Features
from engine.storage.steps import current
from tests.bench.common import finished
from tests.helpers.image_files import drawn, plain_folders, planted
from tests.helpers.projects import QUICK, SIZE, done, refused, weights

COUNT = 20
MOVES = [("red", "green", 0), ("green", "blue", 1), ("blue", "red", 2), ("red", "blue", 3)]
ODD = "odd.jpg"


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of three colours, with four images in wrong classes, and one like no other."""
    folder = tmp_path_factory.mktemp("again")
    root = plain_folders(folder / "images", ["red", "green", "blue"], COUNT)
    planted(root, MOVES)
    drawn(5, (96, 72), 0.1).save(root / "blue" / ODD)
    session = Session()
    path = folder / "p.espalier"
    done(session, "new_project", path=str(path), weights=str(weights(QUICK)), size=SIZE)
    done(session, "learn_folder", paths=[str(root)], learner="ncm")
    session.close()
    return path


@pytest.fixture
def session(learnt: Path, tmp_path: Path) -> Iterator[Session]:
    session = Session()
    path = shutil.copytree(learnt, tmp_path / "p.espalier")
    done(session, "open_project", path=str(path))
    yield session
    session.close()


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [Path(row["path"]).name for row in rows]


def test_the_least_certain_are_chosen_in_the_order_in_which_they_are_shown(
    session: Session,
) -> None:
    asked = {"class_name": "red", "sort": "confidence"}
    shown = done(session, "images", **asked)
    found = done(session, "image_ids", runs=[(0, 4), (9, 9)], total=shown["total"], **asked)
    ids = [row["id"] for row in shown["rows"]]
    assert array("q", found["ids"]).tolist() == [*ids[:5], ids[9]]
    assert ids != sorted(ids)


def test_each_on_the_list_is_judged_as_if_it_had_not_been_learnt(session: Session) -> None:
    """Removed and learnt again without it, the project says the same of its file."""
    found = done(session, "review")
    assert {f"{of} {number:03}.jpg" for of, _, number in MOVES} <= set(names(found["wrong"]))
    rows = {row["path"]: row for row in done(session, "look_again", limit=20)["rows"]}
    for row in found["wrong"][:3]:
        done(session, "remove_images", images=[rows[row["path"]]["id"]])
        done(session, "learn_again")

        answer = done(session, "predict_images", paths=[row["path"]])["pictures"][row["path"]]

        assert max(answer["classes"], key=answer["classes"].__getitem__) == row["likelier"]
        assert answer["classes"][row["class"]] == pytest.approx(row["probability"], abs=0.02)
        done(session, "undo")  # both: what was mended is learnt as a part of it


def test_each_stands_beside_the_nearest_image_of_the_likelier_class(session: Session) -> None:
    page = done(session, "look_again", limit=20)
    assert page["both_sides"]
    assert page["total"] == len(page["rows"]) == page["lists"]["wrong"]
    listed = {row["id"] for row in page["rows"]}
    for row in page["rows"]:
        assert row["beside"]["class"] == row["predicted"] != row["class"]
        assert row["beside"]["id"] not in listed


def test_what_is_like_no_other_comes_first_in_its_list(session: Session) -> None:
    found = done(session, "review")
    assert names(found["unlike"])[0] == ODD
    assert found["unlike"][0]["distance"] > 2.5
    assert found["images"] == 3 * COUNT + 1
    assert done(session, "look_again", order="unlike")["total"] == len(found["unlike"])
    assert len(done(session, "review", limit=1)["wrong"]) == 1


def test_what_is_kept_is_in_no_list_any_more_and_undo_asks_again(session: Session) -> None:
    before, path = done(session, "review"), str(session.require().path)
    (first, *_) = done(session, "look_again")["rows"]
    (odd,) = done(session, "look_again", order="unlike", limit=1)["rows"]
    done(session, "mend_images", images=[first["id"], odd["id"]])
    done(session, "open_project", path=path)

    after = done(session, "review")

    kept = {first["path"], odd["path"]}
    for name in ("wrong", "unlike"):
        assert after[name] == [row for row in before[name] if row["path"] not in kept]
    done(session, "undo")
    assert done(session, "review") == before


def test_lists_are_asked_for_by_name_and_after_learning(session: Session, tmp_path: Path) -> None:
    assert "There are: wrong, unlike." in refused(session, "look_again", order="right")
    assert "limit" in refused(session, "review", limit=-1)
    empty = {"path": str(tmp_path / "e.espalier"), "weights": str(weights(QUICK)), "size": SIZE}
    done(session, "new_project", **empty)
    assert done(session, "look_again")["total"] == 0
    assert "Nothing was learnt yet" in refused(session, "review")


def test_a_method_without_a_closed_form_judges_what_it_never_saw(session: Session) -> None:
    done(session, "learn", learner="tilda")
    found = done(session, "review")
    assert not found["both_sides"]
    assert found["images"] == sum(view.validation for view in session.view().classes)


# How they are ranked, and how far is too far.


def test_all_three_judges_say_in_which_order_a_review_lists(session: Session) -> None:
    again = finished(look_again.found(session))
    seen, row = again.judged, current(session.require())
    numbers = np.array(seen.answers.classes)[seen.truth]
    features = Features(session.require(), row["features_key"])
    by_all = finished(
        by_roots(Case(features, seen.hashes, numbers, seen.answers.classes, seen.logs))
    )
    said = np.mean((seen.logs, *by_all), axis=0, dtype=np.float64)
    np.testing.assert_array_equal(again.consensus, recalibrated(said, seen.truth))
    doubt, wrong = suspicion(again.consensus, seen.truth), again.lists["wrong"]
    doubt -= 0.25 * np.log(around(seen.z, seen.truth, np.arange(len(doubt))) + 0.01)
    assert (np.diff(doubt[wrong]) < 1e-9).all()
    listed = [row["path"] for row in done(session, "review")["wrong"]]
    shown = {row["id"]: row["path"] for row in done(session, "look_again", limit=99)["rows"]}
    assert listed == [shown[number] for number in seen.ids[wrong].tolist()]


def test_a_small_class_that_is_known_less_well_is_not_at_the_head() -> None:
    """Thirty images, two of them in doubt, and six of a class of which none is sure."""
    own = np.log(np.array([*[0.99] * 28, *[0.1] * 2, *[0.05] * 6]))
    truth = np.array([0] * 30 + [1] * 6)
    logs = np.log1p(-np.exp(np.stack([own, own], axis=1)))
    logs[np.arange(36), truth] = own
    assert set(np.argsort(own)[:6]) == set(range(30, 36)), "probabilities alone blame them"

    order = np.argsort(-suspicion(logs, truth), kind="stable")

    assert set(order[:2]) == {28, 29}


def test_what_lies_around_an_image_counts_less_the_farther_it_is() -> None:
    rng = np.random.default_rng(3)
    z = unit(rng.standard_normal((5000, 4)).astype(np.float32))
    truth, places = rng.integers(0, 3, len(z)), np.array([0, 17, 4500])
    for place, found in zip(places, around(z, truth, places), strict=True):
        others = np.arange(len(z)) != place
        weights = softmax(30 * z[others].astype(np.float64) @ z[place])
        assert found == pytest.approx(weights[truth[others] == truth[place]].sum(), rel=1e-4)


def test_of_two_in_equal_doubt_the_one_among_another_class_comes_first() -> None:
    """Two classes at right angles; of the last two images one lies with each, both said to be 0."""
    places = np.array([0] * 10 + [1] * 10 + [0, 1])
    z = unit(np.eye(2)[places] + 0.1 * np.random.default_rng(0).standard_normal((22, 2)))
    truth = np.array([0] * 10 + [1] * 10 + [0, 0])
    shares = np.where(np.eye(2)[truth] > 0, 0.99, 0.01)
    shares[20:] = [0.01, 0.99]
    logs, no, number = np.log(shares), np.zeros(22, bool), np.arange(22)
    answers = OwnAnswers((1, 2), {}, logs, truth, np.zeros(22), z, True)
    hashes = [str(n) for n in number]
    judged = Judged(answers, number, hashes, truth, logs, answers.far, z, no, no)
    assert Found(judged, logs).lists["wrong"].tolist() == [21, 20]
    doubted = logs.copy()
    doubted[20] = np.log([1e-4, 1 - 1e-4])
    assert Found(judged, doubted).lists["wrong"].tolist() == [20, 21]


class Drawn:
    """Features of 90 images in three classes, which differ in what is faint."""

    def __init__(self) -> None:
        rng = np.random.default_rng(2)
        self.numbers = np.repeat([3, 5, 8], 30)
        faint = np.repeat(np.eye(3) * 0.05 + 0.01, 30, axis=0)
        loud = rng.gamma(1.0, 1.0, (90, 5))
        x = np.concatenate([loud, faint * rng.gamma(2.0, 0.5, (90, 3))], axis=1)
        self.of = dict(zip(map(str, range(90)), x.astype(np.float32)[:, None], strict=True))

    def get(self, hashes: Sequence[str]) -> np.ndarray:
        return np.stack([self.of[sha256] for sha256 in hashes])


def test_those_that_look_at_roots_say_what_one_says_that_never_saw_the_image() -> None:
    drawn, logs = Drawn(), np.full((90, 3), np.log(1 / 3), np.float32)
    hashes, classes, y = list(drawn.of), (3, 5, 8), drawn.numbers.copy()
    y[4] = 5  # the fifth lies in a wrong class
    found, by_ridge = finished(by_roots(Case(drawn, hashes, y, classes, logs)))
    roots = unit(np.sqrt(drawn.get(hashes)[:, 0]))
    x = PCA(roots.shape[1]).fit_transform(roots)
    for i in (0, 4, 40, 77):
        rest = np.arange(90) != i
        others = LinearDiscriminantAnalysis(priors=[1 / 3] * 3).fit(x[rest], y[rest])
        assert found[i].argmax() == others.predict_log_proba(x[i : i + 1]).argmax()
    for said in (found, by_ridge):
        assert said[4].argmax() == 0
        assert said[4, 1] < np.log(0.25)


def test_ridge_on_roots_is_what_scikit_learn_fits_without_the_image() -> None:
    """Up to one temperature for all images, which turns what it says into probabilities."""
    drawn, logs = Drawn(), np.full((90, 3), np.log(1 / 3), np.float32)
    hashes, y, places = list(drawn.of), drawn.numbers, np.repeat(range(3), 30)
    _, found = finished(by_roots(Case(drawn, hashes, y, (3, 5, 8), logs)))
    roots = unit(np.sqrt(drawn.get(hashes)[:, 0].astype(np.float64)))
    x, targets = roots - roots.mean(axis=0), np.eye(3)[places]

    def without(i: int, penalty: float) -> np.ndarray:
        rest = np.arange(90) != i
        ridge = Ridge(alpha=penalty * (x**2).sum() / x.shape[1]).fit(x[rest], targets[rest])
        return ridge.predict(x[i : i + 1])[0]

    said = {p: np.stack([without(i, p) for i in range(90)]) for p in PENALTIES}
    best = said[min(said, key=lambda p: np.square(said[p] - targets).sum())]
    shapes = [table - table.mean(axis=1, keepdims=True) for table in (found, best)]
    scale = (shapes[0] * shapes[1]).sum() / np.square(shapes[1]).sum()
    np.testing.assert_allclose(shapes[0], scale * shapes[1], atol=2e-3 * abs(shapes[0]).max())
    assert scale == pytest.approx(1 / temperature(torch.from_numpy(best), torch.from_numpy(places)))


def test_of_a_class_with_one_image_the_model_alone_speaks() -> None:
    drawn, logs = Drawn(), np.log(np.full((90, 3), 1 / 3, np.float32))
    y = np.array([8, *np.repeat([3, 5], [45, 44])])
    for found in finished(by_roots(Case(drawn, list(drawn.of), y, (3, 5, 8), logs))):
        assert (found[0] == logs[0]).all()
        assert (found[:, 2] == logs[:, 2]).all()
        assert not np.isclose(found[1:, :2], logs[1:, :2]).all()
    alone = Case(drawn, list(drawn.of), np.full(90, 3), (3,), logs[:, :1])
    assert all((found == logs[:, :1]).all() for found in finished(by_roots(alone)))


def test_the_first_judge_says_what_the_model_would_had_it_learnt_what_is_held_out() -> None:
    drawn, hashes = Drawn(), [str(number) for number in range(90)]
    x, y, held = torch.from_numpy(drawn.get(hashes)), drawn.numbers, np.arange(90) % 4 == 0
    model, whole = StreamingLDA(), StreamingLDA(shrinkage=0.3)
    for judge, some in ((model, ~held), (whole, held | ~held)):
        new = {n: x[some & (y == n)] for n in (3, 5, 8)}
        for _ in judge.learn(Task(new, x[some], torch.from_numpy(y[some]))):
            pass
    memory = {**model.memory(), "shrinkage": np.array(0.3)}
    case = Case(drawn, hashes, y, (3, 5, 8), np.log(np.full((90, 3), 1 / 3, np.float32)))
    found = finished(with_held_out(case, model, memory, held))
    logits = whole.left_out(x, torch.from_numpy(y))
    heat = temperature(logits, torch.from_numpy(np.repeat(range(3), 30)))
    np.testing.assert_allclose(found, (logits / heat).log_softmax(dim=1), atol=1e-4)
    assert (finished(with_held_out(case, model, memory, held & False)) == case.logs).all()


def test_how_far_an_image_lies_is_what_is_found_without_it() -> None:
    """Beside scikit-learn's principal components and class means that never saw the image."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 6)) @ rng.standard_normal((6, 40)) + 3
    x = unit((x + 0.05 * rng.standard_normal(x.shape)).astype(np.float32))
    y, everyone = np.repeat(range(4), 15), np.ones(60, bool)
    sums = np.stack([x[y == c].sum(axis=0) for c in range(4)]).astype(np.float64)
    found = usual(x, sums)
    outside, away = found.parts(x, y, everyone, everyone)
    for i in range(0, 60, 7):
        rest = np.arange(60) != i
        means = np.stack([x[rest & (y == c)].mean(axis=0) for c in range(4)])
        cosines = means @ x[i] / np.linalg.norm(means, axis=1) / np.linalg.norm(x[i])
        assert away[i] == pytest.approx(1 - cosines.max(), abs=1e-5)
        plain, _ = found.parts(x[i : i + 1], y[i : i + 1], everyone[:1], ~everyone[:1])
        known = PCA(found.space.shape[1]).fit(x)
        back = known.inverse_transform(known.transform(x[i : i + 1]))
        assert plain[0] == pytest.approx(np.linalg.norm(x[i] - back), rel=0.02)
        less = PCA(found.space.shape[1]).fit(x[rest])
        left = np.linalg.norm(x[i] - less.inverse_transform(less.transform(x[i : i + 1])))
        assert abs(outside[i] - left) < abs(plain[0] - left), "nearer to what is found without it"
    wide = PCA(found.space.shape[1], whiten=True).fit_transform(x)
    np.testing.assert_allclose(found.whitened(x) @ found.whitened(x).T, cosine(wide), atol=1e-3)


def test_what_is_far_is_counted_in_deviations() -> None:
    spread = np.exp(np.random.default_rng(1).normal(2, 0.3, 4001))
    found = together(spread, spread)
    assert np.median(found) == 0
    assert found.std() == pytest.approx(1, abs=0.05)
    assert (found > 3.5).mean() < 0.001
    far = together(np.append(spread, 100.0), np.append(spread, 100.0))
    assert far[-1] == pytest.approx((np.log(100) - 2) / 0.3, rel=0.05)
    assert not together(np.zeros(0), np.zeros(0)).any()

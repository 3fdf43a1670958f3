"""Searchers on made-up networks whose accuracies and costs are known."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import BadSetting
from engine.models.supernet.architecture import uniform
from engine.models.supernet.space import WIDTH, Space
from engine.search.searchers import SEARCHERS, Problem
from engine.search.searchers.evolution import Evolution
from engine.search.searchers.fronts import best_of, crowding, evolved, on_front, ranks
from engine.search.searchers.predictor import Process, Ridge, fitted, size_of
from engine.search.searchers.prior import imagenet_guess, prior_for

SPACE = Space((64, 96, 128))


def costs(genes: np.ndarray) -> dict[str, np.ndarray]:
    """Each block costs by its kernel, expansion and place; all of it by the resolution."""
    codes = SPACE.encoded(genes)
    blocks = codes[:, :-1].reshape(len(genes), 20, 6)
    place = np.linspace(2, 1, 20)[None]
    each = (blocks[:, :, :3] @ [3, 4, 5] * (blocks[:, :, 3:] @ [3, 4, 6]) * place).sum(1)
    macs = each * codes[:, -1] ** 2
    return {"ms": 1 + macs / 100, "macs": macs}


def truth(genes: np.ndarray) -> np.ndarray:
    """Accuracy: every block helps, later ones more, kernels hardly; the resolution helps."""
    codes = SPACE.encoded(genes)
    blocks = codes[:, :-1].reshape(len(genes), 20, 6)
    place = np.linspace(0.5, 1.5, 20)[None]
    gain = ((blocks[:, :, :3] @ [0.8, 0.9, 1.0] + blocks[:, :, 3:] @ [0.6, 1, 1.3]) * place).sum(1)
    return 0.4 + 0.008 * gain + 0.15 * np.log(codes[:, -1])


def problem(limit: float | None = None, budget: int = 40, seed: int = 0) -> Problem:
    limits = {} if limit is None else {"ms": limit}
    return Problem(SPACE, costs, limits, budget, np.random.default_rng(seed))


def middle() -> float:
    ends = costs(SPACE.encode([SPACE.smallest(), SPACE.largest()]))["ms"]
    return float(ends[0] + 0.2 * (ends[1] - ends[0]))


def spent(name: str, given: Problem, **settings: object) -> np.ndarray:
    """Runs a searcher to its end and returns all rows that it wanted measured."""
    search = SEARCHERS.make(name, settings).search(given)
    wanted, seen = next(search, None), []
    while wanted is not None:
        seen.append(wanted)
        try:
            wanted = search.send(truth(wanted))
        except StopIteration:
            wanted = None
    return np.concatenate(seen)


NAMES = tuple(SEARCHERS)


@pytest.mark.parametrize("name", NAMES)
def test_a_searcher_spends_its_budget_on_different_networks_within_the_limits(name: str):
    rows = spent(name, problem(middle(), 40))
    assert len(rows) == 40
    assert len(np.unique(SPACE.encoded(rows), axis=0)) == 40
    assert (costs(rows)["ms"] <= middle()).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_is_the_same_search(name: str):
    one, two = (spent(name, problem(middle(), 20, seed=3)) for _ in range(2))
    other = spent(name, problem(middle(), 20, seed=4))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("share", [0.05, 0.3, 1.0])
def test_guessing_beats_four_times_as_many_random_networks(share: float):
    ends = costs(SPACE.encode([SPACE.smallest(), SPACE.largest()]))["ms"]
    limit = float(ends[0] + share * (ends[1] - ends[0]))
    found = [truth(spent("linas", problem(limit, 60, seed))).max() for seed in range(2)]
    random = [truth(spent("random", problem(limit, 240, seed))).max() for seed in range(2)]
    assert np.mean(found) > np.mean(random) - 0.005
    assert np.mean(found) > np.mean(random) or share == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_where_little_fits_a_searcher_still_ends(name: str):
    """Only the smallest networks keep this limit: resampling would hardly ever find one."""
    least = costs(np.zeros((1, WIDTH), np.uint8))["ms"][0]
    rows = spent(name, problem(float(least) * 1.02, 30))
    assert 1 <= len(rows) <= 30
    assert (costs(rows)["ms"] <= least * 1.02).all()


def test_what_nothing_can_meet_is_known_at_once():
    least = float(costs(np.zeros((1, WIDTH), np.uint8))["ms"][0])
    assert problem(least).smallest_fits()
    assert not problem(least * 0.99).smallest_fits()


def test_repair_changes_only_what_is_over_and_not_more_than_needed():
    given = problem(middle())
    rows = SPACE.random(500, np.random.default_rng(1))
    over = costs(rows)["ms"] > middle()
    fixed = given.repaired(rows)
    assert np.array_equal(fixed[~over], rows[~over])
    assert (costs(fixed)["ms"] <= middle()).all()
    assert (fixed <= rows).all()
    assert costs(fixed[over])["ms"].mean() > 0.8 * middle()


def test_several_limits_are_kept_together():
    limits = {"ms": middle(), "macs": 0.5 * 100 * (middle() - 1)}
    given = Problem(SPACE, costs, limits, 10, np.random.default_rng(0))
    rows = given.repaired(SPACE.random(200, np.random.default_rng(1)))
    assert (costs(rows)["macs"] <= limits["macs"]).all()


def test_a_front_is_what_no_other_beats():
    accuracy = np.array([0.5, 0.6, 0.6, 0.7, 0.4, 0.7])
    cost = np.array([1.0, 2.0, 3.0, 3.0, 2.0, 4.0])
    assert on_front(accuracy, cost).tolist() == [True, True, False, True, False, False]
    assert ranks(accuracy, cost).tolist() == [0, 0, 1, 0, 1, 1]
    rank = ranks(accuracy, cost)
    assert np.isinf(crowding(accuracy, cost, rank)[[0, 3]]).all()
    assert set(best_of(np.arange(6)[:, None], accuracy, cost, 3)) == {0, 1, 3}


def test_the_guessed_front_rises_and_keeps_the_limit():
    given = problem(middle())
    front = evolved(given, truth, given.sample(5))
    ms = costs(front)["ms"]
    assert (np.diff(ms) > 0).all()
    assert (np.diff(truth(front)) > 0).all()
    assert ms.max() <= middle()


def test_ridge_is_scikit_learns_and_finds_the_strength_by_leaving_one_out():
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 20))
    y = x @ rng.normal(size=20) + rng.normal(size=60)
    ours = Ridge(x, y)
    theirs = linear.RidgeCV(alphas=np.logspace(-3, 3, 25)).fit(x, y)
    assert np.allclose(ours(x), theirs.predict(x), atol=1e-6)


def test_the_process_is_scikit_learns():
    """The same guesses and deviations, with the strengths that it chose itself."""
    processes = pytest.importorskip("sklearn.gaussian_process")
    kernels = processes.kernels
    rng = np.random.default_rng(0)
    codes = SPACE.encoded(SPACE.random(50, rng))[:, :-1].astype(np.float64)
    answers = np.tanh(codes @ rng.normal(size=codes.shape[1])) + 0.1 * rng.normal(size=50)
    nothing = np.zeros((50, 1))
    ours = Process(codes[:40], nothing[:40], answers[:40])
    _, blocks, alike = ours.strengths
    kernel = (
        kernels.ConstantKernel(alike * ours.noise) * kernels.RBF(ours.reach)
        + kernels.ConstantKernel(max(blocks, 1e-12) * ours.noise / 20) * kernels.DotProduct(1e-6)
        + kernels.WhiteKernel(ours.noise)
    )
    theirs = processes.GaussianProcessRegressor(kernel, alpha=0, optimizer=None)
    theirs.fit(codes[:40], answers[:40] - answers[:40].mean())
    guess, deviation = ours(codes[40:], nothing[40:])
    expected, spread = theirs.predict(codes[40:], return_std=True)
    np.testing.assert_allclose(guess - answers[:40].mean(), expected, atol=1e-6)
    np.testing.assert_allclose(np.square(deviation) + ours.noise, np.square(spread), rtol=1e-6)


def test_the_process_is_sure_beside_what_it_knows():
    rng = np.random.default_rng(0)
    rows = SPACE.random(40, rng)
    near, far = SPACE.mutated(rows, rng, 0.02), SPACE.random(200, rng)

    def described(genes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        codes = SPACE.encoded(genes)
        return codes[:, :-1].astype(np.float64), 4 * np.log(costs(genes)["macs"])[:, None]

    process = Process(*described(rows), truth(rows))
    assert process(*described(near))[1].mean() < 0.7 * process(*described(far))[1].mean()
    guessed = process(*described(far))[0]
    assert np.corrcoef(guessed, truth(far))[0, 1] > 0.9


def test_a_guess_from_few_measurements_orders_networks():
    given = problem(None)
    known = given.sample(40)
    known = np.concatenate([known, SPACE.random(20, np.random.default_rng(5))])
    guess = fitted(SPACE, known, truth(known), size_of(given))
    rows = SPACE.random(500, np.random.default_rng(9))
    assert np.corrcoef(guess(rows), truth(rows))[0, 1] > 0.9


def test_what_was_published_of_the_official_network():
    """Three rows of the published list: kernels, expansions, depths, and ImageNet top 1."""
    space = Space((224,))
    largest, small = uniform(224, 7, 6, 4), uniform(224, 3, 3, 2)
    guess = imagenet_guess(space)(space.encode([largest, small]))
    assert guess[0] > 0.77
    assert 0.68 < guess[1] < 0.73
    assert prior_for("embedded", space) is None
    assert prior_for("ofa_w10", space) is not None


def test_a_prior_is_used_before_anything_is_measured():
    given = problem(middle(), 20)
    given.prior = truth
    with_prior = spent("linas", given)[:6]
    assert truth(with_prior).max() > truth(spent("linas", problem(middle(), 20))[:6]).max()


def test_settings_out_of_range_are_refused():
    with pytest.raises(BadSetting, match="Rounds"):
        SEARCHERS.make("linas", {"rounds": 0})
    with pytest.raises(BadSetting, match="searcher"):
        SEARCHERS.make("magic")


def test_evolution_improves_on_its_first_generation():
    given = problem(middle())
    short = Evolution(generations=1).evolve(given, truth)[0]
    long = Evolution(generations=60).evolve(problem(middle()), truth)[0]
    assert truth(long[None]) > truth(short[None])

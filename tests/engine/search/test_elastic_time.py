"""How long networks take says which are narrowed: the project's own, and others that are here."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from engine.events import Candidate, Notice, Progress
from engine.learners import LEARNERS, Learner, Task
from engine.learning.comparison import Measured
from engine.models.backbone import Backbone
from engine.models.backbones import untrained
from engine.search.elastic import bench, networks, search
from engine.session import Session
from tests.helpers.elastic import (
    NETWORK,
    OTHER,
    SIZE,
    at_an_even_pace,
    done,
    folders,
    learnt,
    ms_of,
    quick,
    session,
)

__all__ = ["folders", "learnt", "quick", "session"]  # fixtures
pytestmark = pytest.mark.usefixtures("one_thread")
SMALL, LARGE = SIZE, 2 * SIZE


@pytest.fixture
def even_pace() -> Iterator[None]:
    with at_an_even_pace():
        yield


@pytest.mark.usefixtures("even_pace")
def test_torchvisions_networks_stand_beside_it_from_the_start(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one here, which comes along, at lower sizes; the project's own at all of them."""
    monkeypatch.setattr(networks, "LANDMARKS", (NETWORK, OTHER, "mobilenet_v2"))
    monkeypatch.setattr(networks, "LOWER", (SMALL, LARGE))
    monkeypatch.setattr(networks, "RESOLUTIONS", (SMALL, LARGE))
    done(session, "make_elastic")
    found, _ = done(session, "candidates")
    assert {row["architecture"] for row in found["rows"]} == {
        *(f"{NETWORK} {size}" for size in (SMALL, LARGE)),
        *(f"{OTHER} {size}" for size in (SMALL, LARGE)),
    }


@pytest.mark.usefixtures("even_pace")
def test_another_network_is_narrowed_where_that_may_win_and_takes_the_projects_place(
    session: Session,
) -> None:
    """EfficientNet-Lite0 as a whole is fast enough at few pixels only; narrower it is at more."""
    own = session.backbone()
    target = 0.7 * ms_of(untrained(OTHER, LARGE))

    result, events = done(
        session, "specialise", latency_ms=target, resolutions=[SMALL, LARGE], use=True
    )

    tried = {e.architecture for e in events if isinstance(e, Candidate)}
    narrower = [text for text in tried if text.startswith(f"{OTHER} {LARGE}: ")]
    assert narrower
    assert f"{OTHER} {SMALL}" in tried
    assert result["architecture"] in narrower
    assert result["measured_ms"]["p50"] <= target
    assert session.network_title() == "EfficientNet-Lite0, narrower"
    found, _ = done(session, "candidates")
    assert found["in_use"] == result["architecture"]
    again, events = done(session, "specialise", latency_ms=target, resolutions=[SMALL, LARGE])
    assert again["architecture"] == result["architecture"]
    assert not any("elastic" in e.doing for e in events if isinstance(e, Progress))

    done(session, "undo")

    assert session.backbone().digest == own.digest


@pytest.mark.usefixtures("even_pace")
def test_no_other_network_is_narrowed_where_its_whole_form_is_fast_enough(session: Session) -> None:
    target = 1.01 * ms_of(untrained(OTHER, LARGE))
    _, events = done(session, "specialise", latency_ms=target, resolutions=[SMALL, LARGE])
    tried = {e.architecture for e in events if isinstance(e, Candidate)}
    assert f"{OTHER} {LARGE}" in tried
    assert not any(text.startswith(f"{OTHER} {LARGE}:") for text in tried)


def test_images_learnt_from_judge_as_if_they_had_not_been() -> None:
    rng = np.random.default_rng(0)
    classes = np.repeat([3, 8], 12)
    x = torch.from_numpy(rng.normal(size=(24, 1, 4)) + 0.8 * (classes == 8)[:, None, None]).float()

    def learnt(rows: list[int]) -> Learner:
        made = LEARNERS.make("ncm")
        new = {n: x[[r for r in rows if classes[r] == n]] for n in (3, 8)}
        *_, _ = made.learn(Task(new, x[rows], torch.from_numpy(classes[rows])))
        return made

    rows = list(range(24))
    without = [learnt([r for r in rows if r != out]).answers(x[[out]])[0] for out in rows]
    expected = float(np.mean(np.array(without) == classes))
    assert bench.left_out(learnt(rows), x, classes) == {"left_out": pytest.approx(expected)}
    assert expected < float((learnt(rows).answers(x) == classes).mean())


def test_a_network_is_timed_again_where_other_work_spoilt_it(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([(3.0, 1.0), (1.1, 1.0), (9.0, 1.0)])
    monkeypatch.setattr(
        bench.timing, "time_network", lambda *_: dict(zip(("p50", "low"), next(times), strict=True))
    )
    made = bench.Bench(session.require())
    assert made.only_timed(untrained(NETWORK, SIZE)) == {made.device: {"p50": 1.1, "low": 1.0}}


def test_time_is_told_by_a_line_between_a_faster_and_a_slower_network() -> None:
    """What is to be predicted where networks that were predicted to take 1.2 and 1.7 ms took 0.9
    and 1.65; before that, all of the error is in what has no choice."""
    assert search.predicted_for(1.2, [(1.2, 0.9)]) == pytest.approx(1.5)
    assert search.predicted_for(1.2, [(1.2, 0.9), (1.7, 1.65)]) == pytest.approx(1.4)
    assert search.predicted_for(1.2, [(1.2, 0.9), (1.7, 1.65), (1.3, 1.0)]) == pytest.approx(
        1.3 + 0.4 * 0.2 / 0.65
    )


@pytest.mark.usefixtures("even_pace")
def test_a_network_that_other_work_slowed_down_is_told_and_timed_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those at more pixels take three times as long by other work, but not at their fastest."""
    target, quiet, slow = 0.9 * ms_of(untrained(NETWORK, LARGE)), bench.Bench.only_timed, [3.0]

    def busy(made: bench.Bench, network: Backbone) -> dict[str, dict[str, float]]:
        (timed,) = quiet(made, network).values()
        late = slow[0] if network.preprocessing.size == LARGE else 1.0
        return {made.device: {**timed, "p50": late * timed["p50"]}}

    monkeypatch.setattr(bench.Bench, "only_timed", busy)
    monkeypatch.setattr(
        bench.Bench, "timed", lambda made, extractor: busy(made, extractor.backbone)
    )
    # Of equally accurate networks the one that is known to be better is told.
    monkeypatch.setattr(bench, "scored", lambda *_: Measured(0.8, {}))
    monkeypatch.setattr(bench, "left_out", lambda *_: {})
    limits = {"latency_ms": target, "resolutions": [SMALL, LARGE]}
    first, events = done(session, "specialise", **limits)
    assert first["architecture"] == f"{NETWORK} {SMALL}"
    said = [e.text for e in events if isinstance(e, Notice)]
    assert any("pixels, " in text and "stop it and search again" in text for text in said)
    slow[0] = 1.0

    found, events = done(session, "specialise", **limits)

    assert found["architecture"].startswith(f"{NETWORK} {LARGE}: ")
    assert 0.8 * target < found["measured_ms"]["p50"] <= target
    said = [e.text for e in events if isinstance(e, Notice)]
    assert not any("search again" in text for text in said)

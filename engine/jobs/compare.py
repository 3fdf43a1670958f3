"""The job that compares strategies on a project's own images."""

from __future__ import annotations

from collections.abc import Sequence

from engine.events import Work
from engine.jobs import job
from engine.results.compare import Study
from engine.session import Session
from engine.training.study.plan import planned
from engine.training.study.run import carried_out

SHARES = (10.0, 25.0, 50.0, 100.0)


@job("Comparing strategies")
def compare(
    session: Session,
    *,
    strategies: Sequence[str] = (),
    epochs: float = 0,
    seed: int = 0,
    shares: Sequence[float] = SHARES,
) -> Work[Study]:
    """Which way to a classifier is best on the project's images: frozen features with each learner,
    fine-tuning, from scratch and others, all on the same split, with the same seed and epochs.

    `strategies` are their names, none for all; `epochs` 0 takes those that suit the number of
    images; `shares` are those of a learning curve, in per cent. Nothing of the project changes.
    What was measured is kept, so that a study that was stopped goes on where it was.
    """
    plan = yield from planned(session, strategies, epochs, seed, shares)
    return (yield from carried_out(session, plan))

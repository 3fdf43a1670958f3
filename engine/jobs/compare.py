"""Jobs of the Compare page: strategies on a project's own images, side by side, and one of them
used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.events import Progress, Work
from engine.jobs import job
from engine.results.compare import (
    Asked,
    LastStudy,
    MoreOfClass,
    RowUsed,
    SideBySide,
    SideChoices,
    Study,
    StudyChoices,
    StudyDropped,
    StudyEstimate,
)
from engine.search.elastic.by_work import can_be_narrowed, narrowed_to
from engine.session import Session
from engine.storage import catalogue
from engine.training.presets import preset_of
from engine.training.study import answered, one_class, record, using
from engine.training.study import side_by_side as beside
from engine.training.study.budget import foretold, within_seconds
from engine.training.study.narrowing import Narrower
from engine.training.study.plan import drafted, here, planned
from engine.training.study.run import carried_out, tidied, with_last
from engine.training.study.strategies import every_strategy, presets

SHARES = (10.0, 25.0, 50.0, 100.0)
NARROWER = Narrower(can_be_narrowed, narrowed_to)
"""Training does not know what narrows networks."""


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """`strategies` are their names, none for all; `epochs` 0 takes those that suit the number of
    images, `seconds` as many as fit in them for each strategy; `shares` are those of a learning
    curve, in per cent, which closed forms have, and with `every_curve` all rows. Rows of the last
    study with the same images, seed and budget stay in the table, but not `anew`."""

    strategies: Sequence[str] = ()
    epochs: float = 0
    seconds: float = 0
    seed: int = 0
    shares: Sequence[float] = SHARES
    every_curve: bool = False
    anew: bool = False

    def plain(self) -> Asked:
        return {
            "strategies": list(self.strategies),
            "epochs": float(self.epochs),
            "seconds": float(self.seconds),
            "seed": self.seed,
            "shares": [float(share) for share in self.shares],  # 100 is named unlike 100.0
            "every_curve": self.every_curve,
        }


@job("Comparing strategies")
def compare(session: Session, *, asked: StudySettings) -> Work[Study]:
    """Which way to a classifier is best on the project's images: frozen features with each learner,
    fine-tuning, from scratch and others, all on the same split, with the same seed and budget.

    Nothing of the project changes. What was measured is kept, so that a study that was stopped goes
    on where it was.
    """
    plan = yield from planned(session, asked.plain(), NARROWER)
    plan = plan if asked.anew else with_last(session, plan)
    return (yield from carried_out(session, plan))


@job("Use what a study found")
def use_row(session: Session, *, name: str) -> Work[RowUsed]:
    """Goes on with the way of a row of the last study: its network and its learner become the
    project's, and all classes are learnt with them, as one gesture that can be undone."""
    return (yield from using.used(session, name, NARROWER))


@job("Drop the study")
def drop_study(session: Session) -> Work[StudyDropped]:
    """Forgets the last study, what is left of a row in the middle, and networks that it made. Rows
    that were measured stay, so that to ask for them again costs nothing."""
    project = session.require()
    project.check_writable()
    yield Progress(0, None, "Tidying up")
    tidied(project)
    record.forget(project)
    return {"dropped": True}


@job("Read the last study", reads=True)
def last_study(session: Session) -> Work[LastStudy]:
    """The last study as it stands, one that was stopped or killed too."""
    yield Progress(0, None, "Reading")
    return record.last(session.require())


@job("List the strategies", reads=True)
def study_choices(session: Session) -> Work[StudyChoices]:
    """All strategies that can be compared here, some of them by one name, and the usual budget."""
    yield Progress(0, None, "Reading")
    project = session.require()
    images = sum(map(len, catalogue.to_learn(project).train.values()))
    there, learner = here(session, NARROWER), project.facts["learner"]
    return {
        "strategies": every_strategy(there),
        "presets": presets(learner, there),
        "epochs": preset_of("thorough", images)[2]["epochs"],
    }


@job("Estimating the time of a study", reads=True)
def estimate_study(session: Session, *, asked: StudySettings) -> Work[StudyEstimate]:
    """About how long `compare` with the same arguments takes. Nothing is written."""
    split = catalogue.to_learn(session.require())
    plan = drafted(session, asked.plain(), NARROWER, split)
    plan = yield from within_seconds(session, plan, writes=False)
    missing = [cell for cell in plan.cells() if plan.kept(cell) is None]
    total, rows, left_out = yield from foretold(session, plan, missing)
    return {"seconds": total, "rows": len(plan.chosen), "missing": rows, "left_out": left_out}


@job("List what can be put side by side", reads=True)
def side_choices(session: Session) -> Work[SideChoices]:
    """The model in use, the rows of the last study, runs of tuning and earlier steps."""
    yield Progress(0, None, "Reading")
    return {"choices": answered.choices(session.require())}


@job("Looking at two models", reads=True)
def side_by_side(
    session: Session, *, first: str, second: str, part: str = "first", limit: int = 200
) -> Work[SideBySide]:
    """Two models, named as `side_choices` does, on the same held-out images: how often they agree,
    and the images that the `first`, the `second`, `neither` or `both` have right."""
    yield Progress(0, None, "Reading")
    return (yield from beside.side_by_side(session, (first, second), part, limit))


@job("Looking at what more images would bring", reads=True)
def more_of_class(session: Session, *, name: str, images: int | None = None) -> Work[MoreOfClass]:
    """What `images` more of one class would bring to it, by a learning curve of it alone; without
    a number 100, or as many as the curve reaches."""
    return (yield from one_class.more_of_class(session, name, images))

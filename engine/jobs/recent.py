"""The jobs that say and choose which images are learnt where older ones are out of date."""

from __future__ import annotations

from engine.events import Progress, Work
from engine.jobs import job
from engine.learning import step
from engine.results.learn import RecentSet
from engine.session import Session
from engine.storage import catalogue
from engine.storage.project import Project
from engine.storage.recent import Recent


@job("Look at which images are learnt", reads=True)
def recent(session: Session) -> Work[RecentSet]:
    """Which images the project learns."""
    yield Progress(0, None, "Reading")
    return said(session.require())


@job("Learn only recent images")
def set_recent(session: Session, *, images: int = 0, days: float = 0.0) -> Work[RecentSet]:
    """Learns the last `images` of each class, or those of the last `days` before the newest; 0 and
    0: all. What falls out is unlearnt exactly, its images stay, and one undo takes it back.

    Every learner bears it: those that can't take single images out learn the class anew.
    """
    project, wanted = session.require(), Recent(images, float(days))
    if wanted.text == project.facts["recent"]:
        return said(project)
    title = "Learn only recent images" if wanted else "Learn images of any age"
    with project.gesture(title, all_or_nothing=True) as gesture:
        with project.transaction(gesture):
            project.set_facts(recent=wanted.text)
        scores = yield from step.follow_up(session, gesture, title)
    yield session.changed("recent")
    found = said(project)
    if scores is not None:
        found["accuracy"] = scores["accuracy"]
    return found


def said(project: Project) -> RecentSet:
    wanted = Recent.parse(project.facts["recent"])
    learnt = sum(map(len, catalogue.to_learn(project).train.values()))
    every = sum(map(len, catalogue.of_any_age(project).train.values()))
    return {
        "images": wanted.images,
        "days": wanted.days,
        "learnt": learnt,
        "old": every - learnt,
        "formula": wanted.formula,
    }

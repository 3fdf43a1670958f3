"""Jobs that say which learnt images are to be looked at again."""

from __future__ import annotations

from engine.errors import BadSetting, Refused
from engine.events import Progress, Work
from engine.jobs import job
from engine.learning import look_again as again
from engine.learning.look_again import LISTS
from engine.results.learn import AnsweredImages
from engine.results.review import Review
from engine.session import Session


@job("Look again", reads=True)
def look_again(session: Session, *, order: str = "wrong", limit: int = 60) -> Work[AnsweredImages]:
    """Learnt images to look at again, the worst first: those whose class may be "wrong", or those
    "unlike" all others. Each comes with the one to compare it with. Those that a person keeps are
    not asked about again."""
    if order not in LISTS:
        raise BadSetting(f"There is no list “{order}”. There are: {', '.join(LISTS)}.")
    yield Progress(0, None, "Looking at images")
    found = yield from again.found(session, rank=limit > 0)
    if found is None:
        return {"total": 0, "rows": [], "both_sides": True, "lists": {}}
    return {
        "total": len(found.lists[order]),
        "rows": (yield from again.shown(session, found, order, limit)),
        "both_sides": found.judged.answers.both_sides,
        "lists": found.counts,
    }


@job("Review learnt images", reads=True)
def review(session: Session, *, limit: int = 0) -> Work[Review]:
    """Both lists by path; all of them where `limit` is 0."""
    if limit < 0:
        raise BadSetting("The limit is 0, for all images, or more.")
    yield Progress(0, None, "Looking at images")
    found = yield from again.found(session)
    if found is None:
        raise Refused("Nothing was learnt yet. Learn folders of images first.")
    return (yield from again.in_full(session, found, limit))

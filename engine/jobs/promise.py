"""The jobs of a promise: what share of the answers may be wrong, and what that costs."""

from __future__ import annotations

from engine.errors import BadSetting, Refused
from engine.events import Progress, Work
from engine.jobs import job
from engine.learning import promising
from engine.results.learn import PromiseSet, PromiseView
from engine.session import Session

OFFERED = (0.01, 0.02, 0.05)
LARGEST = 0.5


@job("Look at the promise", reads=True)
def promise(session: Session) -> Work[PromiseView]:
    """What the project promises, what other promises would give, and risk against coverage."""
    model, project = session.model(), session.require()
    yield Progress(0, None, "Judging answers")
    found = promising.kept_evidence(session, model)
    rate = float(project.facts["promise"])
    own = promising.made(model, found, rate) if rate else None
    return {
        "rate": rate,
        "images": len(found),
        "now": [promising.told(found, own)] if own else [],
        "choices": [promising.told(found, promising.made(model, found, r)) for r in OFFERED],
        "classes": promising.by_class(model, found, own) if own else [],
        "curve": promising.curve(found),
    }


@job("Promise how many answers are wrong at most")
def set_promise(session: Session, *, rate: float) -> Work[PromiseSet]:
    """At most the share `rate` of the answers that are given may be wrong, CERTAIN of it; what is
    less sure is "not sure". 0: every answer is given. Raises Refused where the test images can't
    show it."""
    project = session.require()
    if not (rate == 0 or 0.0001 <= rate <= LARGEST):
        raise BadSetting(
            f"A promise lies between 0.01 and {100 * LARGEST:g} %, and {100 * rate:g} % does not. "
            "0 takes it away."
        )
    project.check_writable()
    said = "Every answer is given; nothing is promised."
    if rate:
        model = session.model()
        yield Progress(0, None, "Judging answers")
        found = promising.kept_evidence(session, model)
        kept = promising.told(found, promising.made(model, found, rate))
        said = kept["said"]
        if not kept["kept"]:
            raise Refused(f"{said} The promise stays as it was.")
    if rate != project.facts["promise"]:
        title = f"Promise at most {100 * rate:g} % wrong" if rate else "Promise nothing"
        with project.gesture(title) as gesture, project.transaction(gesture):
            project.set_facts(promise=rate)
        yield session.changed("promise")
    return {"rate": rate, "said": said}

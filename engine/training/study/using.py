"""A row of a study is used: the project goes on with what the row measured, as one gesture."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from engine.errors import Refused
from engine.events import Event, Work
from engine.learning import step, subnet
from engine.learning.material import choice
from engine.models.growth import growth_of
from engine.models.provenance import facts_in, origin_of
from engine.models.tuned import TUNED
from engine.results.compare import Asked, LastStudy, RowUsed, StudyRow
from engine.session import Session
from engine.training.adopt import keep_blob, keep_origin
from engine.training.study import record
from engine.training.study.budget import within_seconds
from engine.training.study.narrowing import Narrower
from engine.training.study.networks import features_with, other_network, supernet_with
from engine.training.study.plan import WHOLE, Cell, StudyPlan, planned
from engine.training.study.rows import measured, network_of
from engine.training.study.run import USELESS
from engine.training.study.strategies import architecture_of

CHANGED = {
    "network": "The project's network is another one since this study. Undo that, or start anew.",
    "images": "The project's images changed since this study. Start it anew first.",
}
NONE = "The last study has no row “{}”. Start one with it."


def used(session: Session, name: str, narrower: Narrower) -> Work[RowUsed]:
    """Makes a row's network and learner the project's, and learns all classes with them.

    A network that is not kept any more is trained again first. Raises Refused.
    """
    project = session.require()
    project.check_writable()
    row, asked = usable(record.last(project), name)
    plan = yield from planned(session, {**asked, "strategies": [name]}, narrower)
    plan = yield from within_seconds(session, plan)
    cell = next(c for c in plan.cells() if c.share == WHOLE and c.strategy.name == name)
    told: RowUsed = {
        "name": name,
        "title": cell.strategy.title,
        "accuracy": row["accuracy"],
        "already": is_used(session, plan, cell),
    }
    if told["already"]:
        return told
    facts = yield from network_facts(session, plan, cell)
    title = f"Use {cell.strategy.title}"
    with project.gesture(title, all_or_nothing=True) as gesture:
        if cell.strategy.subnet:
            wanted = architecture_of(cell.strategy, session.backbone().preprocessing.size)
            inside = supernet_with(session, cell.strategy, wanted)
            yield from subnet.use_subnet(session, gesture, wanted, inside)
            yield session.changed("backbone")
        if facts:
            with project.transaction(gesture):
                project.set_facts(**facts, step=None)
            yield session.changed("backbone")
        learnt = yield from step.learn(session, gesture, *learner_of(plan, cell), title)
    yield session.changed("learnt")
    return {**told, "accuracy": learnt["accuracy"]}


def usable(last: LastStudy, name: str) -> tuple[StudyRow, Asked]:
    """The row of that name, and what its study was asked for. Raises Refused where it can't be
    used."""
    rows = last["study"]["rows"] if last["study"] else []
    row = next((row for row in rows if row["name"] == name), None)
    if row is None or last["asked"] is None:
        raise Refused(NONE.format(name))
    if last["changed"]:
        raise Refused(CHANGED[last["changed"]])
    if row["useless"]:
        raise Refused(USELESS)
    return row, last["asked"]


def is_used(session: Session, plan: StudyPlan, cell: Cell) -> bool:
    """Whether the model in use is a row's already: to learn it once more would bring the same."""
    own = plan.is_own(cell.strategy) and learner_of(plan, cell) == choice(plan.project)
    return own and all(view.learnt for view in session.view().classes)


def learner_of(plan: StudyPlan, cell: Cell) -> tuple[str, dict[str, Any]]:
    return cell.learner, dict(cell.settings["learner"])


def network_facts(
    session: Session, plan: StudyPlan, cell: Cell
) -> Generator[Event, None, dict[str, Any]]:
    """What changes of the project's network; nothing where it stays."""
    project, strategy = plan.project, cell.strategy
    if strategy.part:
        found = yield from plan.narrower.narrowed(session, strategy.part)
        for blob in found.keeps:
            keep_blob(project, blob, "the network that a narrower one was made of")
        return {**found.facts, "weights": project.blobs.put(found.content)}
    if strategy.subnet:
        return {"features": features_with(session, strategy)}  # the rest goes with the subnet
    if strategy.network and not strategy.tuner:
        net = yield from other_network(session, plan, strategy)
        size, kind = net.preprocessing.size, growth_of(net).features
        return {"backbone": net.name, "weights": "", "size": size, "features": kind}
    if not strategy.tuner:
        return {}
    path = network_of(plan, cell)
    if not path.exists():
        yield from measured(session, plan, cell)
    content = path.read_bytes()
    origin = origin_of(facts_in(content))
    keep_origin(project, origin)
    weights = project.blobs.put(content)
    return {"backbone": TUNED, "weights": weights, "size": origin.size}

"""The project's network narrowed to a part of its work: no timing, so alike on all computers."""

from __future__ import annotations

from engine.errors import Refused, UnusableWeights
from engine.events import Progress, Work
from engine.models.elastic.architecture import ElasticArchitecture
from engine.models.elastic.costs import work_of
from engine.models.elastic.passes import allotted
from engine.search.elastic import folding, networks, using
from engine.search.elastic.bench import Bench
from engine.search.elastic.choice import Choice
from engine.session import Session


def can_be_narrowed(session: Session) -> bool:
    """Whether the project's network has blocks that can be made narrower."""
    try:
        networks.root_of(session)
    except (Refused, UnusableWeights):
        return False
    return True


def narrowed_to(session: Session, part: float) -> Work[using.Found]:
    """The form of the project's network, as it was before it was narrowed, with a `part` of its
    multiplications that loses least by what was measured on the project's images. Raises Refused.
    """
    yield Progress(0, None, "Reading the network")
    root, bench = networks.root_of(session), Bench(session.require())
    size = session.backbone().preprocessing.size
    choice = Choice(bench, root, {root.backbone: root}, (size,), {}, 0)
    calibration = yield from folding.calibrated(bench, root)
    assert calibration is not None
    costs = work_of(networks.network_of(bench.project, root, size))
    budget = part * costs.total({}) - costs.rest
    shares = allotted(calibration.errors, costs.of, budget)
    wanted = ElasticArchitecture.of(root.backbone, size, list(shares.values()))
    return (yield from using.found(choice, wanted))

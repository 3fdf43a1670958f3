"""The network that a row looks with, where it is another one than the project's."""

from __future__ import annotations

from collections.abc import Generator

from engine.errors import BadSetting
from engine.events import Event
from engine.learning import subnet
from engine.models.backbone import Backbone, digest_of
from engine.models.backbones import load_backbone, load_supernet, subnet_backbone, usual_features
from engine.models.features import with_features
from engine.models.provenance import Origin
from engine.models.supernet.architecture import Architecture
from engine.models.supernet.files import subnet_bytes
from engine.models.supernet.supernet import Supernet
from engine.session import Session
from engine.training.study.plan import StudyPlan
from engine.training.study.strategies import Strategy, architecture_of


def other_network(
    session: Session, plan: StudyPlan, strategy: Strategy
) -> Generator[Event, None, Backbone]:
    """A network that looks at images as large as the project's does, where it can."""
    if strategy.part:
        return (yield from plan.narrower.narrowed(session, strategy.part)).backbone
    size = session.backbone().preprocessing.size
    kind = features_with(session, strategy)
    if strategy.subnet:
        wanted = architecture_of(strategy, size)
        supernet, origin = supernet_with(session, strategy, wanted)
        network = yield from subnet.settled(session.require(), supernet, wanted)
        return with_features(subnet_backbone(subnet_bytes(network, wanted, origin)), kind)
    try:
        return load_backbone(strategy.network, None, size, kind)
    except BadSetting:
        return load_backbone(strategy.network, None, 0, kind)


def features_with(session: Session, strategy: Strategy) -> str:
    """Which features are learnt from: of another network its usual ones."""
    own: str = session.require().facts["features"]
    return usual_features(strategy.network) if strategy.network else own


def supernet_with(
    session: Session, strategy: Strategy, wanted: Architecture
) -> tuple[Supernet, Origin]:
    """The once-for-all network that holds a subnet: another one, or the project's own."""
    if not (name := strategy.network):
        return session.supernet()
    supernet, licence = load_supernet(name, None)
    digest = digest_of(supernet.state_dict())
    return supernet, Origin(name, "", wanted.resolution, digest, licence)

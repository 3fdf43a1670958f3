"""Backbones: pretrained networks by name, or recognised in a file of weights."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from engine.errors import Refused, UnusableWeights
from engine.events import Progress
from engine.models.backbone import Backbone
from engine.models.backbones import (  # in the order of the window's list
    efficientnet_lite,
    embedded,
    once_for_all,
    torchvision_mobile,
    torchvision_residual,
    torchvision_transformer,
)
from engine.models.backbones.base import BACKBONES, Network, State
from engine.models.backbones.once_for_all import (
    OWN,
    OnceForAll,
    fit_of,
    is_supernet,
    load_supernet,
    network_for,
)
from engine.models.backbones.timm_any import GET, PREFIX, Timm, has_timm, timm_names
from engine.models.elastic.architecture import is_trained
from engine.models.features import with_features
from engine.models.growth import POOLED, Growth
from engine.models.tuned import TUNED, load_tuned
from engine.models.weights import Fit, read_weights, recognise
from engine.registry import PluginView
from engine.system.device import one_thread

__all__ = [
    "BACKBONES",
    "FIRST_CHOICE",
    "OWN",
    "SUBNET",
    "TUNED",
    "Network",
    "describe_backbones",
    "download_weights",
    "efficientnet_lite",
    "embedded",
    "find_timm",
    "has_timm",
    "holds_many",
    "is_supernet",
    "load_backbone",
    "load_supernet",
    "more_networks",
    "once_for_all",
    "subnet_backbone",
    "title_of",
    "torchvision_mobile",
    "torchvision_residual",
    "torchvision_transformer",
    "tuned_backbone",
    "untrained",
    "usual_features",
]

SUBNET = "subnet"
"""The name of the backbone of a project that uses a subnet; its weights are a blob."""
FEW = 8
"""So many networks of timm are built, at most, to say how large their files are."""
TITLES = {SUBNET: "Subnet", TUNED: "Tuned network", OWN: "Supernet of one's own"}
"""Of backbones that are known by no list."""
FIRST_CHOICE = "efficientnet_lite0"
"""What a new project takes."""


def describe_backbones() -> tuple[PluginView, ...]:
    """All backbones for a list, with their facts (see Network.facts)."""
    return tuple(
        replace(view, facts={**network.facts(), "many_sizes": network.many_sizes})
        for view in BACKBONES.describe()
        for network in (BACKBONES.make(view.name),)
    )


def more_networks() -> str:
    """What there is beside the list, in one sentence."""
    if has_timm():
        return "Any of timm's networks can be used as well: find it by its name."
    return f"More than a thousand networks of timm can be used as well, with an extra: {GET}."


def find_timm(words: str) -> Iterator[PluginView]:
    """timm's networks with all the words in their names, for a list; sizes only of a FEW.

    Raises Refused where timm is not installed.
    """
    wanted = words.lower().split()
    names = [name for name in timm_names() if all(word in name.lower() for word in wanted)]
    for name in names:
        network = Timm(name)
        if network.usable:
            facts = network.facts() if len(names) <= FEW else network.quick_facts()
            yield PluginView(name, name, network.help, (), {**facts, "many_sizes": False})


def network_named(name: str) -> Network:
    """A network of the list, or one of timm's. Raises BadSetting, or Refused without timm."""
    return Timm(name) if name.startswith(PREFIX) else BACKBONES.make(name)


def title_of(name: str, facts: Mapping[str, object] | None = None) -> str:
    """What a person calls a backbone; a name that nobody knows stays as it is.

    `facts` are the backbone's own: a tuned one is called by what it began as.
    """
    began = str((facts or {}).get("origin_backbone", ""))
    if name.split(" ")[0] == TUNED and began and facts:
        narrower = ", narrower" if Growth.parse(str(facts["growth"])).narrowed else ""
        whole, form = str(facts.get("whole", "")), str(facts.get("architecture", ""))
        tuned = ", tuned" if not whole or TUNED in whole else ""
        trained = ", trained" if is_trained(form) else ""
        return f"{title_of(began)}{narrower}{trained}{tuned}"
    return BACKBONES[name].title if name in BACKBONES else TITLES.get(name, name)


def usual_features(name: str) -> str:
    """Which features a new project takes of a backbone (models/features.py)."""
    return BACKBONES[name].features if name in BACKBONES else POOLED


def load_backbone(
    name: str = "", weights: Path | None = None, size: int = 0, features: str = POOLED
) -> Backbone:
    """A pretrained backbone: by name, from a file of weights, or the best that is there.

    With `weights` the network is recognised in the file; `name` then only says which one is
    meant. With `name` alone the weights are looked for in the folder of downloads. `size` is the
    side of the network's input in pixels; 0 takes the usual one. `features` are the kind that it
    gives (models/features.py). Raises BadSetting (unknown name, impossible size or features),
    Refused (weights not there, and where to get them) or UnusableWeights.
    """
    found = by_name(name, size) if weights is None else from_file(weights, name, size)
    return with_features(found, features)


def by_name(name: str, size: int, file: Path | None = None) -> Backbone:
    """A backbone whose weights are in `file`, or else in their package or among the downloads."""
    architecture = network_named(name or FIRST_CHOICE)
    if not architecture.facts()["file"]:
        return architecture.assemble(None, size)
    file = file or architecture.found()
    if file is None:
        raise Refused(architecture.missing())
    with one_thread():
        fit = Fit(file, architecture, architecture.read(file))
        fit.check()
        return architecture.assemble(fit.cast(), size)


def from_file(path: Path, name: str = "", size: int = 0) -> Backbone:
    """The backbone whose weights a file holds. Its classifier, if it has one, is set aside."""
    with one_thread():
        if name == SUBNET:
            return subnet_backbone(path.read_bytes())
        state = read_weights(path)
        if name and name != OWN:
            fit = Fit(path, network_named(name), state)
            fit.check()
        else:
            fit = recognised(path, state)
        return fit.architecture.assemble(fit.cast(), size)


def recognised(path: Path, state: State) -> Fit:
    """The network of a person's file: one that is known by name, or a supernet of any width."""
    if is_supernet(state):
        network = network_for(path, state)
        known = (n for n in map(BACKBONES.make, BACKBONES) if isinstance(n, OnceForAll))
        network = next((n for n in known if n.multiplier == network.multiplier), network)
        return fit_of(path, network, state)
    return recognise(path, state, (BACKBONES.make(known) for known in BACKBONES))


def holds_many(name: str) -> bool:
    """Whether a backbone is a supernet with a mixture of its subnets' statistics."""
    return name == OWN or (name in BACKBONES and issubclass(BACKBONES[name], OnceForAll))


def subnet_backbone(content: bytes) -> Backbone:
    """The backbone that the bytes of a subnet's file hold. Raises UnusableWeights."""
    from engine.models.supernet.files import read_subnet

    backbone = read_subnet(content)
    backbone.preprocessing = backbone.preprocessing.whole()
    return backbone


def tuned_backbone(
    content: bytes, find: Callable[[str], Path], size: int = 0, features: str = ""
) -> Backbone:
    """The backbone that a tuned network's bytes hold, upon the one that it began with.

    `find` gives the file of a blob; `size` is another input than the usual one, and `features` are
    others than it was tuned with. Raises UnusableWeights, or Refused without the first network.
    """
    from engine.models.provenance import facts_in, origin_of

    try:
        origin = origin_of(facts_in(content))
    except (KeyError, ValueError) as error:
        raise UnusableWeights(
            "The tuned weights of this project are damaged. Undo the tuning, or adopt another run."
        ) from error
    file = find(origin.weights) if origin.weights else None
    base = load_backbone(origin.backbone, file, size or origin.size)
    return load_tuned(base, content, features)


def untrained(name: str, size: int = 0) -> Backbone:
    """A backbone with random weights, for learning from scratch and for tests."""
    return network_named(name).assemble(None, size)


def download_weights(name: str) -> Generator[Progress, None, Path]:
    """Downloads a backbone's weights, unless they are there, and returns the file's path."""
    architecture = network_named(name)
    facts = architecture.facts()
    if not facts["url"] and name.startswith(PREFIX):
        raise Refused(architecture.missing())
    if not facts["url"]:
        raise Refused(f"{architecture.title} comes with the program; there is nothing to download.")
    return architecture.found() or (yield from architecture.download())

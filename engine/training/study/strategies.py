"""What a study compares: ways to come from a pretrained network to a classifier.

The rows of Sarkar's guide (Hands-On Transfer Learning with Python, 2018: from scratch, with
augmentation, frozen features, fine-tuning) and the schedules and tuners that there are. A closed
form follows on what was tuned, as the project would use it; the head that is trained beside it
answers only where nothing else is trained.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.errors import BadSetting
from engine.learners import LEARNERS
from engine.models.backbones import BACKBONES, holds_many
from engine.models.supernet.architecture import (
    RESOLUTIONS,
    Architecture,
    largest,
    smallest,
    uniform,
)
from engine.results.compare import Preset, StrategyView
from engine.training.branching.heads import PER_BRANCH

LAST = re.compile(r"last_([1-9]\d?)")
ALL, NETWORKS, NETWORK = "all", "networks", "network_"
"""All of the project's network; all other networks here; what the name of one begins with."""
AT = "@"
"""Between a strategy and the other network that it learns with."""
SUBNETS: dict[str, Callable[[int], Architecture]] = {
    "smallest": smallest,
    "middle": lambda size: uniform(size, 5, 4, 3),
    "largest": largest,
}
"""Networks inside a once-for-all one, by the side of their input in pixels."""
NARROWED = (75, 50)
"""Per cents of a network's multiplications that narrower ones of it have."""
FROZEN, UPPER, WHOLE, SMALL, UNLABELLED, NEW, INSIDE = (
    "The network stays as it is",
    "Its upper part learns",
    "All of it learns",
    "A few weights learn",
    "It sees images without classes first",
    "It begins from nothing",
    "A network inside it",
)
"""What kinds of strategies there are, as a person chooses among them; each other network is one."""
WITH, AS_IT_IS, THEN = "With ", "As it is", " · "
"""A group of another network, what its first row is called there, and what stands in titles before
the part that tells a row from others of its group."""


@dataclass(frozen=True)
class Strategy:
    """A row of a study: a `learner` on frozen features, a `tuner` or method without classes with
    its schedule, another `network` as it is, a `subnet` of it or of the project's, or a `part` of
    the work of the project's own, narrowed. `term` is what the field calls it, `group` its kind."""

    name: str
    title: str
    learner: str = ""
    tuner: str = ""
    schedule: str = "none"
    settings: Mapping[str, Any] = field(default_factory=dict)
    group: str = FROZEN
    term: str = ""
    network: str = ""
    subnet: str = ""
    part: float = 0.0

    @property
    def other(self) -> str:
        """Names the network that is looked with, where it is another one than the project's."""
        inside = f"{self.subnet}{AT}{self.network}" if self.network else self.subnet
        return inside if self.subnet else self.network or (self.name if self.part else "")

    @property
    def own_head(self) -> bool:
        """Whether the head that gradients trained answers, and no closed form."""
        return self.schedule == "head_only"


PLAIN = {"augment": "none"}
OF, FORMS = "Frozen features of ", f"Frozen features{THEN}"
HEAD = "A linear classifier on frozen features, by gradient steps (linear probing)"
FINE = "Fine-tuning"


def last(count: int) -> Strategy:
    """The uppermost `count` stages learn."""
    what = "the last stage" if count == 1 else f"the last {count} stages"
    return Strategy(
        f"last_{count}",
        f"Fine-tuning {what}",
        tuner="fine_tune",
        schedule="last_stages",
        settings={"count": count},
        group=UPPER,
        term=f"{FINE} with the lower stages frozen",
    )


def tuned(name: str, title: str, tuner: str, schedule: str, group: str, term: str) -> Strategy:
    """A row that gradients make. Head only and from scratch are there with images as they are, and
    with changed ones; all others with changed ones alone."""
    plain = name in ("head", "scratch")
    return Strategy(name, title, "", tuner, schedule, PLAIN if plain else {}, group, term)


TUNED = (
    tuned("head", "Head only", "fine_tune", "head_only", UPPER, HEAD),
    tuned(
        "head_augmented",
        "Head only, changed images",
        "fine_tune",
        "head_only",
        UPPER,
        f"{HEAD}, with augmentation",
    ),
    last(1),
    last(3),
    tuned("all_stages", "Fine-tuning all stages", "fine_tune", "none", WHOLE, FINE),
    tuned(
        "gradual",
        "Fine-tuning from the top down",
        "fine_tune",
        "gradual",
        WHOLE,
        "Gradual unfreezing (Howard and Ruder, 2018)",
    ),
    tuned(
        "freezeout",
        "Fine-tuning, lower stages stop early",
        "fine_tune",
        "freezeout",
        WHOLE,
        "FreezeOut (Brock et al., 2017)",
    ),
    tuned(
        "adapters",
        "Small layers in between",
        "adapters",
        "none",
        SMALL,
        "Adapters (Houlsby et al., 2019)",
    ),
    tuned("lora", "Small changes of weights", "lora", "none", SMALL, "LoRA (Hu et al., 2021)"),
    tuned(
        "batch_norm",
        "Norms only",
        "batch_norm",
        "none",
        SMALL,
        "The affine weights of batch norms (Frankle, Schwab and Morcos, 2021)",
    ),
    tuned("scratch", "From scratch", "scratch", "none", NEW, "Random weights, all trained"),
    tuned(
        "scratch_augmented",
        "From scratch, changed images",
        "scratch",
        "none",
        NEW,
        "Random weights, all trained, with augmentation",
    ),
)

ADAPTED = (
    Strategy(
        "adapted",
        "Adapted without classes",
        tuner="vicreg",
        schedule="last_stages",
        group=UNLABELLED,
        term="The upper stages learn from images without their classes (VICReg, Bardes, Ponce and "
        "LeCun, 2022), those of the heap too",
    ),
    Strategy(
        "scratch_unlabelled",
        "From nothing, without classes",
        tuner="simsiam",
        settings={"start": "nothing"},
        group=NEW,
        term="Random weights, all trained on images without their classes (SimSiam, Chen and He, "
        "2021)",
    ),
)
"""What learns first from images alone; a closed form then learns the classes."""


def frozen() -> tuple[Strategy, ...]:
    """Each closed form on the features of the network as it is."""
    term = "A classifier in closed form on the features of a frozen network"
    return tuple(
        Strategy(name, f"{FORMS}{plugin.title}", name, term=term)
        for name, plugin in LEARNERS.items()
        if name != PER_BRANCH  # for networks that have grown
    )


def networks(own: str = "") -> tuple[Strategy, ...]:
    """Each other network whose weights are here, as it is; none that holds many. `own` is the name
    of the project's."""
    return tuple(
        Strategy(
            NETWORK + name,
            f"{OF}{made.title}",
            group=f"{WITH}{made.title}",
            term="The project's way of learning on the features of another pretrained network",
            network=name,
        )
        for name in BACKBONES
        if name != own and not holds_many(name) and (made := BACKBONES.make(name)).facts()["here"]
    )


def on_network(strategy: Strategy, other: Strategy) -> Strategy:
    """A strategy on another network than the project's."""
    title = other.title if strategy.learner else other.title.removeprefix(OF)
    return replace(
        strategy,
        name=f"{strategy.name}{AT}{other.network}",
        title=f"{title}{THEN}{strategy.title.removeprefix(FORMS)}",
        network=other.network,
        group=other.group,
    )


def subnets() -> tuple[Strategy, ...]:
    """Some of the networks inside the project's own, where it came from one that holds many."""
    return tuple(
        Strategy(
            f"subnet_{name}",
            f"The {name} network inside",
            group=INSIDE,
            term="A subnet of a once-for-all network (Cai et al., 2020), its batch norms measured "
            "on your images",
            subnet=name,
        )
        for name in SUBNETS
    )


def subnets_of_others(own: str) -> tuple[Strategy, ...]:
    """Some of the networks inside each once-for-all one that is here, and not the project's."""
    there = [name for name in BACKBONES if name != own and BACKBONES[name].many_sizes]
    made = [BACKBONES.make(name) for name in there]
    return tuple(
        replace(
            inside,
            name=f"{inside.name}{AT}{network.name}",
            title=f"{network.title}{THEN}{inside.title}",
            network=network.name,
            group=f"{WITH}{network.title}",
        )
        for network in made
        if network.facts()["here"]
        for inside in subnets()
    )


def architecture_of(strategy: Strategy, size: int) -> Architecture:
    """That of a network inside, for images as large as the project's or a little smaller: not
    every side will do."""
    sides = [side for side in RESOLUTIONS if side <= size] or RESOLUTIONS[:1]
    return SUBNETS[strategy.subnet](sides[-1])


def anywhere() -> tuple[Strategy, ...]:
    """Those that any network can have."""
    return (*frozen(), *TUNED, *ADAPTED)


def narrowed() -> tuple[Strategy, ...]:
    """The project's own network with narrower blocks."""
    return tuple(
        Strategy(
            f"narrowed_{per_cent}",
            f"Narrowed to {per_cent} % of its work",
            group=INSIDE,
            term="Channels that matter least are folded into the others, without training, until "
            "so many of the multiplications are left",
            part=per_cent / 100,
        )
        for per_cent in NARROWED
    )


@dataclass(frozen=True)
class Here:
    """What there is beside the project's network: its name, so that it is no other one, the name
    of the one that holds many from which it came, and whether its blocks can be made narrower."""

    own: str = ""
    supernet: str = ""
    can_be_narrowed: bool = False

    @property
    def others(self) -> tuple[Strategy, ...]:
        inside = subnets() if self.supernet else ()
        narrow, found = narrowed() if self.can_be_narrowed else (), networks(self.own)
        both = ((other, on_network(last(3), other)) for other in found)
        elsewhere = subnets_of_others(self.supernet)
        return (*inside, *narrow, *(row for rows in both for row in rows), *elsewhere)

    @property
    def every(self) -> tuple[Strategy, ...]:
        return (*anywhere(), *self.others)


NOWHERE = Here()


def strategies(names: Sequence[str] = (), here: Here = NOWHERE) -> tuple[Strategy, ...]:
    """Those that are named, each once; all of the project's network where none is, or “all”; with
    “networks” the others that are here, and with @NETWORK on that one. Raises BadSetting."""
    own = {strategy.name: strategy for strategy in anywhere()}
    others = {strategy.name: strategy for strategy in here.others}
    every, chosen = own | others, dict[str, Strategy]()
    for name in names or [ALL]:
        kind, _, network = name.partition(AT)
        stages, other = LAST.fullmatch(kind), every.get(NETWORK + network)
        way = own.get(kind) or (last(int(stages[1])) if stages else None)
        if name == ALL:
            chosen |= own
        elif name == NETWORKS:
            chosen |= {n: strategy for n, strategy in others.items() if not strategy.tuner}
        elif name in every:
            chosen[name] = every[name]
        elif way and (other or AT not in name):
            chosen[name] = on_network(way, other) if other else way
        else:
            known = ", ".join(every)
            raise BadSetting(
                f"There is no strategy “{name}” here. Choose of: {known}; last_N; networks; all; "
                "those of the project’s network with @NETWORK behind them."
            )
    if not chosen:
        raise BadSetting("There is no other network here. Download one in the list of networks.")
    return tuple(chosen.values())


def every_strategy(here: Here) -> list[StrategyView]:
    """All of them as a form shows them, also each on every other network that is here."""
    found = {strategy.name: strategy for strategy in here.every}
    for other in networks(here.own):
        found |= {row.name: row for row in (on_network(way, other) for way in anywhere())}
    return [
        {
            "name": row.name,
            "title": row.title,
            "short": short(row),
            "group": row.group,
            "term": row.term,
            "network": row.network,
        }
        for row in found.values()
    ]


def short(strategy: Strategy) -> str:
    """What tells a strategy from others of its group."""
    as_it_is = strategy.name == NETWORK + strategy.network
    return AS_IT_IS if as_it_is else strategy.title.rpartition(THEN)[2]


def presets(learner: str, here: Here) -> list[Preset]:
    """Choices for someone who does not want to choose; `learner` is the project's
    own."""
    closed = [strategy.name for strategy in frozen()]
    few = [name for name in dict.fromkeys([learner, "ncm", "slda", "ridge"]) if name in closed]
    return [
        {
            "name": "usual",
            "title": "Usual",
            "help": "Is it worth it to train the network on your images, and how much of it?",
            "strategies": [*few, "last_1", "last_3", "all_stages"],
        },
        {
            "name": "quick",
            "title": "Quick",
            "help": "Which way to learn is best with the network as it is? Takes seconds.",
            "strategies": closed,
        },
        {
            "name": "everything",
            "title": "Everything",
            "help": "All ways that there are, and the other networks that are here.",
            "strategies": [s.name for s in here.every],
        },
    ]

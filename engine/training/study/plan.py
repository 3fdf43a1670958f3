"""A study of a project: its images, its rows, and what each of them depends on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.errors import BadSetting, Refused
from engine.events import Event
from engine.learners import LEARNERS
from engine.learning import material, subnet
from engine.registry import settings_of
from engine.results.compare import Asked
from engine.session import Session
from engine.storage.catalogue import Split
from engine.storage.project import Project
from engine.storage.study import kept_row
from engine.training.branching.heads import PER_BRANCH
from engine.training.presets import preset_of, proposed
from engine.training.study.curves import subset
from engine.training.study.narrowing import Narrower
from engine.training.study.strategies import Here, Strategy, strategies
from engine.training.tuners import TUNERS
from engine.training.unlabelled.method import PROJECT, SHOWN
from engine.training.unlabelled.methods import METHODS
from engine.training.unlabelled.pairs import in_project

MADE = 2
"""Goes up when rows are made in another way, so that none of before is taken."""
WHOLE = 100.0
USUAL = "slda"
"""On what was tuned, where the project's own learner needs branches."""


@dataclass(frozen=True)
class Cell:
    """What is measured and kept as one: a strategy on a share, in per cent, of the images."""

    strategy: Strategy
    share: float
    settings: Mapping[str, Any]
    learner: str
    key: str

    @property
    def trains(self) -> bool:
        """Without classes all images are learnt from, so a share takes the network of the whole."""
        tuner = self.strategy.tuner
        return bool(tuner) and (self.share == WHOLE or tuner not in METHODS)

    @property
    def title(self) -> str:
        part = "" if self.share == WHOLE else f", {self.share:g} % of the images"
        return self.strategy.title + part


@dataclass(frozen=True)
class StudyPlan:
    """`hashes` are the held-out images, `truth` their class numbers; `network` is the extractor's
    key, `usual` the project's learner and its settings, `seen` the images that are learnt from
    without their classes. `asked` is what a person asked for; `epochs_of` says for how long each
    strategy trains, where that is as many as fit in seconds. `earlier` are rows of the last study
    that are shown beside those that are `chosen`."""

    project: Project
    split: Split
    network: str
    hashes: Sequence[str]
    truth: np.ndarray
    usual: tuple[str, dict[str, Any]]
    epochs: float
    chosen: Sequence[Strategy]
    asked: Asked
    narrower: Narrower
    seen: Sequence[str] = ()
    epochs_of: Mapping[str, float] = field(default_factory=dict)
    earlier: Sequence[Strategy] = ()

    @property
    def seed(self) -> int:
        return self.asked["seed"]

    @property
    def shares(self) -> Sequence[float]:
        return self.asked["shares"]

    @property
    def learnt(self) -> int:
        return sum(map(len, self.split.train.values()))

    @property
    def budget(self) -> tuple[float, float]:
        """Epochs, or 0 and seconds."""
        seconds = self.asked["seconds"]
        return 0.0 if seconds else self.epochs, seconds

    @property
    def trains(self) -> bool:
        """Whether any strategy takes as long as its budget says."""
        return any(strategy.tuner for strategy in self.chosen)

    def rows(self) -> list[Cell]:
        """All rows that are shown."""
        return [self.cell(strategy, WHOLE) for strategy in (*self.chosen, *self.earlier)]

    def part(self, share: float) -> Split:
        """The split with a share of the images to learn from."""
        return Split(subset(dict(self.split.train), share), self.split.validation)

    def cells(self) -> list[Cell]:
        """All that the study measures: each row, and the smaller shares of those with a curve."""
        rows = [self.cell(strategy, WHOLE) for strategy in self.chosen]
        parts = [share for share in self.shares if share < WHOLE]
        curved = [strategy for strategy in self.chosen if self.has_curve(strategy)]
        return rows + [self.cell(strategy, part) for strategy in curved for part in parts]

    def has_curve(self, strategy: Strategy) -> bool:
        """A closed form learns a share in no time, where the features are kept; others have a curve
        if that is asked for."""
        return self.is_own(strategy) or self.asked.get("every_curve", False)

    def is_own(self, strategy: Strategy) -> bool:
        """Whether a closed form learns from the features of the project's network."""
        return bool(strategy.learner) and not strategy.network

    def cell(self, strategy: Strategy, share: float) -> Cell:
        """With its key, which names all that its answers depend on."""
        learner, own = self.learner_of(strategy)
        settings = self.tuner_settings(strategy, share) if strategy.tuner else {}
        facts = {
            "made": MADE,
            "network": self.network,
            "images": [sorted(self.split.train.items()), list(self.hashes), self.truth.tolist()],
            "share": share,
            "tuned": [strategy.tuner, strategy.schedule, settings],
            "other network": strategy.other,
            "learner": [learner, own],
            **({"seen": self.seen} if strategy.tuner in METHODS else {}),
        }
        key = hashlib.sha256(json.dumps(facts, sort_keys=True, default=list).encode()).hexdigest()
        return Cell(strategy, share, {"tuned": settings, "learner": own}, learner, key)

    def learner_of(self, strategy: Strategy) -> tuple[str, dict[str, Any]]:
        """The closed form of a strategy: its own, or the project's on what was tuned."""
        name, settings = self.usual
        if strategy.learner:
            name, settings = strategy.learner, settings if strategy.learner == name else {}
        elif name == PER_BRANCH:
            name, settings = USUAL, {}
        seeded = any(view.name == "seed" for view in settings_of(LEARNERS[name]))
        return name, {**settings, **({"seed": self.seed} if seeded else {})}

    def tuner_settings(self, strategy: Strategy, share: float) -> dict[str, Any]:
        views = (*TUNERS.describe(), *METHODS.describe())
        view = next(view for view in views if view.name == strategy.tuner)
        epochs = self.epochs_of.get(strategy.name, self.epochs)
        budget = {"epochs": epochs, "seed": self.seed}
        return {**proposed(view, self.shown_to(strategy, share)), **budget, **strategy.settings}

    def shown_to(self, strategy: Strategy, share: float) -> int:
        """How many images a strategy that trains is shown; without classes always all of them."""
        return len(self.seen) if strategy.tuner in METHODS else self.learnt_of(share)

    def learnt_of(self, share: float) -> int:
        return sum(map(len, self.part(share).train.values()))

    def kept(self, cell: Cell) -> dict[str, Any] | None:
        """What was measured of a cell before; None where that is not there, or does not fit."""
        found = kept_row(self.project, cell.key)
        fits = found is not None and len(found.get("answers", ())) == len(self.truth)
        return found if fits else None


def planned(
    session: Session, asked: Asked, narrower: Narrower
) -> Generator[Event, None, StudyPlan]:
    """Features are computed where they are missing. Raises BadSetting, and Refused where there is
    nothing to compare by."""
    check(asked)
    project = session.require()
    project.check_writable()
    check_network(project)
    data = yield from material.learning_data(project, session.extractor(), 1)
    return drafted(session, asked, narrower, data.split)


def drafted(session: Session, asked: Asked, narrower: Narrower, split: Split) -> StudyPlan:
    """The plan for a split; nothing is computed or written. Raises as `planned`."""
    check(asked)
    project = session.require()
    check_network(project)
    chosen = strategies(asked["strategies"], here(session, narrower))
    asked = {**asked, "strategies": [strategy.name for strategy in chosen]}
    train = split.train
    pairs = [(h, n) for n in sorted(train) for h in split.validation.get(n, ())]
    if len(train) < 2 or not pairs:
        raise Refused(
            "There is too little to compare by. Add images on Images until there are two classes "
            "with validation images."
        )
    truth = np.array([n for _, n in pairs], np.int64)
    epochs = asked["epochs"] or preset_of("thorough", sum(map(len, train.values())))[2]["epochs"]
    usual = material.choice(project)
    hashes, key = [h for h, _ in pairs], session.extractor().key
    seen = in_project(project, PROJECT, SHOWN)
    return StudyPlan(
        project, split, key, hashes, truth, usual, epochs, chosen, asked, narrower, seen
    )


def here(session: Session, narrower: Narrower) -> Here:
    """What there is beside the project's network."""
    own = session.require().facts["backbone"]
    supernet = session.supernet()[1].backbone if session.has_subnets() else ""
    return Here(own, supernet, narrower.possible(session))


def check_network(project: Project) -> None:
    if subnet.is_mixture(project):
        raise Refused("This network holds many. Learn first: its largest one is taken out of it.")


def check(asked: Asked) -> None:
    """Raises BadSetting where a study can't be made so."""
    epochs, seconds, seed = asked["epochs"], asked["seconds"], asked["seed"]
    if not (epochs == 0 or 0.01 <= epochs <= 10_000):
        raise BadSetting(f"Epochs takes a value from 0.01 to 10,000, not {epochs:g}.")
    if not (seconds == 0 or 1 <= seconds <= 1_000_000):
        raise BadSetting(f"Seconds takes a value from 1 to 1,000,000, not {seconds:g}.")
    if epochs and seconds:
        raise BadSetting("Give epochs or seconds, not both.")
    if not 0 <= seed < 2**63:
        raise BadSetting(f"Seed takes a whole number from 0 on, not {seed}.")
    if not all(math.isfinite(share) and 0 < share <= WHOLE for share in asked["shares"]):
        raise BadSetting("Shares lie above 0 and up to 100, in per cent, as in 10,25,50,100.")

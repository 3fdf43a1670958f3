"""What waits for a class and what it may be, kept in memory between a person's acts.

The tables say what is so; this follows them. An act changes both, and costs little; after anything
else (an undo, a merge of classes, another network) the two are compared and brought in line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from engine.heap.mixture import SOFT, SPREAD, Mixture, shares
from engine.heap.near import Basis, chain, groups
from engine.heap.order import MOST_COMPARED, Herding, margin
from engine.learners.confidence import ENOUGH, temperature
from engine.learners.live import Live
from engine.learning.material import LearningData
from engine.storage import catalogue, unsorted
from engine.storage.feature_cache import Features
from engine.storage.project import Project

FEW = 200
"""So many images say after each act how sure the head may be; all of them do in `settle`."""
ENOUGH_TRUST = 0.5
"""Of Basis.trust; 512 images."""
MUCH = 500
"""After so many changes from elsewhere it is quicker to begin anew."""


@dataclass
class HeapState:
    """One place for each image of the heap; those that left it are no more `alive`."""

    project: Project
    features: Features
    live: Live
    ids: np.ndarray
    hashes: list[str]
    drawn: np.ndarray
    taken: list[str]
    bursts: list[str]
    near: np.ndarray
    """Each as a few numbers (near.Basis): float32 (images, WIDTH)."""
    mixture: Mixture
    learnt: dict[str, int]
    held: dict[str, int]
    lost: set[str]
    alive: np.ndarray = field(init=False)
    changes: int = -1
    """How many rows of the tables had changed when both were in line."""
    heat: float = 1.0
    """By which the head's logits are divided."""
    heat_together: float = 1.0
    """By which what the head and the mixture say together is divided."""

    def __post_init__(self) -> None:
        self.place = {int(number): place for place, number in enumerate(self.ids)}
        self.alive = np.ones(len(self.ids), bool)
        self.mates: dict[str, list[int]] = {}
        for place, burst in enumerate(self.bursts):
            if burst:
                self.mates.setdefault(burst, []).append(place)
        self.known: dict[str, tuple[Tensor, np.ndarray]] = {}
        """Features of a few images, and these whitened, to calibrate on."""
        self._told: np.ndarray | None = None
        self._herding: Herding | None = None
        self._cover: np.ndarray | None = None
        self._chain: np.ndarray | None = None
        self._groups: list[np.ndarray] = []

    @property
    def basis(self) -> Basis:
        return self.mixture.basis

    # In line with the tables.

    @property
    def in_line(self) -> bool:
        """Whether nothing but acts changed the tables since."""
        return self.changes == self.project.db.conn.total_changes

    def mark(self) -> None:
        """Notes that the tables and this say the same."""
        self.changes = self.project.db.conn.total_changes

    def follows(self, project: Project) -> bool:
        """Whether this is in line with the tables of a project, or could be brought in line."""
        return self.project is project and (self.in_line or self.follow())

    def follow(self) -> bool:
        """Brings this in line with the tables; False where it is to be made anew."""
        split = catalogue.to_learn(self.project).without(self.lost)
        train = {h: n for n, hashes in split.train.items() for h in hashes}
        held = {h: n for n, hashes in split.validation.items() for h in hashes}
        rows = [row for row in unsorted.rows(self.project) if row["sha256"] not in self.lost]
        waits = [row["id"] for row in rows]
        changed = set(train.items()) ^ set(self.learnt.items())
        came = [h for h in {**train, **held} if h not in self.learnt and h not in self.held]
        if (
            len(changed) > MUCH
            or (self.project.facts["feature_cap"] and self.features.dropped())
            or not all(number in self.place for number in waits)
            or self.features.missing(came)
            or any(self.bursts[self.place[row["id"]]] != row["burst"] for row in rows)
        ):
            return False
        self.alive[:] = False
        self.alive[[self.place[number] for number in waits]] = True
        self.mixture.changed()
        self.take_out({h: n for h, n in self.learnt.items() if train.get(h) != n})
        self.take_in({h: n for h, n in train.items() if self.learnt.get(h) != n})
        self.take_note({h: n for h, n in self.held.items() if held.get(h) != n}, -1)
        self.take_note({h: n for h, n in held.items() if self.held.get(h) != n})
        self.held = held
        self.calibrate()
        self.mark()
        return True

    def take_in(self, images: Mapping[str, int]) -> None:
        """Learns images, by hash with the number of their class."""
        for number, hashes in by_class(images).items():
            x = torch.from_numpy(self.features.get(hashes))
            self.live.learn(number, x)
            self.remember(hashes, x)
        self.take_note(images)
        self.learnt.update(images)
        self._told = None

    def take_out(self, images: Mapping[str, int]) -> None:
        """Forgets images, by hash with the number of their class."""
        for number, hashes in by_class(images).items():
            gone = set(hashes)
            left = [h for h, n in self.learnt.items() if n == number and h not in gone]
            both = [torch.from_numpy(self.features.get(some)) for some in (hashes, left)]
            if not left:
                both[1] = both[0][:0]
            self.live.unlearn(number, *both)
            for sha256 in hashes:
                del self.learnt[sha256]
        self.take_note(images, -1)
        self._told = None

    def take_note(self, images: Mapping[str, int], sign: int = 1) -> None:
        """Images were named, or with sign -1 no longer are. What the others may be follows from
        those held out, too: only the head never sees them, for they judge it."""
        for number, hashes in by_class(images).items():
            x = self.features.get(hashes).mean(axis=1)
            self.mixture.take(number, x, sign)
            if sign < 0:
                self._cover = None
            elif self._cover is not None and self._herding is not None:
                new = self._herding.covered(self.apart(x))
                np.maximum(self._cover, new, out=self._cover)

    def remember(self, hashes: Sequence[str], x: Tensor) -> None:
        if len(self.known) < 2 * FEW:
            self.keep(hashes, x)

    def keep(self, hashes: Sequence[str], x: Tensor) -> None:
        self.known.update(zip(hashes, zip(x, self.whitened(x), strict=True), strict=True))

    def whitened(self, x: Tensor) -> np.ndarray:
        return self.basis.round(x.mean(dim=1).numpy())

    def act(self, ids: Iterable[int], learnt: Mapping[str, int], held: Mapping[str, int]) -> None:
        """Images left those that wait: some to be learnt, some to judge by, some for good."""
        self.alive[[self.place[number] for number in ids if number in self.place]] = False
        self.mixture.changed()
        self.take_in(learnt)
        self.take_note(held)
        self.held.update(held)
        self.calibrate()
        self.mark()

    # What the images may be.

    def calibrate(self) -> None:
        """Fits how sure the head may be, as for the project's answers, on a few of the images."""
        at = {number: place for place, number in enumerate(self.live.classes)}
        held = [h for h in sorted(self.held) if self.held[h] in at]
        sides, judge = self.held, held
        if len(held) < ENOUGH:
            sides, judge = self.learnt, sorted(self.learnt)
        few = judge[:: -(-len(judge) // FEW) or 1]
        x, z = self.few_features(few)
        places = torch.tensor([at[sides[h]] for h in few])
        doubt = 1.0 if judge is held else math.sqrt(len(judge))
        # Spread over as large a share of the few as of all.
        self.fit(x, z, places, doubt * len(few) / max(1, len(judge)))

    def few_features(self, hashes: Sequence[str]) -> tuple[Tensor, np.ndarray]:
        if missing := [h for h in hashes if h not in self.known]:
            self.keep(missing, torch.from_numpy(self.features.get(missing)))
        if not hashes:
            return torch.zeros(0), np.zeros(0)
        x, z = zip(*(self.known[h] for h in hashes), strict=True)
        return torch.stack(x), np.stack(z)

    def fit(self, x: Tensor, z: np.ndarray, places: Tensor, doubt: float) -> None:
        """The temperatures from features, these whitened, and the places of their classes, of
        images that were learnt or are held out; see confidence."""
        self._told = None
        self.heat = self.heat_together = 1.0
        if len(self.live.classes) < 2 or not len(x):
            return
        logits = self.live.asked(x)
        self.heat = temperature(logits, places, doubt)
        if not self.basis.trust:
            return
        cosines = self.mixture.left_out(z, places.numpy(), self.live.classes, self.alive)
        self.heat_together = temperature(self.together(logits, cosines), places, doubt)

    def together(self, logits: Tensor, cosines: np.ndarray) -> Tensor:
        """What the head says, and the mixture, which counts for less the fewer images there are,
        and the fewer of them wait."""
        waiting = int(self.alive.sum())
        part = SPREAD * self.basis.trust * waiting / max(1, waiting + len(self.learnt))
        return (logits / self.heat).log_softmax(dim=1) + part * torch.from_numpy(cosines)

    def settle(self, data: LearningData) -> None:
        """Chooses the regularisation anew, from the images that it depends on, and fits how sure
        the head may be on all of those that the project's answers are fitted on."""
        if not data.train:
            return
        x, numbers = data.sample()
        self.live.settle(x, numbers, data.features.moments)
        hashes, truth = data.held_out(self.live.classes)
        doubt, judged = math.sqrt(len(x)), len(hashes) >= ENOUGH
        if judged:
            x, numbers, doubt = data.of(hashes), torch.from_numpy(truth), 1.0
        places = torch.searchsorted(torch.tensor(self.live.classes), numbers)
        self.fit(x, self.whitened(x), places, doubt)

    @property
    def told(self) -> np.ndarray:
        """Probabilities of every image of the heap, float32 (images, classes)."""
        if self._told is None:
            logits = self.live.logits()
            if len(self.classes) > 1 and self.basis.trust:
                cosines = self.mixture.cosines(self.classes, self.alive)
                logits = self.together(logits, cosines) / self.heat_together
            else:
                logits = logits / self.heat
            self._told = logits.softmax(dim=1).numpy()
        return self._told

    @property
    def doubted(self) -> np.ndarray:
        """Softer probabilities, by the mixture alone, for asking what is in doubt."""
        if len(self.classes) < 2 or not self.basis.trust:
            return self.told
        return shares(self.mixture.cosines(self.classes, self.alive), SOFT)

    @property
    def classes(self) -> tuple[int, ...]:
        return self.live.classes

    # Which are asked about.

    @property
    def open(self) -> np.ndarray:
        """Places of the images that wait and were not drawn to be asked about at random."""
        return np.flatnonzero(self.alive & ~self.drawn)

    def ordered(self, order: str) -> np.ndarray:
        """The places of `open` in an order (order.ORDERS)."""
        waiting = self.open
        if order == "time":  # those whose time is not known come last, as they came
            return np.array(sorted(waiting.tolist(), key=self.when), np.int64)
        if order == "uncertain" and len(self.classes) > 1:
            return waiting[np.argsort(self.told[waiting].max(axis=1), kind="stable")]
        if order == "useful":
            return self.useful(waiting)
        if self._chain is None:
            self._chain = chain(self.near)
        return self._chain[np.isin(self._chain, waiting)]

    def when(self, place: int) -> tuple[bool, str, int]:
        return not self.taken[place], self.taken[place], int(self.ids[place])

    def burst_of(self, place: int) -> list[int]:
        """The ids of all that wait and were taken together; none for one alone."""
        others = self.mates.get(self.bursts[place], ())
        return [int(self.ids[other]) for other in others if self.alive[other]]

    @property
    def spread_out(self) -> bool:
        """Whether there are images enough for a whitened space, where a class lies together and
        apart from others, so that an image there speaks for more of its own."""
        return self.basis.trust > ENOUGH_TRUST

    def apart(self, features: np.ndarray) -> np.ndarray:
        """Features (images, width) as they lie where `useful` compares them."""
        return self.basis.round(features) if self.spread_out else self.basis(features)

    def useful(self, waiting: np.ndarray) -> np.ndarray:
        """Most useful first; of a large heap some are compared, always the same."""
        if self._herding is None:
            some = np.argsort(np.array(self.hashes))[:MOST_COMPARED]
            self._compared = np.sort(some)
            heap = self.mixture.z if self.spread_out else self.near
            self._herding, self._cover = Herding(heap[self._compared]), None
        if self._cover is None:
            learnt, hashes = self._herding.x[:0], [*self.learnt, *self.held]
            if hashes:
                learnt = self.apart(self.features.get(hashes).mean(axis=1))
            self._cover = self._herding.covered(learnt)
        among = np.flatnonzero(np.isin(self._compared, waiting))
        doubt = margin(self.doubted[self._compared])
        picked = self._compared[self._herding.picks(self._cover, doubt, among)]
        return np.concatenate([picked, waiting[~np.isin(waiting, picked)]])

    def groups(self) -> list[np.ndarray]:
        """Groups of images that are alike, as places: large first, the most typical first.

        They stay as they were found while their images are named; an image that waits again and is
        in none of them makes all of them anew.
        """
        waiting = self.open
        known = np.concatenate(self._groups) if self._groups else waiting[:0]
        if not np.isin(waiting, known).all():
            self._groups = [waiting[some] for some in groups(self.near[waiting])]
        left = [some[np.isin(some, waiting)] for some in self._groups]
        return [some for some in left if len(some)]

    @property
    def asked_next(self) -> int | None:
        """The place of the next image to be asked about at random; None where none is left."""
        drawn = np.flatnonzero(self.alive & self.drawn).tolist()
        return min(drawn, key=lambda place: self.hashes[place], default=None)


def by_class(images: Mapping[str, int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for sha256 in sorted(images):
        found.setdefault(images[sha256], []).append(sha256)
    return found

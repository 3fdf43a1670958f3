"""What three judges say of each image's class, each image left out of what they learnt.

They only say what to look at, and score nothing, so they learn from the images that are held out,
too. Wrong classes that one overlooks another sees. Two look at the square roots of features, which
makes what is faint count for more (the Hellinger kernel; Arandjelović and Zisserman, Three things
everyone should know to improve object retrieval, CVPR 2012), along the directions in which images
differ most: discriminant analysis, and ridge regression, which makes other lines of the same sums
and so errs on other images.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor

from engine.events import Event, Progress
from engine.learners import LEARNERS, Learner, Task
from engine.learners.centred_ridge import CentredRidge
from engine.learners.confidence import temperature
from engine.learners.discriminant import Discriminant
from engine.learners.principal import principal, unit

DIRECTIONS, SPARE = 256, 10
SPAN = 3000
"""So many images say which directions these are."""
AT_ONCE = 4096
METHOD = "slda"
LOOKING = Progress(0, None, "Comparing images")


class Cache(Protocol):
    def get(self, hashes: Sequence[str]) -> np.ndarray: ...


@dataclass(frozen=True)
class Case:
    """Images by their hashes with the numbers of their classes, int64 (images,); `logs` are what
    the model says of them, logarithms of probabilities, float32 (images, classes)."""

    features: Cache
    hashes: Sequence[str]
    numbers: np.ndarray
    classes: Sequence[int]
    logs: np.ndarray

    @property
    def several(self) -> np.ndarray:
        """bool (images,): those that can be left out of their class without ending it."""
        _, place, counts = np.unique(self.numbers, return_inverse=True, return_counts=True)
        return (counts[place] > 1) & np.isin(self.numbers, self.classes)

    def calibrated(self, said: Tensor, some: np.ndarray, known: Sequence[int]) -> np.ndarray:
        """Logits of some images for the classes known, as probabilities among what the model says
        of all."""
        places = torch.searchsorted(torch.tensor(known), torch.from_numpy(self.numbers[some]))
        said = (said / temperature(said, places)).log_softmax(dim=1)
        found = self.logs.copy()
        found[np.ix_(some, np.isin(self.classes, known))] = said.float().numpy()
        return found


def with_held_out(
    case: Case, learner: Learner, memory: Mapping[str, np.ndarray], held: np.ndarray
) -> Generator[Event, None, np.ndarray]:
    """What the model would say, had it learnt those that are held out, too: as Case.logs, which
    stand where its method is another than discriminant analysis."""
    if learner.name != METHOD or not held.any():
        return case.logs
    judge = cast(Discriminant, LEARNERS.make(METHOD, {"shrinkage": float(memory["shrinkage"])}))
    judge.solves = torch.float32
    judge.restore(memory)
    new = {
        int(number): case.features.get([case.hashes[i] for i in np.flatnonzero(some).tolist()])
        for number in np.unique(case.numbers[held])
        if (some := held & (case.numbers == number)).any()
    }
    tensors = {number: torch.from_numpy(x) for number, x in new.items()}
    for _ in judge.learn(Task(tensors, torch.zeros(0), torch.zeros(0))):
        yield LOOKING
    some, parts = case.several, []
    asked = np.flatnonzero(some)
    for part in np.split(asked, range(AT_ONCE, len(asked), AT_ONCE)):
        x = torch.from_numpy(case.features.get([case.hashes[i] for i in part.tolist()]))
        parts.append(left_out(judge, x, torch.from_numpy(case.numbers[part])))
        yield LOOKING
    return case.calibrated(torch.cat(parts), some, judge.classes)


def by_roots(case: Case) -> Generator[Event, None, tuple[np.ndarray, ...]]:
    """What discriminant analysis and ridge regression of all images say from the roots of their
    features: a table for each, as Case.logs, which stand for both where fewer than two classes have
    several images."""
    some = case.several
    known = sorted(set(case.numbers[some].tolist()))
    if len(known) < 2:
        return case.logs, case.logs
    x = (yield from reduced(case))[some]
    y = torch.from_numpy(case.numbers[some])
    judge = cast(Discriminant, LEARNERS.make(METHOD))
    for _ in judge.learn(Task({number: x[y == number] for number in known}, x, y)):
        yield LOOKING
    ridge = CentredRidge(judge._known, judge._scatter).chosen(x, y)
    told = [left_out(judge, x, y), ridge.left_out(x, y)]
    yield LOOKING
    return tuple(case.calibrated(said, some, known) for said in told)


def left_out(judge: Learner, x: Tensor, y: Tensor) -> Tensor:
    said = judge.left_out(x, y)
    assert said is not None  # discriminant analysis has a closed form for it
    return said


def reduced(case: Case) -> Generator[Event, None, Tensor]:
    """Images along the directions in which the roots of their features differ most: float32
    (images, 1, DIRECTIONS), or as many as there are."""
    sample = np.concatenate([*roots(case.features, case.hashes[:: -(-len(case.hashes) // SPAN)])])
    middle = sample.mean(axis=0)
    yield LOOKING
    directions, _ = principal(sample - middle, min(DIRECTIONS + SPARE, *sample.shape))
    parts = []
    for u in roots(case.features, case.hashes):
        parts.append(torch.from_numpy((u - middle) @ directions[:, :DIRECTIONS]))
        yield LOOKING
    return torch.cat(parts)[:, None]


def roots(features: Cache, hashes: Sequence[str]) -> Iterator[np.ndarray]:
    """Square roots of features, of length 1, so many at once; views averaged."""
    for start in range(0, len(hashes), AT_ONCE):
        x = features.get(hashes[start : start + AT_ONCE]).mean(axis=1)
        yield unit(np.sign(x) * np.sqrt(np.abs(x)))

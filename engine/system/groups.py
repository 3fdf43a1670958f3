"""Groups that classes are within, as nested folders make them: hawk-moths, and above them moths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

import numpy as np

from engine.system.words import BETWEEN


@dataclass(frozen=True)
class Groups:
    """For each class, in the model's order, the group that it is within; empty for none."""

    within: tuple[str, ...]

    @property
    def classes(self) -> int:
        return len(self.within)

    def above(self, place: int) -> list[str]:
        """The groups of a class, the nearest first."""
        parts = self.within[place].split(BETWEEN) if self.within[place] else []
        return [BETWEEN.join(parts[:n]) for n in range(len(parts), 0, -1)]

    def members(self, group: str) -> np.ndarray:
        """Which classes are within a group, or within one in it: bool (classes,)."""
        return np.array(
            [f"{path}{BETWEEN}".startswith(f"{group}{BETWEEN}") for path in self.within]
        )

    @cached_property
    def levels(self) -> int:
        """A class, and so many groups above it at most."""
        return 1 + max((len(self.above(place)) for place in range(self.classes)), default=0)

    @cached_property
    def climbs(self) -> list[list[tuple[np.ndarray, np.ndarray]]]:
        """For each level above the classes its groups: which classes climb to one there, and which
        are its members; both bool (classes,)."""
        above = [self.above(place) for place in range(self.classes)]
        found = []
        for level in range(self.levels - 1):
            own = np.array([groups[level] if len(groups) > level else "" for groups in above])
            paths = [str(path) for path in dict.fromkeys(own) if path]
            found.append([(own == path, self.members(path)) for path in paths])
        return found

    def climbed(self, probabilities: np.ndarray) -> np.ndarray:
        """How sure the likeliest class is, its group, and what lies above, of probabilities
        (images, classes): float64 (images, levels), which never falls. A group is as probable as
        its classes together; beyond its outermost group an answer stays that."""
        p = probabilities.astype(np.float64)
        best = p.argmax(axis=1)
        sure = np.repeat(p.max(axis=1)[:, None], self.levels, axis=1)
        for level, climbs in enumerate(self.climbs, start=1):
            sure[:, level] = sure[:, level - 1]
            for mine, members in climbs:
                lines = mine[best]
                sure[lines, level] = p[lines][:, members].sum(axis=1)
        return np.minimum(np.maximum.accumulate(sure, axis=1), 1.0)

    def wrong(self, best: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Whether answers (images,) are wrong at each level: bool (images, levels)."""
        wrong = np.repeat((best != truth)[:, None], self.levels, axis=1)
        for level, climbs in enumerate(self.climbs, start=1):
            wrong[:, level] = wrong[:, level - 1]
            for mine, members in climbs:
                lines = mine[best]
                wrong[lines, level] = ~members[truth[lines]]
        return wrong

    def name(self, place: int, level: int, names: Sequence[str]) -> str:
        """What is answered at a level: the class's name, or a group's."""
        above = self.above(place)[:level]
        return above[-1].rpartition(BETWEEN)[2] if above else names[place]


def level_of(confidence: np.ndarray, least: np.ndarray) -> np.ndarray:
    """The first level of confidences (images, levels) that is at least (images,) so sure, -1 where
    none is."""
    enough = confidence >= least[:, None]
    return np.where(enough.any(axis=1), enough.argmax(axis=1), -1)


class ByPromise(TypedDict):
    """Whether there is an answer, the group that it is if it is no class, and its probability."""

    sure: bool
    group: str
    share: float


@dataclass(frozen=True)
class Naming:
    """What is answered by whoever promises something: the likeliest class where it is sure enough,
    else the nearest group that is, else nothing."""

    names: tuple[str, ...]
    within: tuple[str, ...]
    least: tuple[float, ...]
    """The probability below which an answer of each class is none; empty: it always answers."""

    def answer(self, probabilities: np.ndarray) -> tuple[str, float]:
        """The name of a class or group, and how probable it is, of probabilities (classes,). The
        name is empty where it is not sure."""
        best = int(probabilities.argmax())
        if not self.least or probabilities[best] >= self.least[best]:
            return self.names[best], float(probabilities[best])
        groups = self.tree
        confidence = groups.climbed(probabilities[None])
        level = int(level_of(confidence, np.array([self.least[best]]))[0])
        if level < 0:
            return "", float(confidence[0, -1])
        return groups.name(best, level, self.names), float(confidence[0, level])

    def told(self, probabilities: np.ndarray) -> ByPromise:
        """The same as a part of ImageAnswer."""
        name, share = self.answer(probabilities)
        likeliest = self.names[int(probabilities.argmax())]
        return {"sure": bool(name), "group": "" if name == likeliest else name, "share": share}

    @cached_property
    def tree(self) -> Groups:
        return Groups(self.within or ("",) * len(self.names))

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of all groups that can be answered."""
        paths = [path for place in range(len(self.names)) for path in self.tree.above(place)]
        return tuple(dict.fromkeys(path.rpartition(BETWEEN)[2] for path in paths))

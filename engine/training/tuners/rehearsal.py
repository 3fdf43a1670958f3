"""New classes by gradients, without losing the old: rehearsal and distillation.

Exemplars of the old classes, chosen by herding (Rebuffi et al. 2017, iCaRL, algorithm 4), are shown
beside the new classes' images; the network before the step teaches its own answers on old classes
(Li & Hoiem 2016, Learning without Forgetting, temperature 2). Without either it is plain
fine-tuning on the new images, which forgets. The new rows of the head learn first, while all else
stands (Li & Hoiem, the warm-up step). They become longer than the old ones, as more images are
shown of new classes than of old ones; that can be taken back at the end (Zhao et al. 2020, weight
alignment, equation 5). Of rows that began from nothing, the length would only say how short a time
they learnt: on CIFAR-100's classes they were made 4 to 7 times as long, and drowned the old ones.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from engine.errors import Refused
from engine.registry import setting
from engine.training.augment import PLAIN
from engine.training.batches import Batch
from engine.training.initial_head import PULL
from engine.training.loop import Stack
from engine.training.schedules import Timetable
from engine.training.tuner import HEAD, Loss, Supply, Tuning
from engine.training.tuners import TUNERS

BATCH = 64
"""Images whose features are computed at a time."""


@TUNERS.register("rehearsal", "New classes with rehearsal")
@dataclass
class Rehearsal(Tuning):
    """Learns the classes of the last step, and shows some images of the old ones beside them."""

    memory: int = setting(
        400,
        "Images of old classes that are shown again, in all; 0 for none.",
        least=0,
        most=10_000_000,
        label="Memory (images)",
    )
    memory_mb: float = setting(
        0.0,
        "The same in megabytes of image files; above 0 it counts instead.",
        least=0,
        most=1e6,
        label="Memory (MB)",
    )
    distillation: float = setting(
        1.0,
        "How strongly the network before this step teaches the old classes; 0 not at all.",
        least=0,
        most=100,
    )
    temperature: float = setting(
        2.0, "Above 1, unlikely answers of the teacher count more.", least=0.1, most=20
    )
    alignment: bool = setting(
        True,
        "Scales the new classes' part of the head to the size of the old one's at the end.",
        label="Weight alignment",
    )

    def chosen(
        self, features: np.ndarray, classes: np.ndarray, sizes: np.ndarray, new: Collection[int]
    ) -> np.ndarray:
        """The rows to learn from: all of the new classes, and exemplars of the old within memory.

        Raises Refused where there are no old classes, or no new ones.
        """
        added = np.isin(classes, sorted(new))
        if added.all() or not added.any():
            raise Refused(
                "Rehearsal teaches the classes of the last step beside those before it, and there "
                "are no such steps yet. Learn new classes first, or choose another tuner."
            )
        old = sorted(set(classes[~added].tolist()))
        kept = [self.exemplars(features, classes, sizes, number, len(old)) for number in old]
        return np.sort(np.concatenate([np.flatnonzero(added), *kept]))

    def exemplars(
        self, features: np.ndarray, classes: np.ndarray, sizes: np.ndarray, number: int, among: int
    ) -> np.ndarray:
        """A class's share of the memory."""
        rows = np.flatnonzero(classes == number)
        order = rows[herded(features[rows])]
        if self.memory_mb:
            return order[np.cumsum(sizes[order]) <= self.memory_mb * 1e6 / among]
        return order[: self.memory // among]

    @property
    def looks_back(self) -> bool:  # type: ignore[override]
        return self.distillation > 0

    def served(self, table: Timetable, position: int) -> int:
        """No stage that has learnt before it froze: the teacher sees what is kept, too."""
        settled = table.settled(position)
        return min(settled, table.settled(0)) if self.distillation else settled

    def loss(self, stack: Stack, new: Collection[int]) -> Loss:
        teacher = copy.deepcopy(stack).requires_grad_(False).eval() if self.distillation else None
        return Distilled(self.smoothing, teacher, sorted(new), self.distillation, self.temperature)

    def begin(self, stack: Stack, lessons: Supply, new: Collection[int]) -> None:
        """The new classes' rows of the head learn from what is shown, on the features there are."""
        head, classes = stack.parts[HEAD], torch.from_numpy(lessons.views.corpus.classes)
        assert isinstance(head, nn.Linear)
        warm_up(head, features_of(stack, lessons), classes, new)

    def concluded(self, head: nn.Module, new: Collection[int]) -> None:
        if self.alignment and isinstance(head, nn.Linear):
            align(head, new)


@torch.no_grad()
def features_of(stack: Stack, lessons: Supply) -> torch.Tensor:
    """What the stages under the head make of all images as they are: (images, width)."""
    learning, found, rows = stack.training, [], np.arange(len(lessons))
    stack.eval()
    for part in np.array_split(rows, -(-len(rows) // BATCH)):
        x = lessons.views(part, np.full(len(part), PLAIN)).to(lessons.device)
        for name, stage in stack.parts.items():
            x = stage(x) if name != HEAD else x
        found.append(x.float().cpu())
    stack.train(learning)
    return torch.cat(found)


def warm_up(
    head: nn.Linear, features: torch.Tensor, classes: torch.Tensor, new: Collection[int]
) -> None:
    """Logistic regression for the new rows of a head, while its old ones stand.

    Features (n, width). Without an image of an old class nothing could say how the new ones stand
    beside them: they are told from each other only, and get rows as long as the old ones.
    """
    added = sorted(new)
    old = [n for n in range(head.out_features) if n not in new]
    beside = old if len(old) and bool(torch.isin(classes, torch.tensor(old)).any()) else []
    order = torch.tensor([*beside, *added])
    truth = torch.searchsorted(order.sort().values, classes)
    fixed = head.weight.detach().cpu()[beside], head.bias.detach().cpu()[beside]
    weight = torch.zeros(len(added), head.in_features, requires_grad=True)
    bias = torch.zeros(len(added), requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        rows, plus = torch.cat([fixed[0], weight]), torch.cat([fixed[1], bias])
        logits = nn.functional.linear(features, rows, plus)[:, order.argsort()]
        loss = F.cross_entropy(logits, truth) + PULL * weight.square().sum() / 2
        loss.backward()
        return loss

    optimiser.step(closure)
    with torch.no_grad():
        head.weight[added] = weight.to(head.weight)
        head.bias[added] = bias.to(head.bias)
    if old and not beside:
        align(head, new)


def herded(features: np.ndarray) -> np.ndarray:
    """An order of rows in which the mean of the first ones is always near the mean of all.

    Features (n, width), scaled to length 1 as in the paper.
    """
    x = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    mean, total = x.mean(0), np.zeros(x.shape[1])
    left, order = list(range(len(x))), []
    for count in range(1, len(x) + 1):
        far = np.linalg.norm(mean - (total + x[left]) / count, axis=1)
        best = left.pop(int(far.argmin()))
        order.append(best)
        total += x[best]
    return np.array(order, np.int64)


@dataclass
class Distilled(Loss):
    """Cross-entropy, and the teacher's answers on old classes."""

    teacher: Stack | None
    new: list[int]
    weight: float
    temperature: float

    def __call__(self, logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        value, figures = super().__call__(logits, batch)
        if self.teacher is None:
            return value, figures
        old = [n for n in range(logits.shape[1]) if n not in self.new]
        with torch.no_grad():
            answers = batch.asked(partial(self.teacher, start=batch.start))
            taught = answers[:, old] / self.temperature
        said = F.log_softmax(logits[:, old] / self.temperature, 1)
        against = F.kl_div(said, F.log_softmax(taught, 1), reduction="batchmean", log_target=True)
        return value + self.weight * self.temperature**2 * against, figures


def align(head: nn.Linear, new: Collection[int]) -> None:
    """Scales the new classes' rows by the mean length of the old rows over that of the new."""
    added = sorted(new)
    old = [n for n in range(head.out_features) if n not in new]
    with torch.no_grad():
        lengths = head.weight.norm(dim=1)
        factor = lengths[old].mean() / lengths[added].mean().clamp_min(1e-12)
        head.weight[added] *= factor
        head.bias[added] *= factor

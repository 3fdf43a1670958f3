"""Learners: features to a head, in closed form. One file each; this one is what they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import nn

from engine.events import Step
from engine.learners.heads import logits_of
from engine.registry import Registry
from engine.results.scores import Choice

if TYPE_CHECKING:
    from engine.learners.live import Live

LEARNERS: Registry[Learner] = Registry("learner", __name__)


@dataclass(frozen=True)
class Task:
    """What one step of learning brings.

    `new` maps a class's number to the features of its new training images: float32
    (images, views, width), the images in the order of their content hash. `sample` is a stratified
    choice of all training images that will have been seen after this step, the new ones included:
    features like those above and one class number for each; from it, and from nothing else, a
    learner chooses its regularisation, so that the choice does not depend on the order of steps.
    So many of the last features as `moments` says are moments of an earlier stage, which a learner
    may weigh otherwise than the rest (engine/models/features.py).
    """

    new: Mapping[int, torch.Tensor]
    sample: torch.Tensor
    sample_classes: torch.Tensor
    moments: int = 0


class Learner(ABC):
    """Turns features into a head without gradients; a dataclass, whose fields are its settings.

    The memory is what a learner keeps between steps. `learn` commits to it only when its last step
    has been yielded, so a learner that is stopped on the way is as it was before.

    >>> left, right = torch.tensor([[[0.0, 1.0]]]), torch.tensor([[[1.0, 0.0]]])
    >>> learner = LEARNERS.make("ncm")
    >>> task = Task({3: left, 8: right}, torch.cat([left, right]), torch.tensor([3, 8]))
    >>> for _ in learner.learn(task):
    ...     pass
    >>> learner.classes, learner.head()(left).argmax(1).tolist()
    ((3, 8), [0])
    """

    name: ClassVar[str]
    title: ClassVar[str]
    of_features: ClassVar[bool] = True
    """Whether its images' features are all that it was made from, so that these bring it back."""

    @property
    def order_free(self) -> bool:
        """Whether any order of images gives the same head (up to rounding)."""
        return True

    @property
    def views(self) -> int:
        """How many augmented views of each image the learner and its head look at."""
        return 1

    @property
    @abstractmethod
    def classes(self) -> tuple[int, ...]:
        """The numbers of the classes learnt, in the order of the head's logits (ascending)."""

    @abstractmethod
    def learn(self, task: Task) -> Iterator[Step]:
        """Adds the task's images to the memory. A class that is known already gains images."""

    @abstractmethod
    def forget(self, number: int, features: torch.Tensor) -> None:
        """Takes a class out of the memory, as if it had never been learnt.

        `features` (images, views, width) are those of all images that the class was learnt from.
        """

    @abstractmethod
    def refit(self, sample: torch.Tensor, sample_classes: torch.Tensor) -> None:
        """Chooses the regularisation anew, after a class was forgotten (see Task.sample)."""

    @abstractmethod
    def head(self) -> nn.Module:
        """A module from features (batch, views, width) to one logit for each class learnt.

        It exports to ONNX. Asking for it changes nothing.
        """

    def answers(self, features: torch.Tensor) -> np.ndarray:
        """The most probable class learnt for each image of features (images, views, width).

        Returns class numbers int64 (images,).
        """
        best = logits_of(self.head(), features).argmax(dim=1)
        return np.array(self.classes, np.int64)[best.numpy()]

    def left_out(self, features: torch.Tensor, classes: torch.Tensor) -> torch.Tensor | None:
        """What the head would say of images that were learnt, had each of them not been learnt.

        `features` (images, views, width) are those of learnt images, `classes` their numbers; the
        regularisation stays as it was chosen. Logits float64 (images, classes); minus infinity for
        a class whose only image is left out. None where there is no closed form for it.
        """
        return None

    def spread(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
        """Means of the classes (classes, width), images of each, and the covariance inside them
        (width, width), all float64. None where the learner pools no covariance."""
        return None

    def quick(self) -> Learner:
        """A fresh learner that says soon about how good this one will be, while images come in."""
        return self

    def choice(self) -> Choice | None:
        """Which of several methods it took for these images, and why; None where it is but one."""
        return None

    def live(self, waiting: torch.Tensor) -> Live:
        """A head that goes on from what is learnt, one image at a time, and says what each of those
        that wait may be: features (images, views, width). The learner is given away with it."""
        from engine.learners.live import AnyLive

        return AnyLive(self, waiting)

    @abstractmethod
    def memory(self) -> dict[str, np.ndarray]:
        """All that must be kept to go on learning, as plain arrays."""

    @abstractmethod
    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        """Sets the memory from what `memory()` gave. The settings are those of the constructor."""

"""A head that follows a person: single images in and out, and what it says of those that wait."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from engine.learners import Learner, Task
from engine.learners.heads import logits_of


class Live(ABC):
    """What a learner would say while images come and go, one act at a time.

    Its answers are suggestions: between two calls of `settle` the regularisation stays as it was,
    and a chain of updates rounds. What is stored is learnt from the images themselves.
    """

    @property
    @abstractmethod
    def classes(self) -> tuple[int, ...]:
        """The numbers of the classes learnt, in the order of the logits (ascending)."""

    @abstractmethod
    def learn(self, number: int, features: Tensor) -> None:
        """Takes images (images, views, width) into a class."""

    @abstractmethod
    def unlearn(self, number: int, gone: Tensor, left: Tensor) -> None:
        """Takes images out of a class, of which `left` are the others."""

    @abstractmethod
    def logits(self) -> Tensor:
        """Of the images that wait: (images, classes)."""

    @abstractmethod
    def asked(self, features: Tensor) -> Tensor:
        """Logits of any images (images, classes)."""

    @abstractmethod
    def settle(self, sample: Tensor, sample_classes: Tensor, moments: int = 0) -> None:
        """Chooses the regularisation anew (see Task), and solves without what rounded."""


class AnyLive(Live):
    """Any learner: it learns each image as a step of its own, and all that wait are asked anew."""

    def __init__(self, learner: Learner, waiting: Tensor) -> None:
        self.learner, self.waiting = learner, waiting
        self.sample, self.sample_classes = waiting[:0], torch.zeros(0, dtype=torch.int64)

    @property
    def classes(self) -> tuple[int, ...]:
        return self.learner.classes

    def learn(self, number: int, features: Tensor) -> None:
        numbers = torch.full((len(features),), number)
        self.sample = torch.cat([self.sample, features])
        self.sample_classes = torch.cat([self.sample_classes, numbers])
        self.keep_known({*self.classes, number})
        for _ in self.learner.learn(Task({number: features}, self.sample, self.sample_classes)):
            pass

    def unlearn(self, number: int, gone: Tensor, left: Tensor) -> None:
        self.learner.forget(number, torch.cat([gone, left]))
        self.keep_known(set(self.classes))
        if len(left):
            self.learn(number, left)

    def keep_known(self, known: set[int]) -> None:
        """Leaves images of classes that are gone out of the sample."""
        there = torch.isin(self.sample_classes, torch.tensor(sorted(known)))
        self.sample, self.sample_classes = self.sample[there], self.sample_classes[there]

    def logits(self) -> Tensor:
        return self.asked(self.waiting)

    def asked(self, features: Tensor) -> Tensor:
        if not len(features) or not self.classes:
            return torch.zeros(len(features), len(self.classes))
        return logits_of(self.learner.head().eval(), features, 2048)

    def settle(self, sample: Tensor, sample_classes: Tensor, moments: int = 0) -> None:
        self.sample, self.sample_classes = sample, sample_classes
        self.learner.refit(sample, sample_classes)

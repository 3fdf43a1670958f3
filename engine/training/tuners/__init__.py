"""Tuners: ways to change a network's weights by gradient steps. This file is what they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from engine.registry import Registry

TUNERS: Registry[Tuner] = Registry("tuner", __name__)


class Tuner(ABC):
    """Trains a network in engine/training/loop.py; a dataclass, whose fields are its settings."""

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def steps(self, images: int) -> int:
        """How many gradient steps it takes over so many images."""

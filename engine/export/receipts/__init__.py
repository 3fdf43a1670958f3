"""What lies beside an exported file for people: the receipt's page and image, and a model card.

Everything is made from a receipt's plain values and from `About`, without Qt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.events import StepView

NOT_STATED = "not stated"


@dataclass(frozen=True)
class About:
    """The project behind a model, as far as a model card tells of it; plain values.

    `images` holds for each class how many images it was learnt from and how many are held out.
    `scores` are those of all held-out images (scoring.in_full), or nothing.
    """

    project: str = ""
    data_licence: str = ""
    images: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    learner: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[StepView, ...] = ()
    began: str = ""
    """The network that a tuned one or a subnet began with."""
    architecture: str = ""
    """Of a subnet, or of a narrowed network."""
    narrowed: int = 0
    """How many blocks were made narrower."""
    adapters: int = 0
    features: str = ""
    """Which features it gives, in words; empty for those of the last stage alone."""
    branches: tuple[Mapping[str, Any], ...] = ()
    """For each branch: cut, classes (names), width."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """The tuning run in use: title, settings, before, after, difference, images."""
    scores: Mapping[str, Any] = field(default_factory=dict)

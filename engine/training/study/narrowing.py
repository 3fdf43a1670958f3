"""The project's network with narrower blocks, as a study is given it.

What makes it stands beside training, not below it (engine/search/elastic), so the job hands it in.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.events import Event
from engine.models.backbone import Backbone
from engine.session import Session


class Narrowed(Protocol):
    """A network, what a project notes of it, its file, and the blobs from which it was made."""

    @property
    def backbone(self) -> Backbone: ...

    @property
    def facts(self) -> Mapping[str, Any]: ...

    @property
    def content(self) -> bytes: ...

    @property
    def keeps(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Narrower:
    """Whether the project's network can be narrowed, and its form with a part of its work; always
    the same for the same images."""

    possible: Callable[[Session], bool]
    narrowed: Callable[[Session, float], Generator[Event, None, Narrowed]]

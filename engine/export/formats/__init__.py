"""Exporters: a model as a file that other programs run. One plug-in a file.

A plug-in writes one format; what is the same for all (names that are taken, the check in another
process, the receipt and what else lies beside the file) is in writing.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from engine.errors import Refused
from engine.export.receipts import About
from engine.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from engine.events import Progress
    from engine.export.receipts.unsure import Unsure
    from engine.models.backbone import Model


EXPORTERS: Registry[Exporter] = Registry("export format", __name__)
FIRST = "onnx"
"""What is proposed: it is quick to write, and runs everywhere."""

Receipt = dict[str, Any]
Facts = dict[str, Any]

MOST = 0.02
"""The largest difference in a probability that still counts as agreement."""


@dataclass(frozen=True)
class ExportData:
    """What a model is exported with: images to compare and to calibrate on, and their answers."""

    images: Sequence[Path]
    """Images to compare on, held-out ones first."""
    expected: np.ndarray
    """The project's probabilities (images, classes)."""
    truth: np.ndarray | None = None
    """Each image's class as a place among the model's classes, or -1; None: not known."""
    training: Sequence[Path] = field(default=())
    """Images that were learnt from, mixed, for formats that must be calibrated."""
    held_out: int = 0
    """How many of the images, from the first on, no model was learnt from."""
    about: About = field(default_factory=About)
    """What the model card tells of the project."""
    far: np.ndarray | None = None
    """The project's distances (images,); None: not known."""
    unsure: Sequence[Unsure] = field(default=())
    """The images that the project is least sure of, with the reasons."""


class Exporter(ABC):
    """Writes models in one format. A plug-in is a dataclass; its fields are settings."""

    name: ClassVar[str]
    title: ClassVar[str]
    suffix: ClassVar[str]
    whom: ClassVar[str]
    """Who is served best by it, as one plain sentence."""

    inside: ClassVar[bool] = True
    """Whether the file holds the preprocessing; otherwise script and card do it."""

    companions: ClassVar[tuple[str, ...]] = ()
    """Endings of the files that belong to it and lie beside it."""

    @classmethod
    def missing(cls) -> str:
        """Why it can't be used here and what to install, in a sentence; empty where it can."""
        return ""

    @abstractmethod
    def write(
        self, model: Model, path: Path, material: ExportData
    ) -> Generator[Progress, None, Facts]:
        """Writes `path`, and what belongs to it into the same folder, under the same stem.

        Returns facts of its own for the receipt. The folder is empty and thrown away if anything
        fails. Raises Refused where the format can't say this model.
        """

    @abstractmethod
    def script(self, name: str) -> str:
        """A short program that asks the file `name`, which lies beside it; empty: there is none."""

    def judge(self, receipt: Receipt) -> None:
        """Raises Refused where the file does not agree with the project: then it is not kept."""
        # The comparison is written so that a difference that is no number fails it too.
        if receipt["clear_disagreements"] or not receipt["largest_difference"] <= MOST:
            raise Refused(
                f"The exported file does not agree with the project: on {receipt['compared']} "
                f"images a probability differs by up to {receipt['largest_difference']:.3f} (at "
                f"most {MOST} is allowed), and {receipt['clear_disagreements']} clear answers "
                "changed. It was not kept. Try another format, method or network."
            )

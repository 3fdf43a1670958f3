"""Exporters: a model as a file that other programs run. One plug-in a file."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from engine.registry import Registry

if TYPE_CHECKING:  # the process that checks exports imports this package and no PyTorch
    import numpy as np

    from engine.events import Progress
    from engine.net import Model

EXPORTERS: Registry[Exporter] = Registry("exporter")

Receipt = dict[str, Any]


class Exporter(ABC):
    """Writes models in one format. A plug-in is a dataclass; its fields are settings."""

    name: ClassVar[str]
    title: ClassVar[str]
    suffix: ClassVar[str]

    @abstractmethod
    def export(
        self, model: Model, path: Path, pictures: Sequence[Path], expected: np.ndarray
    ) -> Generator[Progress, None, Receipt]:
        """Writes and checks a model, and returns the receipt: what was checked, and how it went.

        `expected` are the project's probabilities (pictures, classes) for the pictures. Raises
        Refused where the file does not agree with them; then nothing is left behind.
        """


def load_exporters() -> None:
    """Imports every exporter, which registers itself, and with it PyTorch."""
    importlib.import_module("engine.exporters.onnx_file")

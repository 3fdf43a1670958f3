"""How exported files end, and what opens them; also for who imports nothing else."""

from __future__ import annotations

from pathlib import Path

READERS = {
    ".onnx": "engine.export.readers.onnx_file",
    ".xml": "engine.export.readers.openvino_ir",
    ".zip": "engine.export.readers.zip_file",
    ".pt2": "engine.export.readers.pt2_file",
    ".safetensors": "engine.export.readers.safetensors_file",
    ".tflite": "engine.export.readers.litert_file",
}
"""Which module's `open_file(path, threads)` opens files with an ending."""


def is_exported(path: str | Path) -> bool:
    """Whether a name ends as exported files do."""
    return Path(path).suffix.lower() in READERS

"""PyTorch modules as ONNX files."""

from __future__ import annotations

import contextlib
import io
import logging
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn

from engine.system.device import one_thread

OPSET = 18
one_export = threading.Lock()
"""PyTorch notes for the whole process that it exports: two threads would trip over each other."""
Names = tuple[str, Sequence[str]]

CantExport = (
    torch.onnx.errors.OnnxExporterError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ImportError,
)
"""What torch.onnx.export raises on a module that it can't write, or where it lacks onnxscript."""


def write_onnx(
    module: nn.Module, sample: torch.Tensor, path: Path, names: Names, free: Sequence[int] = (0,)
) -> None:
    """Writes a module in eval mode as one ONNX file, with the free axes of its input dynamic.

    `names` are those of the input and of the outputs. The exporter that traces is tried first: it
    is many times quicker than the one built on torch.export (0.7 s against 8 s for MobileNetV2)
    and folds batch norms. Raises one of `CantExport` when both fail.
    """
    with one_export:
        try:
            with quiet(), one_thread():
                trace(module, sample, path, names, free)
        except CantExport:
            with quiet():
                translate(module, sample, path, names, free)


def trace(
    module: nn.Module, sample: torch.Tensor, path: Path, names: Names, free: Sequence[int]
) -> None:
    """By running the module once and noting what it does."""
    given, wanted = names
    fast = torch.backends.mha.get_fastpath_enabled()
    # Attention's fused kernel has no counterpart in ONNX; its plain layers have.
    torch.backends.mha.set_fastpath_enabled(False)
    axes = {given: {axis: f"axis{axis}" for axis in free}}
    try:
        torch.onnx.export(
            module,
            (sample,),
            str(path),
            input_names=[given],
            output_names=list(wanted),
            dynamic_axes=axes | {name: {0: "axis0"} for name in wanted},
            opset_version=OPSET,
            dynamo=False,
        )
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def translate(
    module: nn.Module, sample: torch.Tensor, path: Path, names: Names, free: Sequence[int]
) -> None:
    """By torch.export, which understands what the module does."""
    given, wanted = names
    shapes = (dict.fromkeys(free, torch.export.Dim.AUTO),)
    program = torch.onnx.export(
        module,
        (sample,),
        input_names=[given],
        output_names=list(wanted),
        dynamic_shapes=shapes,
        dynamo=True,
        verbose=False,
    )
    assert program is not None  # with dynamo there is one
    program.save(str(path), external_data=False)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the exporters' warnings and logs, which are for those who write exporters."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(io.StringIO()):
                yield
    finally:
        log.setLevel(level)

"""A model as a program of PyTorch's own operations: what both formats for PyTorch begin with."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from engine.errors import Refused
from engine.export.graphs.model_onnx import Whole
from engine.export.graphs.preprocess_torch import Picture
from engine.models.backbone import Model
from engine.models.onnx_export import CantExport, quiet

TRACES = ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node")
"""What an export notes beside each operation: where in this program and on this computer it was."""


class Pictured(nn.Module):
    """From whole pictures, uint8 (n, height, width, 3), to probabilities and distance."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.picture, self.whole = Picture(model.backbone.preprocessing), Whole(model)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.whole(self.picture(pictures))


def whole_program(model: Model) -> ExportedProgram:
    """With preprocessing inside: "pictures" of any size in any number."""
    sample = torch.zeros(2, 151, 203, 3, dtype=torch.uint8)
    names = {0: "n", 1: "height", 2: "width"}
    return program(Pictured(model), sample, {"pictures": names})


def network_program(model: Model) -> ExportedProgram:
    """Without resizing: "pixels", uint8 (n, size, size, 3)."""
    size = model.backbone.preprocessing.size
    sample = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    return program(Whole(model), sample, {"pixels": {0: "n"}})


def program(
    module: nn.Module, sample: torch.Tensor, free: Mapping[str, Mapping[int, str]]
) -> ExportedProgram:
    """A module in eval mode, by torch.export, without notes of where it was made.

    `free` names the axes of its input that may have any length. Raises Refused where PyTorch
    can't export it.
    """
    shapes = {
        name: {axis: Dim(word, min=1) for axis, word in axes.items()} for name, axes in free.items()
    }
    fast = torch.backends.mha.get_fastpath_enabled()
    # Attention's fused kernel is for eager use; its plain layers are exported.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.export.export(module.eval(), (sample,), dynamic_shapes=shapes)
    except (*CantExport, torch._dynamo.exc.TorchDynamoException) as error:
        raise Refused(
            "PyTorch can't export this network or learner, so nothing was exported. Choose ONNX "
            f"instead, and report this: {type(error).__name__}: {first_line(error)}"
        ) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    own_bytes(found.state_dict)
    for node in found.graph.nodes:
        for name in TRACES:
            node.meta.pop(name, None)
    return found


def own_bytes(weights: dict[str, torch.Tensor]) -> None:
    """Parts of larger tensors become tensors of their own, so that no more than they is saved."""
    for name, value in weights.items():
        if value.untyped_storage().nbytes() != value.nbytes or not value.is_contiguous():
            copy = value.detach().clone(memory_format=torch.contiguous_format)
            weights[name] = nn.Parameter(copy) if isinstance(value, nn.Parameter) else copy


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]

"""Checkpoints: tensors and plain values in one file, which can be read wherever it comes from.

The file is one of safetensors, whose notes hold the values as JSON. Those of before were written by
torch.save, and their name ending in .pt is kept; a pickle is first opened in a process with limits.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save

from engine.errors import EspalierError
from engine.models.pickled import try_state
from engine.system.files import replace_file

BROKEN = (
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    EOFError,
    OSError,
    pickle.UnpicklingError,
    SafetensorError,
    EspalierError,
)
"""What is raised for a file that is no checkpoint, or one of another network."""
STATE, TENSOR = "state", "tensor"


def write_state(state: Mapping[str, Any], path: Path) -> None:
    """Writes tensors, numbers and text in mappings and lists, whole or not at all.

    Raises OSError where the disk is full.
    """
    replace_file(path, packed(state))


def packed(state: Mapping[str, Any]) -> bytes:
    """The same as the bytes of a file."""
    tensors: dict[str, torch.Tensor] = {}
    plain = json.dumps(taken_apart(state, tensors))
    return save(tensors, {STATE: plain})


def unpacked(content: bytes) -> dict[str, Any]:
    """What `packed` made into bytes, a tuple as a list. Raises one of `BROKEN`."""
    length = int.from_bytes(content[:8], "little")
    noted = json.loads(content[8 : 8 + length])["__metadata__"][STATE]
    found: dict[str, Any] = put_together(json.loads(noted), load(content).__getitem__)
    return found


def taken_apart(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """A value as JSON: a mapping as its pairs, whose keys may be numbers; a tensor as its name."""
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {TENSOR: name}
    if isinstance(value, Mapping):
        return {"pairs": [[key, taken_apart(each, tensors)] for key, each in value.items()]}
    if isinstance(value, list | tuple):
        return [taken_apart(each, tensors) for each in value]
    return value


def read_state(path: Path) -> dict[str, Any]:
    """What `write_state` wrote, a tuple as a list. Raises one of `BROKEN`."""
    with path.open("rb") as file:
        head = file.read(9)
    if len(head) < 9:
        raise ValueError(f"{path.name} is cut short")
    if head[8:] != b"{":  # not one of safetensors: of before, or something else
        try_state(path)
        found = torch.load(path, weights_only=True, map_location="cpu")
    else:
        with safe_open(path, "pt") as opened:
            found = put_together(json.loads(opened.metadata()[STATE]), opened.get_tensor)
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} holds no names")
    return found


def put_together(value: Any, tensor: Callable[[str], torch.Tensor]) -> Any:
    if isinstance(value, list):
        return [put_together(each, tensor) for each in value]
    if not isinstance(value, dict):
        return value
    if TENSOR in value:
        return tensor(value[TENSOR])
    return {key: put_together(each, tensor) for key, each in value["pairs"]}

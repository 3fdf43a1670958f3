"""Weights files from anywhere: opened without trusting them, and recognised by what they hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from engine.errors import UnusableWeights
from engine.models.file_signature import printable, read_head
from engine.models.pickled import SHOWN, listed, shape_text, written_again
from engine.system.trouble import pass_on

if TYPE_CHECKING:
    from engine.models.backbones.base import Network


MOST_HEADER, MOST_NAMES = 8 << 20, 20_000
"""Bytes and entries of a safetensors header; the largest of the networks known here has 150 kB."""

Damaged = (
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    EOFError,
    ArithmeticError,
    OSError,
    MemoryError,
)
"""What comes of bytes that are no such file."""


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a .safetensors, .pth or .pt file by name, as they are stored.

    The kind is taken from the bytes and not from the name. Nothing in the file is run. Raises
    UnusableWeights with a sentence for each way in which a file can be wrong.
    """
    head = read_head(path)
    named = len(head) > 8 and (head[8:9] == b"{" or path.suffix == ".safetensors")
    # First of all: it begins with its header's length, whose bytes may look like another kind's.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return read_safetensors(path, path.name)
    if head.startswith((b"PK", b"\x80")):
        with written_again(path) as file:
            return read_safetensors(file, path.name)
    if named:
        return read_safetensors(path, path.name)
    raise UnusableWeights(
        f"{path.name} is no weights file. Choose a .safetensors, .pth or .pt file."
    )


def read_safetensors(path: Path, name: str) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, its header checked against the file's length first."""
    check_header(path, name)
    try:
        return safetensors.torch.load_file(path, device="cpu")
    except (SafetensorError, *Damaged) as error:
        pass_on(error)
        raise UnusableWeights(misled(name)) from error


def check_header(path: Path, name: str) -> None:
    """Raises UnusableWeights where a header is longer than the file, or than any that is known.

    Then reading takes no more memory than the file's bytes: tensors lie in it side by side.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > size - 8:
            raise UnusableWeights(
                f"{name} says that its header is {length:,} bytes long, but the whole file has "
                f"{size:,}. It is cut short or made up. Get it again."
            )
        if length > MOST_HEADER:
            raise UnusableWeights(
                f"{name} has a header of {length:,} bytes, more than any network needs, so it was "
                "refused. Get it from a source that you trust."
            )
        try:
            header = json.loads(file.read(length))
            ends = [e["data_offsets"][1] for n, e in header.items() if n != "__metadata__"]
            missing = max(ends) - (size - 8 - length)
        except Damaged as error:
            pass_on(error)
            raise UnusableWeights(misled(name)) from error
    if len(ends) > MOST_NAMES:
        raise UnusableWeights(
            f"{name} holds {len(ends):,} weights, more than any network that is known here. Choose "
            "another file."
        )
    if missing > 0:
        raise UnusableWeights(
            f"{name} is cut short: {missing:,} bytes of its weights are missing. Get it again."
        )


def misled(name: str) -> str:
    return (
        f"{name} has a safetensors header that does not describe the file. It is damaged or made "
        "up. Get it again."
    )


def recognise(path: Path, state: Mapping[str, torch.Tensor], known: Iterable[Network]) -> Fit:
    """Which of the known networks the weights are of, by names and shapes of all of them.

    Raises UnusableWeights: of no network known, or nearly of one, and then what does not fit.
    """
    fits: list[Fit] = []
    for architecture in known:
        if architecture.signature():
            fits.append(Fit(path, architecture, state))
            if fits[-1].share == 1:  # signatures cost time: the usual networks come first
                return fits[-1]
    best = max(fits, key=lambda fit: fit.share)
    if best.share < 0.5:
        raise UnusableWeights(
            f"The weights in {path.name} are of no network that is known here. Known are: "
            f"{', '.join(fit.architecture.title for fit in fits)}. Of a file of timm's, say which "
            "network it is of, too: timm/NAME."
        )
    best.check()
    return best


class Fit:
    """How well the weights of a file fit one network."""

    def __init__(self, path: Path, architecture: Network, state: Mapping[str, torch.Tensor]):
        self.path, self.architecture = path, architecture
        named = architecture.translated(state)
        self.state = {k: v for k, v in named.items() if not architecture.set_aside(k)}
        expected = architecture.signature()
        given = {k: tuple(v.shape) for k, v in self.state.items() if not counts(k, v)}
        self.missing = [k for k in expected if k not in given]
        self.strange = [k for k in given if k not in expected]
        self.wrong = [
            f"{k} is {shape_text(given[k])} and should be {shape_text(expected[k])}"
            for k in expected
            if k in given and given[k] != expected[k]
        ]
        common = len(expected) - len(self.missing) - len(self.wrong) / 2
        self.share = common / max(1, len(expected) + len(self.strange))

    def check(self) -> None:
        """Raises UnusableWeights with what is wrong: at most five names in all."""
        problems = list(self.problems())
        if not problems:
            return
        more = f" (and {len(problems) - SHOWN} more)" if len(problems) > SHOWN else ""
        raise UnusableWeights(
            f"The weights in {self.path.name} do not fit {self.architecture.title}: "
            f"{'; '.join(problems[:SHOWN])}{more}. Choose a file for this network."
        )

    def problems(self) -> Iterator[str]:
        yield from self.wrong
        yield from (f"{name} is missing" for name in self.missing)
        yield from (f"{printable(name)} does not belong to it" for name in self.strange)

    def cast(self) -> dict[str, torch.Tensor]:
        """The weights as float32. Raises UnusableWeights where a value is no finite number."""
        state = {k: v.float() if v.is_floating_point() else v for k, v in self.state.items()}
        bad = [name for name, tensor in state.items() if not np.isfinite(tensor.numpy()).all()]
        if bad:
            raise UnusableWeights(
                f"Some weights in {self.path.name} are not numbers (NaN or infinite): "
                f"{listed(bad)}. The training that made it failed; choose another file."
            )
        return state


def counts(name: str, tensor: torch.Tensor) -> bool:
    """Whether a weight is the counter of a batch norm, which files have or lack: one number."""
    return name.endswith("num_batches_tracked") and tensor.numel() == 1

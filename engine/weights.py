"""Weights files from anywhere: opened without trusting them, and recognised by what they hold."""

from __future__ import annotations

import json
import pickle
import struct
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from engine.backbones.base import Network
from engine.errors import UnusableWeights
from engine.impostors import read_head

NESTS = ("state_dict", "model_state_dict", "model", "model_ema", "net", "weights")
"""Names under which training programs keep the weights inside a larger file."""

PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "net.")
"""What wrappers put before every name."""

HARMFUL = (
    "posix",
    "nt.",
    "os.",
    "sys.",
    "builtins",
    "__builtin__",
    "subprocess",
    "shutil",
    "runpy",
)
SHOWN = 5
"""How many names of weights a sentence shows at most."""

Damaged = (
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    EOFError,
    OSError,
    MemoryError,
    struct.error,
    zipfile.BadZipFile,
)
"""What torch.load raises on bytes that are no such file."""


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a .safetensors, .pth or .pt file by name, as they are stored.

    The kind is taken from the bytes and not from the name. Nothing in the file is run. Raises
    UnusableWeights with a sentence for each way in which a file can be wrong.
    """
    head = read_head(path)
    named = len(head) > 8 and (head[8:9] == b"{" or path.suffix == ".safetensors")
    # First of all: it begins with its header's length, whose bytes may look like another kind's.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return read_safetensors(path, head)
    if head.startswith(b"PK"):
        return plain(path, read_zip(path))
    if head[:1] == b"\x80":
        return plain(path, load_pickle(path))
    if named:
        return read_safetensors(path, head)
    raise UnusableWeights(
        f"{path.name} is no weights file. Choose a .safetensors, .pth or .pt file."
    )


def read_safetensors(path: Path, head: bytes) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, its header checked against the file's length first."""
    length, size = struct.unpack("<Q", head[:8])[0], path.stat().st_size
    if length > size - 8:
        raise UnusableWeights(
            f"{path.name} says that its header is {length:,} bytes long, but the whole file has "
            f"{size:,}. It is cut short or made up. Get it again."
        )
    try:
        with path.open("rb") as file:
            file.seek(8)
            header = json.loads(file.read(length))
        needed = max((e["data_offsets"][1] for n, e in header.items() if n != "__metadata__"))
        if needed > size - 8 - length:
            raise UnusableWeights(
                f"{path.name} is cut short: {needed - (size - 8 - length):,} bytes of its weights "
                "are missing. Get it again."
            )
        return safetensors.torch.load_file(path, device="cpu")
    except (SafetensorError, *Damaged) as error:
        raise UnusableWeights(
            f"{path.name} has a safetensors header that does not describe the file. It is damaged "
            "or made up. Get it again."
        ) from error


def read_zip(path: Path) -> Any:
    """What torch.save wrote: a zip of one pickle and its numbers."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except Damaged as error:
        raise UnusableWeights(f"{path.name} is cut short or damaged. Get it again.") from error
    names = [part.filename for part in parts]
    if any(name.endswith("constants.pkl") for name in names):
        raise UnusableWeights(
            f"{path.name} is a TorchScript program and not only weights, so it was not opened. "
            "Save its weights with torch.save(model.state_dict(), FILE) and choose that file."
        )
    if (
        not any(name.endswith("data.pkl") for name in names)
        or sum(part.file_size for part in parts) > 2 * path.stat().st_size + 2**20
    ):
        raise UnusableWeights(f"{path.name} is a zip file, but none that PyTorch wrote.")
    return load_pickle(path)


def load_pickle(path: Path) -> Any:
    """What lies in a file of torch.save. Only tensors and plain containers are ever made."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old storages and the like: nothing to act on
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UnusableWeights(unsafe(path, error)) from error
    except Damaged as error:
        raise UnusableWeights(f"{path.name} is cut short or damaged. Get it again.") from error


def unsafe(path: Path, error: pickle.UnpicklingError) -> str:
    """The sentence for a pickle that asks for more than tensors."""
    text = str(error)
    found = [word.strip(".,") for word in text.replace("GLOBAL ", "\0").split("\0")[1:]]
    wanted = found[0].split()[0] if found else ""
    if not wanted:
        return (
            f"{path.name} is damaged, or a pickle that holds no plain weights. It was not opened. "
            "Save weights with torch.save(model.state_dict(), FILE)."
        )
    if wanted.startswith(HARMFUL):
        return (
            f"{path.name} would run code on opening ({wanted}), so it was refused. Nothing in it "
            "was run. Get the weights from a source that you trust, best as .safetensors."
        )
    return (
        f"{path.name} holds a whole pickled object ({wanted}) and not only weights, so it was not "
        "opened. Save its weights with torch.save(model.state_dict(), FILE) and choose that file."
    )


def plain(path: Path, content: Any) -> dict[str, torch.Tensor]:
    """The weights in what a file held: out of their nest, without wrappers' prefixes."""
    for nest in NESTS:
        if isinstance(content, Mapping) and isinstance(content.get(nest), Mapping):
            content = content[nest]
            break
    if not isinstance(content, Mapping):
        raise UnusableWeights(f"{path.name} holds no weights by name. Choose another file.")
    state = {str(k): v.detach() for k, v in content.items() if isinstance(v, torch.Tensor)}
    if not state:
        raise UnusableWeights(f"{path.name} holds no weights by name. Choose another file.")
    odd = [name for name, t in state.items() if not usual(t)]
    if odd:
        raise UnusableWeights(
            f"{path.name} holds weights that are quantised, sparse or no usual numbers "
            f"({listed(odd)}). Choose a file with plain float32 or float16 weights."
        )
    return without_prefix(state)


def usual(tensor: torch.Tensor) -> bool:
    """Whether a tensor holds plain real numbers, here in memory."""
    there = tensor.layout == torch.strided and not tensor.is_quantized and not tensor.is_meta
    return there and not tensor.is_complex() and tensor.dtype != torch.bool


def without_prefix(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same weights by names without what wrappers have put before all of them."""
    while prefix := next((p for p in PREFIXES if all(k.startswith(p) for k in state)), ""):
        state = {name[len(prefix) :]: tensor for name, tensor in state.items()}
    return state


def listed(names: Iterable[str]) -> str:
    """At most five names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


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
            f"{', '.join(fit.architecture.title for fit in fits)}."
        )
    best.check()
    return best


class Fit:
    """How well the weights of a file fit one network."""

    def __init__(self, path: Path, architecture: Network, state: Mapping[str, torch.Tensor]):
        self.path, self.architecture = path, architecture
        named = {architecture.renamed(k): v for k, v in state.items()}
        self.state = {k: v for k, v in named.items() if not architecture.set_aside(k)}
        expected = architecture.signature()
        given = {k: tuple(v.shape) for k, v in self.state.items() if not is_counter(k)}
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
        yield from (f"{name} does not belong to it" for name in self.strange)

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


def is_counter(name: str) -> bool:
    return name.endswith("num_batches_tracked")


def shape_text(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"

"""Files of torch.save, opened in a process with limits and written again as safetensors.

PyTorch makes only tensors and plain containers of a pickle, but a pickle can still name numbers
that it does not hold, nest deeper than a stack, or hash for ever. So no other process opens one:
what it holds is written as safetensors, once for each file, into the program's cache.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import tempfile
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from engine.errors import UnusableWeights
from engine.models.file_signature import printable
from engine.system.guarded import Limits, Send, Sentences, call
from engine.system.paths import cache_folder

log = logging.getLogger(__name__)

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

FORM = "weights-1"
"""The cache's folder of files written again; another name when what is written changes."""
KEPT = 4
"""So many of them are kept, the last used ones."""
SECONDS, BYTES_A_SECOND = 8, 10_000_000
"""What opening may take: torch.load reads a hundred times faster than this on two busy cores."""
MEMORY, FOLD = 300 << 20, 4
"""What it may take of memory: PyTorch itself, and the file so many times."""
TIMES = 3
"""A file's weights together are at most so many times its own bytes: some share their numbers."""


@contextmanager
def written_again(path: Path) -> Iterator[Path]:
    """The safetensors file with what a file of torch.save holds. Raises UnusableWeights.

    It lies in the cache; where nothing can be kept there, it is gone afterwards.
    """
    try:
        kept = in_cache(path)
    except OSError as error:
        log.info("weights are not kept in the cache: %s", error)
        with tempfile.TemporaryDirectory(prefix="espalier-", ignore_cleanup_errors=True) as folder:
            write_guarded(path, Path(folder) / "weights.safetensors")
            yield Path(folder) / "weights.safetensors"
        return
    yield kept


def in_cache(path: Path) -> Path:
    """The file in the cache, made where it is not there. Raises UnusableWeights and OSError."""
    with path.open("rb") as file:
        name = hashlib.file_digest(file, "sha256").hexdigest()
    folder = cache_folder() / FORM
    kept = folder / f"{name}.safetensors"
    if kept.is_file():
        os.utime(kept)
        return kept
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as aside:
        write_guarded(path, Path(aside) / kept.name)
        os.replace(Path(aside) / kept.name, kept)
    for old in sorted(folder.glob("*.safetensors"), key=lambda f: f.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)
    return kept


def write_guarded(path: Path, to: Path) -> None:
    call(write_again, path, to, limits=limits_for(path), said=sentences(path))


def try_state(path: Path) -> None:
    """Raises UnusableWeights where a checkpoint can't be opened within the limits."""
    call(open_state, path, limits=limits_for(path), said=sentences(path))


def limits_for(path: Path) -> Limits:
    size = path.stat().st_size
    return Limits(SECONDS + size / BYTES_A_SECOND, MEMORY + FOLD * size)


def sentences(path: Path) -> Sentences:
    again = "It is damaged or made up. Get the weights from a source that you trust."
    return Sentences(
        UnusableWeights,
        f"{path.name} takes far longer to open than weights do, so it was refused. {again}",
        f"{path.name} would fill far more memory than weights of its size, so it was refused. "
        f"{again}",
        f"{path.name} can't be opened: what looked into it broke off. {again}",
    )


# In the process with limits.


def open_state(send: Send, path: Path) -> None:
    load_pickle(path)


def write_again(send: Send, path: Path, to: Path) -> None:
    """Writes the weights that a file of torch.save holds as safetensors. Raises UnusableWeights."""
    state = weights_in(path)
    claimed = {name: tensor.numel() * tensor.element_size() for name, tensor in state.items()}
    most = TIMES * path.stat().st_size + 2**20
    if sum(claimed.values()) > most:
        name = max(claimed, key=lambda name: claimed[name])
        raise UnusableWeights(
            f"{path.name} says that it holds more numbers than it has bytes "
            f"({listed([name])} is {shape_text(state[name].shape)}), so it was refused. Get the "
            "weights from a source that you trust."
        )
    save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, to)


def weights_in(path: Path) -> dict[str, torch.Tensor]:
    """The weights in a file of torch.save, by name, without wrappers' prefixes."""
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            check_zip(path)
    return plain(path, load_pickle(path))


def check_zip(path: Path) -> None:
    """Raises UnusableWeights for what is not what torch.save wrote: a zip of one pickle and its
    numbers."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except Exception as error:
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


def load_pickle(path: Path) -> Any:
    """What lies in a file of torch.save. Only tensors and plain containers are ever made."""
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # old storages and the like: nothing to act on
            # A stream: torch.load would take a file's ending for more than its bytes.
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UnusableWeights(unsafe(path, error)) from error
    except MemoryError:
        raise
    except Exception as error:  # torch.load raises whatever the damage makes it meet
        raise UnusableWeights(f"{path.name} is cut short or damaged. Get it again.") from error


def unsafe(path: Path, error: pickle.UnpicklingError) -> str:
    """The sentence for a pickle that asks for more than tensors."""
    text = str(error)
    found = [word.strip(".,") for word in text.replace("GLOBAL ", "\0").split("\0")[1:]]
    wanted = next(iter(found[0].split()), "") if found else ""
    wanted = printable(wanted)
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


def listed(names: list[str]) -> str:
    """At most five names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(printable, names[:SHOWN])) + more


def shape_text(shape: Iterable[int]) -> str:
    return "×".join(map(str, shape)) or "one number"

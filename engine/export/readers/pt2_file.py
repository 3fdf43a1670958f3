"""PyTorch's programs (torch.export), from anywhere: checked before PyTorch loads them.

A .pt2 file can hold pickled objects, libraries and formulas, all of which can run any code when it
is opened. Those that Espalier writes hold none, and no others are opened.
"""

from __future__ import annotations

import io
import json
import logging
import pickle
import re
import threading
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from engine.errors import UnusableWeights
from engine.export.exported import Exported, foreign, told_by
from engine.export.readers.allowed_operations import known_target
from engine.models.file_signature import printable, read_head

FACTS = "espalier.json"
"""The file inside the archive with what it says of itself."""
PLAIN = re.compile(
    r"[^/]+/(data/weights/(weight_\d+|\w+_config\.json)|data/constants/(tensor_\d+|\w+_config\.json)"
    r"|models/model\.json|data/sample_inputs/model\.pt|archive_format|archive_version|byteorder"
    r"|\.data/(version|serialization_id|alignment)|extra/[\w.]+)"
)
"""Names of files in an archive that hold plain values."""
MOST = 64 << 20
"""Bytes of a text or of sample inputs; more would be a trap."""
WORDS = re.compile(r"[A-Za-z_][\w.]*")
KNOWN = re.compile(
    r"[su]\d+|Min|Max|FloorDiv|CleanDiv|CeilDiv|Mod|PythonMod|ModularIndexing|IntTrueDiv|ToFloat"
    r"|FloatTrueDiv|Integer|Symbol|positive|integer|nonnegative|Add|Mul|Pow|oo|int_oo|Eq|Ne|Lt|Le"
    r"|Gt|Ge|True|False"
)
"""Names in the formulas of sizes, which PyTorch evaluates."""
MOST_POWERS, LARGE = 2, re.compile(r"\d{20}|(\*\*|Pow\([^,]*,)\s*\(*\d{2}")
"""So many powers may stand in a formula, and what is too large a number or exponent."""
SIGNS = re.compile(r"[\w\s'(),=+*/.<>-]*")
GUARD = re.compile(r"(L|pictures|args|size|and|or|not|\d+|[ \[\]'().,=!<>%*/+-])*")
"""A condition on the lengths of what is given, which PyTorch runs as Python."""
Broken = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    pickle.UnpicklingError,
)


def open_file(path: Path, threads: int = 1) -> Exported:
    """Opens a program that Espalier exported. Raises UnusableWeights where it is none or damaged,
    holds what could run code, or PyTorch is not installed."""
    read_head(path)
    try:
        with zipfile.ZipFile(path) as packed:
            check(packed, path)
            facts = facts_in(packed, path)
            again = packed_again(packed)
    except Broken as error:
        raise UnusableWeights(no_program(path)) from error
    import torch

    torch.set_num_threads(threads)
    logging.getLogger("torch.export").addFilter(unsaid)
    try:
        program = torch.export.load(again).module()
    except Broken as error:
        raise UnusableWeights(no_program(path)) from error
    busy = threading.Lock()

    def run(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with busy, torch.inference_mode():
            found = program(torch.from_numpy(np.array(pixels)))
            return found[0].numpy(), found[1].numpy()

    return told_by(run, facts, path)


def unsaid(record: logging.LogRecord) -> bool:
    """Keeps PyTorch from logging what goes wrong: it is raised as well."""
    return False


def no_program(path: Path) -> str:
    return (
        f"{path.name} is no program of PyTorch, or it is cut short, or of another version. Export "
        "it or get it again."
    )


def facts_in(packed: zipfile.ZipFile, path: Path) -> dict[str, str]:
    """What a file says of itself. Raises UnusableWeights where it is none of Espalier's."""
    for name in packed.namelist():
        if name.endswith(f"/extra/{FACTS}"):
            return json.loads(packed.read(name))
    raise foreign(path)


def check(packed: zipfile.ZipFile, path: Path) -> None:
    """Raises UnusableWeights where an archive holds more than plain values."""
    for name in packed.namelist():
        plain = bool(PLAIN.fullmatch(name))
        if name.endswith((".json", ".pt")) and packed.getinfo(name).file_size > MOST:
            plain = False
        if plain and name.endswith("_config.json"):
            plain = not any(entry["use_pickle"] for entry in config_of(packed, name))
        if plain and name.endswith("model.json"):
            plain = calculates(json.loads(packed.read(name)))
        if plain and name.endswith("model.pt"):
            plain = only_tensors(packed.read(name))
        if not plain:
            raise UnusableWeights(
                f"{path.name} holds “{printable(name)}”, which could run any code when it is "
                "opened, so it was refused. Choose a file that Espalier exported."
            )


def packed_again(packed: zipfile.ZipFile) -> io.BytesIO:
    """What was checked, and nothing else: PyTorch's own reader could find other files in the same
    bytes, where an archive has more than one list of what it holds."""
    again = io.BytesIO()
    with zipfile.ZipFile(again, "w") as copy:
        for name in dict.fromkeys(packed.namelist()):
            copy.writestr(name, packed.read(name))
    again.seek(0)
    return again


def config_of(packed: zipfile.ZipFile, name: str) -> list[dict[str, object]]:
    return list(json.loads(packed.read(name))["config"].values())


def calculates(program: object) -> bool:
    """Whether a program only calls operations that are known, with formulas that are."""
    return all(RULES[key](value) for key, value in entries(program) if key in RULES)


def entries(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    """Every value in a tree of JSON with the name that it, or its list, lies under."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from entries(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from entries(inner, key)
    else:
        yield key, value


def harmless(formula: object) -> bool:
    """Whether a formula of sizes has known names and signs only, and no towers of powers."""
    text = str(formula)
    calm = text.count("**") + text.count("Pow") <= MOST_POWERS and not LARGE.search(text)
    known = all(map(KNOWN.fullmatch, WORDS.findall(text)))
    return calm and known and bool(SIGNS.fullmatch(text))


RULES: dict[str, Callable[[object], bool]] = {
    "target": known_target,
    "expr_str": harmless,
    "guards_code": lambda guard: bool(GUARD.fullmatch(str(guard))) and "**" not in str(guard),
}
"""What PyTorch calls, evaluates or runs of a program, and when it may."""


def only_tensors(content: bytes) -> bool:
    """Whether a pickle holds tensors and plain values only."""
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.load(io.BytesIO(content), weights_only=True)
    except pickle.UnpicklingError:
        return False
    return True

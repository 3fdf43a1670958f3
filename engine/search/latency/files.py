"""Latency tables in files: our own JSON, and where they are kept.

A table's file may come from anywhere, so everything in it is checked before it is believed.
"""

from __future__ import annotations

import contextlib
import json
import stat
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from engine.errors import BadSetting, Refused
from engine.models.supernet.architecture import RESOLUTIONS
from engine.models.supernet.mobilenet import widths_of
from engine.models.supernet.parts import NetworkPart
from engine.models.timing import Setting, device_facts, device_key, setting_of
from engine.results.specialise import LatencyTableRow
from engine.search.latency.table import Fit, LatencyTable, needed
from engine.system.files import replace_file
from engine.system.paths import data_folder

FORMAT, VERSION = "espalier latency table", 1
MOST_BYTES = 16 * 2**20
"""A table of one resolution takes 15 kB."""
LONGEST_MS = 1e6


# Where they are.


def tables_folder() -> Path:
    return data_folder() / "latency"


def all_tables() -> dict[str, LatencyTable | str]:
    """Every table kept here by its name; for one that can't be read, the sentence that says so."""
    found: dict[str, LatencyTable | str] = {}
    for path in sorted(tables_folder().glob("*.json")):
        try:
            table = load_table(path)
            found[table.name] = table
        except Refused as error:
            found[path.stem] = str(error)
    return found


def find_table(
    multiplier: float, resolutions: Iterable[int], setting: Setting | None = None, name: str = ""
) -> LatencyTable | None:
    """The table of this device, or the one called `name`, that holds these resolutions.

    None where this device was not measured so yet. Raises Refused where the one called `name` is
    not there, or does not serve this supernet.
    """
    if name:
        return named_table(name, multiplier, resolutions)
    path = tables_folder() / f"{device_key(setting or Setting())}-w{multiplier:g}.json"
    try:
        table = load_table(path)
    except Refused:
        return None  # not measured yet, or damaged: it is measured again
    return table if table.covers(resolutions) else None


def named_table(name: str, multiplier: float, resolutions: Iterable[int]) -> LatencyTable:
    """A table by its name, or by a part that only one has. Raises Refused."""
    table = one_table(name)
    if widths_of(table.multiplier) != widths_of(multiplier):
        raise Refused(
            f"The latency table “{table.name}” is of networks of width {table.multiplier:g}, and "
            f"not of {multiplier:g}. Choose another."
        )
    table.check(resolutions)
    return table


def one_table(name: str) -> LatencyTable:
    """The table whose name is, or alone contains, `name`. Raises Refused."""
    known = all_tables()
    fitting = [name] if name in known else [n for n in known if name.lower() in n]
    if len(fitting) != 1:
        offer = ", ".join(known) or "none; measure one"
        raise Refused(f"No single latency table is called “{name}”. There are: {offer}.")
    table = known[fitting[0]]
    if isinstance(table, str):
        raise Refused(table)
    return table


def store(table: LatencyTable) -> tuple[LatencyTable, Path]:
    """Keeps a table. What its file holds of other resolutions stays, unless it was found to be off.

    Returns what is kept now, and where. Raises Refused.
    """
    path = tables_folder() / f"{table.name}.json"
    if path.exists():
        with contextlib.suppress(Refused):  # damaged: the new one takes its place
            kept = load_table(path)
            table = kept.joined(table) if kept.fits_still else table
    save_table(table, path)
    return table, path


def is_own(table: LatencyTable) -> bool:
    """Whether a table was measured on this computer, as it is now."""
    return dict(table.device) == device_facts()


def in_short(table: LatencyTable) -> LatencyTableRow:
    """What a person is shown of a table, as plain values."""
    device = table.device
    cores = f", {device['cores']} cores" if "cores" in device else ""
    return {
        "name": table.name,
        "device": f"{device['processor']}{cores}",
        "setting": str(table.setting),
        "width": table.multiplier,
        "resolutions": list(table.resolutions),
        "entries": len(table.entries),
        "when": table.when,
        "own": is_own(table),
        "fits": table.fits_still,
        "ratio": table.ratio,
        "error_ms": table.error_ms,
        "error_share": table.error_share,
        "usual": max(fit.usual for fit in table.fits.values()),
    }


# Our own format.


def save_table(table: LatencyTable, path: Path) -> None:
    """Writes a table as JSON, whole or not at all. Raises Refused."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "width": table.multiplier,
        "setting": asdict(table.setting),
        "device": dict(table.device),
        "when": table.when,
        "call_ms": table.call_ms,
        "ratio": table.ratio,
        "fits": {str(resolution): asdict(fit) for resolution, fit in table.fits.items()},
        "milliseconds": dict(sorted(table.entries.items())),
    }
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all. Raises Refused where the system does not let us."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode(), shared=True)
    except OSError as error:
        raise Refused(
            f"The latency table can't be written to {path} ({error.strerror}). Choose another "
            "place, or allow writing there."
        ) from error


def read_text(path: Path) -> str:
    """A table's file as text. Raises Refused where it is missing, huge or no text."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe could wait for ever
            raise Refused(f"{path} is no file. Choose a file with a latency table.")
        if path.stat().st_size > MOST_BYTES:
            raise Refused(f"{path.name} is too large for a latency table. Choose another file.")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path} can't be read ({error.strerror}). Choose another file.") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{path.name} is no text, so no latency table. Choose another.") from error


def load_table(path: Path) -> LatencyTable:
    """The table that `save_table` wrote. Raises Refused where it is damaged or something else."""
    text = read_text(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(
            f"{path.name} is damaged, or is no latency table. Measure again, or choose another."
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise Refused(f"{path.name} is no latency table of Espalier. Choose another file.")
    if content.get("version") != VERSION:
        raise Refused(
            f"{path.name} was written by another version of Espalier. Measure again with this one."
        )
    try:
        table = table_of(content)
    except (AttributeError, KeyError, TypeError, ValueError, BadSetting) as error:
        raise Refused(
            f"The latency table {path.name} is damaged ({error}). Measure again, or choose another."
        ) from error
    complete(table, path.name)
    return table


def table_of(content: Mapping[str, Any]) -> LatencyTable:
    """From a file's content. Raises AttributeError, KeyError, TypeError, ValueError or BadSetting
    where something is missing or of another kind."""
    width = number(content["width"], "width", 0.1, 2)
    entries = {key: number(ms, key, 0, LONGEST_MS) for key, ms in content["milliseconds"].items()}
    fits = {resolution_of(r): fit_of(found) for r, found in content["fits"].items()}
    if not fits or any(NetworkPart.parse(key) is None for key in entries):
        raise ValueError("it holds no resolution, or blocks of another network")
    return LatencyTable(
        multiplier=width,
        setting=setting_of(content["setting"]),
        device=device_of(content["device"]),
        entries=entries,
        fits=fits,
        when=as_text(content.get("when", ""), 40),
        call_ms=number(content.get("call_ms", 0), "call_ms", 0, LONGEST_MS),
        ratio=number(content.get("ratio", 1), "ratio", 0, LONGEST_MS),
    )


def number(value: object, what: str, least: float, most: float) -> float:
    """A finite number in its range. Raises ValueError."""
    if isinstance(value, bool) or not (isinstance(value, int | float) and least <= value <= most):
        raise ValueError(f"{what[:120]} is {str(value)[:40]}")
    return float(value)


def resolution_of(text: str) -> int:
    if not text.isdecimal() or int(text) not in RESOLUTIONS:
        raise ValueError(f"{text[:40]} is no resolution")
    return int(text)


def fit_of(found: Mapping[str, object]) -> Fit:
    """A fit whose numbers make sense: latencies grow with the sum of the blocks."""
    ranges = {"scale": (1e-3, 1e3), "offset": (-LONGEST_MS, LONGEST_MS)}
    values: dict[str, Any] = {}
    for place in fields(Fit):
        least, most = ranges.get(place.name, (0, LONGEST_MS))
        values[place.name] = number(found[place.name], place.name, least, most)
    return Fit(**{**values, "networks": int(values["networks"])})


def device_of(found: Mapping[str, object]) -> dict[str, str | int]:
    """Plain facts, shortened: they are shown, and make the file's name."""
    facts = {as_text(k, 40): v if type(v) is int else as_text(v, 100) for k, v in found.items()}
    if not facts.get("processor"):
        raise ValueError("it does not say which device it is of")
    return facts


def as_text(value: object, most: int) -> str:
    """Something from a file as a text that can be written: JSON can name halves of characters."""
    return str(value)[:most].encode("utf-8", "replace").decode()


def complete(table: LatencyTable, name: str) -> None:
    """Raises Refused where a table lacks a block that its supernet may choose."""
    for resolution in table.resolutions:
        missing = sorted(needed(table.multiplier, resolution) - set(table.entries))
        if missing:
            raise Refused(
                f"{name} lacks {len(missing)} of the blocks at {resolution} pixels, such as "
                f"{missing[0]}. Measure them, or choose another file."
            )

"""Latency tables of the original once-for-all project, read and written.

Its files (https://github.com/mit-han-lab/once-for-all, tutorial/checkpoints/latency_table@note10)
are YAML of two levels, one file a resolution: a block's key, under it count, mean and std in
milliseconds. A network's latency there is the plain sum. That little YAML is read here line by
line: no file can make it run code or take long.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from engine.errors import Refused
from engine.models.supernet.mobilenet import widths_of
from engine.models.supernet.parts import EXPANSION, LOGITS, MIX, STEM, NetworkPart, fixed_parts
from engine.models.timing import Setting
from engine.search.latency.files import LONGEST_MS, complete, read_text, write_text
from engine.search.latency.table import Fit, LatencyTable, needed

KEY_LINE = re.compile(r"""(["']?)([\w:-]+)\1:\s*(?:\{(.*)\})?\s*""")
VALUE_LINE = re.compile(r"\s+(\w+):\s*(\S+)\s*")
VALUE = re.compile(r"\s*(\w+):\s*(\S+?)\s*")
WIDTHS = (1.0, 1.2, 0.5, *(hundredth / 100 for hundredth in range(10, 201)))
"""Those of published supernets first: widths that differ little give the same channels."""


def read_original(path: Path, name: str = "", setting: Setting | None = None) -> LatencyTable:
    """A table from one file of the original project, as of a device called `name`.

    Nothing is known of its error, so it is taken at its word. Raises Refused.
    """
    means = means_of(path.name, read_text(path))
    entries: dict[str, float] = {}
    for key, ms in means.items():
        if NetworkPart.parse(key) is None:
            raise Refused(
                f"{path.name} is of another kind of network: its block “{key[:100]}” is none of "
                "the once-for-all MobileNetV3."
            )
        entries[key] = ms
    resolution, width = shape_of(
        path.name, [part for key in entries if (part := NetworkPart.parse(key))]
    )
    device = {"processor": (name or path.stem)[:100]}
    table = LatencyTable(width, setting or Setting(), device, entries, {resolution: Fit()})
    complete(table, path.name)
    return table


def means_of(name: str, text: str) -> dict[str, float]:
    """The mean of each key. Raises Refused at the first line that is none of such a table."""
    means: dict[str, float] = {}
    current = ""
    for at, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#") or line.strip() in ("---", "..."):
            continue
        if key := KEY_LINE.fullmatch(line):
            current = key[2]
            inside = [VALUE.fullmatch(part) for part in (key[3] or "").split(",") if part.strip()]
        else:
            inside = [VALUE_LINE.fullmatch(line)] if current else [None]
        for value in inside:
            if value is None:
                raise Refused(
                    f"Line {at} of {name} does not belong to a latency table: "
                    f"“{line.strip()[:60]}”."
                )
            if value[1] == "mean":
                means[current] = milliseconds(name, at, value[2])
    if not means:
        raise Refused(f"{name} holds no latencies. Choose another file.")
    return means


def milliseconds(name: str, at: int, text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found <= LONGEST_MS:
        raise Refused(f"Line {at} of {name} holds no latency: “{text[:40]}”.")
    return found


def shape_of(name: str, parts: list[NetworkPart]) -> tuple[int, float]:
    """Resolution and width multiplier, from the parts that every network has. Raises Refused."""
    ends = {kind: [p for p in parts if p.kind == kind] for kind in (STEM, EXPANSION, MIX)}
    if any(len(found) != 1 for found in ends.values()):
        raise Refused(
            f"{name} must hold one {STEM}, one {EXPANSION} and one {MIX}: the blocks of one "
            "resolution. Choose another file."
        )
    stem, expansion, mix = (found[0] for found in ends.values())
    wanted = [stem.after, expansion.before, expansion.after, mix.after]
    keys = {str(part) for part in parts}
    fitting = [w for w in WIDTHS if [widths_of(w)[i] for i in (0, 6, 7, 8)] == wanted]
    if not fitting:
        raise Refused(f"{name} is of no width between 0.1 and 2. Choose another file.")
    best = min(fitting, key=lambda w: len(needed(w, stem.side) - keys))
    return stem.side, best


def as_original(table: LatencyTable) -> str:
    """The text of a table with one resolution. The plain sum of its means is our prediction.

    The scale is multiplied in; the offset goes to the parts that every network has.
    """
    (resolution, fit), *_ = table.fits.items()
    fixed = [str(part) for part in fixed_parts(table.multiplier, resolution)]
    scaled = {key: fit.scale * ms for key, ms in table.entries.items()}
    whole = sum(scaled[key] for key in fixed)
    lines = []
    for key, ms in sorted(scaled.items()):
        share = (scaled[key] / whole if whole else 1 / len(fixed)) if key in fixed else 0.0
        mean = table.entries[key] if key.startswith(LOGITS) else max(0.0, ms + share * fit.offset)
        lines.append(f"{key}:\n  count: 1\n  mean: {mean!r}\n  std: 0.0\n")
    return "".join(lines)


def write_original(table: LatencyTable, resolution: int, path: Path) -> None:
    """Writes one resolution for the original project. Raises Refused."""
    write_text(path, as_original(table.only(resolution)))

"""Jobs on latency tables: measure this computer, list, check, import and export."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import BadSetting, Refused
from engine.events import Progress, Saved, Work
from engine.jobs import job
from engine.models import timing
from engine.models.supernet.embedded import embedded_supernet
from engine.results.specialise import (
    LatencyTableRow,
    LatencyTables,
    TableExported,
    TableMeasured,
    TableUnreadable,
)
from engine.search.latency import files, measuring, ofa_tables
from engine.search.latency import table as latency_table
from engine.search.search import usual_resolutions
from engine.session import Session

YAML = (".yaml", ".yml")


@job("Measure latency on this computer")
def measure_latency(
    session: Session,
    *,
    resolutions: Sequence[int] = (),
    threads: int = 1,
    batch: int = 1,
    provider: str = "CPUExecutionProvider",
    precision: str = "float32",
    width: float = 0,
    seconds: float = 0,
) -> Work[TableMeasured]:
    """Measures the blocks of a supernet and keeps them as a table; 5 to 20 s a resolution.

    `width` 0 is that of the project's supernet, or of the embedded one where no project is open;
    no `resolutions` are the usual ones of that supernet. `seconds` is for each resolution; 0 takes
    what is usual.
    """
    setting = timing.Setting(threads, batch, provider, precision)
    usual_width, size = supernet_of(session)
    if not 0.1 <= (width or usual_width) <= 2 or not 0 <= seconds <= 600:
        raise BadSetting("Widths go from 0.1 to 2, and a resolution takes 600 seconds at most.")
    sizes = tuple(resolutions) or usual_resolutions(size)
    begin = time.monotonic()
    table = yield from measuring.build_table(width or usual_width, sizes, setting, seconds=seconds)
    table, path = files.store(table)
    yield Saved("latency table", str(path))
    passed = time.monotonic() - begin
    return {**files.in_short(table), "seconds": passed, "path": str(path)}


def supernet_of(session: Session) -> tuple[float, int]:
    """Width and input size of the project's supernet; of the embedded one without a project."""
    if session.project is None:
        supernet, facts = embedded_supernet()
        return supernet.multiplier, int(facts["use_size"])
    supernet, origin = session.supernet()
    return supernet.multiplier, origin.size


@job("List the latency tables", reads=True)
def latency_tables(session: Session) -> Work[LatencyTables]:
    """Every table that is kept; one that can't be read has a `problem` instead."""
    yield Progress(0, None, "Reading")
    tables: list[LatencyTableRow | TableUnreadable] = []
    for name, table in files.all_tables().items():
        if isinstance(table, latency_table.LatencyTable):
            tables.append(files.in_short(table))
        else:
            tables.append({"name": name, "problem": table})
    return {"tables": tables}


@job("Check a latency table", reads=True)
def check_latency(session: Session, *, name: str = "") -> Work[LatencyTableRow]:
    """Times a few whole networks and notes in the table whether it still fits this computer."""
    table = files.one_table(name) if name else own_table()
    if not files.is_own(table):
        raise Refused(f"The latency table “{table.name}” is of another device. Check it there.")
    return files.in_short((yield from measuring.checked(table)))


def own_table() -> latency_table.LatencyTable:
    """The newest table of this computer. Raises Refused where it was not measured."""
    tables = [t for t in files.all_tables().values() if isinstance(t, latency_table.LatencyTable)]
    own = [table for table in tables if files.is_own(table)]
    if not own:
        raise Refused("This computer was not measured yet. Run `espalier latency measure` first.")
    return max(own, key=lambda table: table.when)


@job("Import latency tables")
def import_latency(
    session: Session, *, paths: Sequence[str], name: str = "", threads: int = 1
) -> Work[LatencyTables]:
    """Keeps tables from files: our JSON, or YAML of the original once-for-all project.

    Those files do not say which device they are of (`name`; the first file's own name where it is
    empty) nor how many threads were used. All are read before one is kept.
    """
    setting, read = timing.Setting(threads), []
    for done, path in enumerate(map(Path, paths)):
        yield Progress(done, len(paths), "Reading")
        if path.suffix.lower() in YAML:
            device = name or Path(paths[0]).stem
            read.append(ofa_tables.read_original(path, device, setting))
        else:
            table = files.load_table(path)
            read.append(renamed(table, name) if name else table)
    kept = {}
    for table in read:
        stored, path = files.store(table)
        kept[stored.name] = files.in_short(stored)
        yield Saved("latency table", str(path))
    return {"tables": list(kept.values())}


def renamed(table: latency_table.LatencyTable, name: str) -> latency_table.LatencyTable:
    return replace(table, device={**table.device, "processor": name[:100]})


@job("Export a latency table", reads=True)
def export_latency(
    session: Session, *, path: str, table: str = "", resolution: int = 0, overwrite: bool = False
) -> Work[TableExported]:
    """Writes a table as JSON, or one of its resolutions as YAML for the original project.

    `table` is a name, or a part of one; this computer's newest where it is empty.
    """
    chosen = files.one_table(table) if table else own_table()
    to = Path(path)
    if to.exists() and not overwrite:
        raise Refused(f"{path} already exists. Give another name, or allow it to be replaced.")
    yield Progress(0, None, "Writing")
    if to.suffix.lower() not in YAML:
        found = chosen.only(resolution) if resolution else chosen
        files.save_table(found, to)
        return {"path": path, **files.in_short(found)}
    if not resolution and len(chosen.resolutions) > 1:
        raise Refused(
            "The original project keeps one resolution in a file. Choose one of: "
            f"{', '.join(map(str, chosen.resolutions))}."
        )
    resolution = resolution or chosen.resolutions[0]
    ofa_tables.write_original(chosen, resolution, to)
    return {"path": path, **files.in_short(chosen.only(resolution))}

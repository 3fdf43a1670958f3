"""The commands of `espalier latency`: how fast networks run on this computer, or on another."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from app.cli.terminal import columns, do, finish
from engine.results.specialise import LatencyTableRow, LatencyTables, TableExported, TableMeasured
from engine.system.words import per_cent

NAMES = ("latency",)


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Adds `latency` with its four commands."""
    help = "Measure how fast networks run here, and exchange such tables."
    parts = commands.add_parser("latency", help=help, description=help)
    parts = parts.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, work: Callable[[argparse.Namespace], int], help: str) -> Any:
        parser = parts.add_parser(name, help=help, description=help, parents=[common])
        parser.set_defaults(command=work)
        return parser.add_argument

    add_measure(command("measure", measure, "Measure this computer (5 to 20 s a resolution)."))
    add = command("show", show, "List the tables that are kept.")
    add("--check", action="store_true", help="time a few networks: does this computer's still fit?")
    add = command("import", bring, "Keep tables from files (JSON, or YAML of once-for-all).")
    add("file", nargs="+")
    add("--name", default="", help="the device they are of, where the file does not say it")
    add("--threads", type=int, default=1, help="threads used there, where the file is YAML")
    add = command("export", send, "Write a table to a file (.json, or .yaml for once-for-all).")
    add("--to", required=True, metavar="FILE")
    add("--table", default="", metavar="NAME", help="its name, or a part of it")
    add("--resolution", type=int, default=0, help="this one only")
    add("--overwrite", action="store_true", help="replace the file if it is there")


def add_measure(add: Callable[..., Any]) -> None:
    add("--project", default="", help="measure the supernet of this project")
    add("--width", type=float, default=0, help="width of the supernet; 0.5 is the embedded one")
    add("--resolution", type=int, nargs="+", default=[], metavar="PIXELS")
    add("--threads", type=int, default=1, help="threads of a network")
    add("--batch", type=int, default=1, help="images at once")
    add("--provider", default="CPUExecutionProvider", help="ONNX Runtime's name of what computes")
    add("--precision", default="float32", help="float32 or float16")
    add("--seconds", type=float, default=0, help="of timing, for each resolution")


def measure(options: argparse.Namespace) -> int:
    names = ("width", "threads", "batch", "provider", "precision", "seconds")
    chosen = {name: getattr(options, name) for name in names}
    ended = do(
        options,
        "measure_latency",
        project=options.project,
        resolutions=options.resolution,
        **chosen,
    )
    return finish(options, ended, TableMeasured, measured)


def measured(result: TableMeasured) -> str:
    lines = [
        f"{result['device']}, {result['setting']}",
        f"{result['entries']} blocks for width {result['width']:g} at {sizes(result)} pixels",
        f"predictions are off by {error(result)} on networks that had no part in the fit",
        f"measured in {result['seconds']:.0f} s, kept in {result['path']}",
    ]
    return "\n".join(lines)


def show(options: argparse.Namespace) -> int:
    if options.check:
        checked = do(options, "check_latency")
        if checked.how != "done":
            return finish(options, checked, LatencyTableRow, str)
    return finish(options, do(options, "latency_tables"), LatencyTables, listed)


def listed(result: LatencyTables) -> str:
    """One line for each table."""
    if not result["tables"]:
        return "No latency table is kept here yet. `espalier latency measure` makes one."
    rows = [("name", "device", "setting", "pixels", "error", "")]
    for table in result["tables"]:
        if "problem" in table:
            rows.append((table["name"], str(table.get("problem")), "", "", "", ""))
            continue
        state = "this computer" if table["own"] else "another device"
        if not table["fits"]:
            state += f", off by {table['ratio']:.2f} times"
        rows.append(
            (table["name"], table["device"], table["setting"], sizes(table), error(table), state)
        )
    return columns(rows)


def bring(options: argparse.Namespace) -> int:
    ended = do(
        options, "import_latency", paths=options.file, name=options.name, threads=options.threads
    )
    return finish(options, ended, LatencyTables, listed)


def send(options: argparse.Namespace) -> int:
    ended = do(
        options,
        "export_latency",
        path=options.to,
        table=options.table,
        resolution=options.resolution,
        overwrite=options.overwrite,
    )
    words = "Wrote {} pixels to {}."
    return finish(options, ended, TableExported, lambda r: words.format(sizes(r), r["path"]))


def sizes(table: LatencyTableRow) -> str:
    return ", ".join(map(str, table["resolutions"]))


def error(table: LatencyTableRow) -> str:
    """How far predictions are off, or that nothing is known of it."""
    if not table["error_ms"]:
        return "not known"
    return f"±{table['error_ms']:.3f} ms ({per_cent(table['error_share'])})"

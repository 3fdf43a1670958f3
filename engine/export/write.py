"""What all exports have in common: written aside, checked in another process, then given a name."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path

from engine.errors import Refused
from engine.events import Progress, checked
from engine.export.check import check_elsewhere
from engine.export.formats import ExportData, Exporter
from engine.export.receipts.measured import receipt_of
from engine.export.receipts.papers import foreign_paper, papers_of, write_papers
from engine.export.receipts.words import summary, verdict
from engine.models.backbone import Model
from engine.results.export import Receipt
from engine.system import device as devices
from engine.system.files import is_full
from engine.system.replacing import NEW, hidden_folder, replace_all, sweep


def export_model(
    exporter: Exporter, model: Model, path: Path, material: ExportData, overwrite: bool = False
) -> Generator[Progress, None, Receipt]:
    """Writes `path` with its script, receipt and card beside it, and returns the receipt.

    All is written into a folder beside `path`, the file is checked in a process of its own, and
    only then everything is moved to its place, as a whole. Raises Refused: it does not agree, a
    file is in the way, the folder can't be written, or a library is missing.
    """
    path = Path(path).absolute()
    check_target(exporter, path, overwrite)
    yield Progress(0, None, "Writing the network")
    try:
        with hidden_folder(path.parent) as hidden:
            half = hidden / NEW / path.name
            half.parent.mkdir()
            facts = yield from exporter.write(model, half, material)
            found = yield from check_elsewhere(half, material.images, devices.threads())
            refuse_unseen(found.used)
            receipt = receipt_of(exporter, model, half, found, material) | facts
            exporter.judge(receipt)
            script = bool(exporter.script(path.name))
            receipt["papers"] = papers_of(path, script, picture="confusion" in receipt)
            receipt |= {"summary": summary(receipt), "verdict": verdict(receipt)}
            write_papers(exporter, model, half.parent, receipt, material)
            replace_all(hidden, path, apart=bool(exporter.companions))
    except OSError as error:
        raise Refused(cant_write(path, error)) from error
    return checked(Receipt, receipt, "receipt")  # formats added to it


def check_target(exporter: Exporter, path: Path, overwrite: bool) -> None:
    """Refuses names that are taken or wrong, and formats that can't be written here, at once."""
    if reason := exporter.missing():
        raise Refused(reason)
    if path.suffix.lower() != exporter.suffix:
        raise Refused(f"“{path.name}” does not end in {exporter.suffix}. Choose a name that does.")
    try:
        with contextlib.suppress(FileNotFoundError):
            path.lstat()
        sweep(path.parent)  # first: what a kill cut off there may be whole now
        check_place(exporter, path, overwrite)
    except (OSError, ValueError) as error:  # a name that is too long, or that no system takes
        raise Refused(cant_write(path, error)) from error


def check_place(exporter: Exporter, path: Path, overwrite: bool) -> None:
    """Refuses folders that are not there, and names that are taken."""
    if not path.parent.is_dir():
        raise Refused(f"There is no folder {path.parent}. Make it, or choose another.")
    if path.is_dir():
        raise Refused(f"{path.name} is a folder. Choose another name.")
    for file in (path, *map(path.with_suffix, exporter.companions)):
        if file.exists() and not overwrite:
            raise Refused(
                f"{file.name} already exists. Choose another name, or let it be replaced."
            )
    if other := foreign_paper(path):
        raise Refused(
            f"{other} lies where a paper of the export would be written, and is not one of "
            "Espalier's. Choose another name for the export."
        )


def cant_write(path: Path, error: Exception) -> str:
    why = (getattr(error, "strerror", None) or str(error)).lower()
    do = "Free some space" if is_full(error) else "Close the programs that use it"
    return (
        f"{path} can't be written ({why}), so nothing was exported. {do}, or choose another name "
        "or folder."
    )


def refuse_unseen(used: list[int]) -> None:
    if not used:
        raise Refused(
            "The exported file could not be compared on any image, so it was not kept. Check "
            "that the project's images are still where they were."
        )

"""The jobs of the Export page: a file that gives the same answers, and the receipt for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import Refused
from engine.events import Progress, Saved, Work
from engine.export.formats import EXPORTERS, FIRST
from engine.export.material import exporter_of, written
from engine.export.receipts.about import about_step
from engine.export.write import cant_write, check_target
from engine.jobs import job
from engine.jobs.project import set_data_licence
from engine.learning.promising import kept_evidence, model_in_use, told
from engine.models.backbone import Model
from engine.results.export import Exporters, Receipt
from engine.session import Session


@job("List the export formats", reads=True)
def list_exporters(session: Session) -> Work[Exporters]:
    """Every format with its settings, its ending, and why it can't be used here, if so.

    What is proposed comes first.
    """
    yield Progress(0, None, "Reading")
    described = []
    for view in EXPORTERS.describe():
        plugin = EXPORTERS[view.name]
        facts = {
            "suffix": plugin.suffix,
            "missing": plugin.missing(),
            "inside": plugin.inside,
            "whom": plugin.whom,
            "recommended": view.name == FIRST,
        }
        described.append(replace(view, facts=facts))
    described.sort(key=lambda view: view.name != FIRST)
    return {"exporters": described}


@job("Export the model")
def export(
    session: Session,
    *,
    path: str,
    format: str = "onnx",
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    data_licence: str | None = None,
    make_folder: bool = False,
) -> Work[Receipt]:
    """Writes the model in use to a file, checks it in a process of its own, or refuses.

    `data_licence` says under what terms the images are, and is kept; None leaves it as it is. With
    `make_folder` the file's folder is made where it is missing, and goes again without an export.
    """
    exporter = exporter_of(format, settings)
    if not path.strip():
        raise Refused("Name the file to export to.")
    with own_folder(Path(path).absolute().parent, make_folder):
        check_target(exporter, Path(path).absolute(), overwrite)
        if data_licence is not None:
            yield from set_data_licence(session, text=data_licence)
        project, model, extractor = session.require(), promised(session), session.extractor()
        about = about_step(project, extractor.backbone)
        receipt = yield from written(
            project, exporter, model, extractor, Path(path), overwrite, about
        )
    yield Saved("export", path)
    return receipt


def promised(session: Session) -> Model:
    """The model in use. Raises Refused where it can't keep the project's promise any more."""
    model = model_in_use(session)
    if model.promise is not None and not model.promise.kept:
        found = kept_evidence(session, model)
        raise Refused(
            f"{told(found, model.promise)['said']} The project promises it, so nothing was "
            "exported. Add images, or take the promise away on the Learn page."
        )
    return model


@contextmanager
def own_folder(folder: Path, make: bool) -> Iterator[None]:
    """Makes one folder if asked for and missing; where nothing comes into it, it goes again."""
    fresh = make and not folder.exists() and folder.parent.is_dir()
    if fresh:
        try:
            folder.mkdir()
        except OSError as error:
            raise Refused(cant_write(folder, error)) from error
    try:
        yield
    except BaseException:
        if fresh:
            with suppress(OSError):  # somebody put something into it
                folder.rmdir()
        raise

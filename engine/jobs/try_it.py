"""Jobs that answer: what images show, and how well a model does on a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.errors import Refused
from engine.events import Progress, Work
from engine.images.folders import find_images
from engine.jobs import job
from engine.learning import scoring
from engine.learning.answering import look, told
from engine.learning.promising import model_in_use
from engine.results.learn import ImageAnswer, NoAnswer, PastedAnswer, Score
from engine.session import Session
from engine.storage import catalogue, steps
from engine.storage.project import Project


@job("Say what a pasted image shows", reads=True)
def predict_pixels(session: Session, *, content: bytes) -> Work[PastedAnswer]:
    """The same for one image that has no file: `content` is a PNG or JPEG."""
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        file = Path(folder) / "pasted.png"
        file.write_bytes(content)
        told = yield from answered(session, [file])
        return {"picture": next(iter(told.values()))}


def answered(session: Session, paths: Sequence[Path]) -> Work[dict[str, ImageAnswer | NoAnswer]]:
    """What the project says of images, as plain values by path."""
    model, extractor = model_in_use(session), session.extractor()
    seen = yield from look(model, extractor, paths)
    return told(session.require(), extractor, model, seen)


@job("Score", reads=True)
def score(session: Session, *, test: str = "", predictions: bool = False) -> Work[Score]:
    """Scores of the step in use on validation images, or on a folder of class folders."""
    project = session.require()
    row = steps.current(project)
    if row is None:
        raise Refused("Nothing was learnt yet. Learn folders of images first.")
    if not test:
        yield Progress(0, None, "Reading")
        result: Score = {**scoring.in_full(project, row)}
        if predictions:
            result["predictions"] = stored_answers(project, row)
        return result
    return (yield from score_folder(session, row, Path(test), predictions))


def stored_answers(project: Project, row: Any) -> dict[str, str]:
    kept = steps.predictions(project, row)
    if kept is None:
        return {}
    names = catalogue.class_names(project)
    answers = dict(zip(kept["images"].tolist(), kept["answer"].tolist(), strict=True))
    rows = catalogue.images_by_id(project, list(answers))
    return {catalogue.displayable(r["path"]): names.get(answers[r["id"]], "?") for r in rows}


def score_folder(session: Session, row: Any, folder: Path, predictions: bool) -> Work[Score]:
    """Answers every image of the folder, and compares with the names of its class folders."""
    model = session.model()
    names = model.class_names
    if not folder.is_dir():
        raise Refused(f"There is no folder “{folder}”. Check its name.")
    found = find_images([folder], nested=any(model.within))
    known = [
        (path, name) for name, files in found.classes.items() if name in names for path, _ in files
    ]
    if not known:
        raise Refused(
            f"No folder in “{folder}” has the name of a class that was learnt. "
            f"The classes are: {', '.join(names[:8])}"
            + (f" and {len(names) - 8} more." if len(names) > 8 else ".")
        )
    seen = yield from look(model, session.extractor(), [path for path, _ in known])
    truth = dict(known)
    result: Score = {
        **scoring.test_table(names, [truth[path] for path in seen.paths], seen.answers),
        **scoring.continual_of(row),
        "skipped": [{"path": str(p), "reason": r} for p, r in seen.reasons.items()],
        "unknown_classes": sorted(set(found.classes) - set(names)),
    }
    if predictions:
        result["predictions"] = {
            str(path): names[best] for path, best in zip(seen.paths, seen.answers.best, strict=True)
        }
    return result

"""A study from its estimate to its table."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np

from engine.errors import Diverged, Refused
from engine.events import Event, Notice, Progress, Saved
from engine.learners.metrics import accuracy_interval, score
from engine.results.compare import CurvePoint, LearningCurve, LeftOut, Study, StudyRow
from engine.session import Session
from engine.storage import catalogue, study
from engine.system import device as devices
from engine.system.words import duration, plural
from engine.training.batches import check_batch
from engine.training.estimate import seconds_of, trial_of
from engine.training.setup import made
from engine.training.study.curves import more_images, said_of
from engine.training.study.plan import WHOLE, Cell, StudyPlan
from engine.training.study.reading import Row, behind, sentence
from engine.training.study.rows import measured, place_of, seconds_an_image, weights_tuned

Facts = dict[str, Any]


def carried_out(session: Session, plan: StudyPlan) -> Generator[Event, None, Study]:
    """Measures what is missing, each row kept as soon as it is done, and reads the table.

    Raises Refused where no row could be measured.
    """
    cells = plan.cells()
    there = {cell.key for cell in cells if plan.kept(cell) is not None}
    missing = [cell for cell in cells if cell.key not in there]
    tidy(plan, cells)
    left_out = yield from foretold(session, plan, missing)
    gone = {item["title"] for item in left_out}
    wanted = [cell for cell in missing if cell.title not in gone]
    for number, cell in enumerate(wanted, 1):
        prefix = f"{number} of {len(wanted)}, {cell.title}"
        try:
            yield from within(prefix, measured(session, plan, cell))
        except Diverged as error:
            shutil.rmtree(place_of(plan, cell), ignore_errors=True)
            left_out.append({"title": cell.title, "why": str(error)})
        else:
            yield Saved("study", cell.key)
    return table(plan, there, left_out)


def tidy(plan: StudyPlan, cells: Sequence[Cell]) -> None:
    """Removes checkpoints of rows that this study does not go on with."""
    wanted = {place_of(plan, cell).name for cell in cells}
    for path in study.folder(plan.project).glob("*"):
        if path.name not in wanted:
            shutil.rmtree(path, ignore_errors=True)


def within(prefix: str, work: Generator[Event, None, None]) -> Generator[Event, None, None]:
    """What a row says of itself, with its name; steps and curves of its run are not shown."""
    yield Progress(0, None, prefix)
    with closing(work):
        for event in work:
            if isinstance(event, Progress):
                yield replace(event, doing=f"{prefix}: {event.doing}")
            elif isinstance(event, Notice):
                yield event


# Before it begins.


def foretold(
    session: Session, plan: StudyPlan, missing: Sequence[Cell]
) -> Generator[Event, None, list[LeftOut]]:
    """Says about how long the study takes; returns the rows that this network or so few images
    can't have, and why."""
    seconds, left_out, rows = 0.0, list[LeftOut](), 0
    yield Progress(0, None, "Timing a few steps")
    looking = 0.0
    if missing:
        looking = seconds_an_image(session, session.extractor()) * len(plan.split.hashes)
    for cell in missing:
        try:
            if not cell.strategy.learner:
                seconds += looking + (yield from seconds_of_tuning(session, plan, cell))
            rows += cell.share == WHOLE
        except Refused as error:
            left_out.append({"title": cell.title, "why": str(error)})
    if rows:
        yield Notice(f"To be measured: {plural(rows, 'row')}, which takes {duration(seconds)}.")
    return left_out


def seconds_of_tuning(
    session: Session, plan: StudyPlan, cell: Cell
) -> Generator[Event, None, float]:
    """How long a row's gradient steps take. Raises Refused where it can't be tuned so."""
    strategy = cell.strategy
    tuning, timing = made(strategy.tuner, strategy.schedule, cell.settings["tuned"])
    check_batch(plan.learnt, tuning.batch)
    backbone = session.extractor().backbone
    stages = cell.settings["tuned"].get("count", 1)
    if stages > len(backbone.stages):
        raise Refused(f"This network has {len(backbone.stages)} stages. Name fewer of them.")
    course = trial_of(backbone, devices.choose(session.device), tuning, timing)
    if not strategy.own_head and not weights_tuned(course):
        raise Refused("This network has nothing that is tuned this way.")
    course.measure_full_step()
    return (yield from seconds_of(course, plan.learnt, len(plan.hashes)))


# Afterwards.


def table(plan: StudyPlan, there: set[str], left_out: list[LeftOut]) -> Study:
    """The table of all rows, their curves and the reading. Raises Refused where there is none."""
    measured_rows = [
        (cell, facts)
        for cell in plan.cells()
        if cell.share == WHOLE and (facts := plan.kept(cell)) is not None
    ]
    if not measured_rows:
        why = left_out[0]["why"] if left_out else "Choose strategies."
        raise Refused(f"Nothing could be compared. {why}")
    rows = [row_of(plan, cell, facts) for cell, facts in measured_rows]
    return {
        "images": len(plan.hashes),
        "learnt": plan.learnt,
        "classes": len(plan.split.train),
        "epochs": plan.epochs,
        "seed": plan.seed,
        "rows": told(plan, measured_rows, rows, there),
        "curves": curves(plan, measured_rows),
        "left_out": left_out,
        "said": sentence(rows),
    }


def row_of(plan: StudyPlan, cell: Cell, facts: Facts) -> Row:
    plain = cell.strategy.learner == plan.usual[0]
    return Row(cell.strategy.title, right_of(plan, facts), facts["seconds"], plain)


def right_of(plan: StudyPlan, facts: Facts) -> np.ndarray:
    """Which held-out images are answered rightly, bool (images,)."""
    return np.asarray(np.array(facts["answers"], np.int64) == plan.truth)


def told(
    plan: StudyPlan, pairs: Sequence[tuple[Cell, Facts]], rows: Sequence[Row], there: set[str]
) -> list[StudyRow]:
    names, found = catalogue.class_names(plan.project), list[StudyRow]()
    numbers = sorted(plan.split.train)
    for (cell, facts), row, after in zip(pairs, rows, behind(rows), strict=True):
        said, true = ([numbers.index(n) for n in some] for some in (facts["answers"], plan.truth))
        each = score(said, true, [names[number] for number in numbers]).per_class
        found.append(
            {
                "name": cell.strategy.name,
                "title": row.title,
                "accuracy": row.accuracy,
                "interval": ends_of(row.right),
                "per_class": each,
                "difference": after.difference if after else None,
                "p": after.p if after else None,
                "best": after is None,
                "tied": after is not None and after.tied,
                "seconds": facts["seconds"],
                "trained": facts["trained"],
                "macs": facts["macs"],
                "bytes": facts["bytes"],
                "kept": cell.key in there,
            }
        )
    return found


def ends_of(right: np.ndarray) -> list[float]:
    """The 95 % interval of an accuracy."""
    found = accuracy_interval(int(right.sum()), len(right))
    return list(found or ())


def curves(plan: StudyPlan, pairs: Sequence[tuple[Cell, Facts]]) -> list[LearningCurve]:
    """The curve of each closed form: where shares below the whole were asked for."""
    shares = sorted({*plan.shares, WHOLE})
    if len(shares) == 1:
        return []
    found = []
    for cell, _ in pairs:
        if cell.strategy.learner:
            points = [(s, plan.kept(plan.cell(cell.strategy, s))) for s in shares]
            found.append(curve_of(plan, cell, [(s, facts) for s, facts in points if facts]))
    return found


def curve_of(plan: StudyPlan, cell: Cell, points: Sequence[tuple[float, Facts]]) -> LearningCurve:
    right = np.stack([right_of(plan, facts) for _, facts in points])
    images = [int(facts["images"]) for _, facts in points]
    more = more_images(images, right)
    shown: list[CurvePoint] = [
        {"share": share, "images": n, "accuracy": float(r.mean()), "interval": ends_of(r)}
        for (share, _), n, r in zip(points, images, right, strict=True)
    ]
    said = said_of(images, right, more)
    return {
        "name": cell.strategy.name,
        "title": cell.strategy.title,
        "points": shown,
        "more": more,
        "said": said,
    }

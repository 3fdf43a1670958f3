"""A study from its estimate to its table."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import BadSetting, Diverged, Refused
from engine.events import Event, Notice, Progress, Saved
from engine.learners.metrics import accuracy_interval, score
from engine.results.compare import Asked, CurvePoint, LearningCurve, LeftOut, Study, StudyRow
from engine.session import Session
from engine.storage import catalogue, study
from engine.storage.project import Project
from engine.system.words import duration, plural
from engine.training.study import record
from engine.training.study.budget import foretold, within_seconds
from engine.training.study.curves import more_images, said_of
from engine.training.study.plan import WHOLE, Cell, StudyPlan, drafted, here
from engine.training.study.reading import Row, behind, sentence
from engine.training.study.rows import measured, network_of, place_of
from engine.training.study.strategies import Strategy, strategies

Facts = dict[str, Any]
USELESS = (
    "A project learns and forgets in closed form, so it can't go on with a head that was trained. "
    "Frozen features come next to it."
)


def carried_out(session: Session, plan: StudyPlan) -> Generator[Event, None, Study]:
    """Measures what is missing, each row kept as soon as it is done, and reads the table.

    Raises Refused where no row could be measured.
    """
    plan = yield from within_seconds(session, plan)
    shown = [cell.strategy for cell in plan.rows() if plan.kept(cell) is not None]
    plan = replace(plan, earlier=[row for row in plan.earlier if row in shown])
    cells = plan.cells()
    there = {cell.key for cell in (*cells, *plan.rows()) if plan.kept(cell) is not None}
    missing = [cell for cell in cells if cell.key not in there]
    tidy(plan, (*cells, *plan.rows()))
    record.begin(plan, table(plan, there, []))
    seconds, rows, left_out = yield from foretold(session, plan, missing)
    if rows:
        yield Notice(f"To be measured: {plural(rows, 'row')}, which takes {duration(seconds)}.")
    gone = {item["title"] for item in left_out}
    wanted = [cell for cell in missing if cell.title not in gone]
    record.keep(plan, table(plan, there, left_out), not wanted)
    for number, cell in enumerate(wanted, 1):
        prefix = f"{number} of {len(wanted)}, {cell.title}"
        try:
            yield from within(prefix, measured(session, plan, cell))
        except Diverged as error:
            shutil.rmtree(place_of(plan, cell), ignore_errors=True)
            left_out.append({"title": cell.title, "why": str(error)})
        if cell.share == WHOLE or number == len(wanted):
            record.keep(plan, table(plan, there, left_out), number == len(wanted))
        yield Saved("study", cell.key)
    found = table(plan, there, left_out)
    if len(found["rows"]) == len(plan.earlier):
        raise Refused(f"Nothing could be compared. {left_out[0]['why']}")
    return found


def with_last(session: Session, plan: StudyPlan) -> StudyPlan:
    """The plan beside the rows of the last study, where that was made of the same images with the
    same network and seed; and with the same budget, if it counts for rows of both."""
    last = record.last(plan.project)
    before, asked = last["study"], last["asked"]
    if before is None or asked is None or last["changed"] or before["seed"] != plan.seed:
        return plan
    names, found = {strategy.name for strategy in plan.chosen}, list[Strategy]()
    for row in before["rows"]:
        with suppress(BadSetting):  # its network is not here any more
            if row["name"] not in names:
                found += strategies([row["name"]], here(session, plan.narrower))
    if any(strategy.tuner for strategy in found) and plan.budget != (
        before["epochs"],
        before["seconds"],
    ):
        if plan.trains:
            return plan
        epochs, seconds = before["epochs"], before["seconds"]
        same: Asked = {**plan.asked, "epochs": epochs, "seconds": seconds}
        plan = drafted(session, same, plan.narrower, plan.split)
    return replace(plan, earlier=found)


def tidy(plan: StudyPlan, cells: Sequence[Cell]) -> None:
    """Removes checkpoints and networks of rows that are not of this study."""
    tidied(plan.project, {path.name for cell in cells for path in places_of(plan, cell)})


def places_of(plan: StudyPlan, cell: Cell) -> tuple[Path, Path]:
    return place_of(plan, cell), network_of(plan, cell)


def tidied(project: Project, wanted: Collection[str] = ()) -> None:
    """Removes checkpoints and networks of rows, but for those that are `wanted`."""
    for folder in (study.folder(project), study.networks(project)):
        for path in folder.glob("*"):
            if path.name not in wanted:
                remove(path)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def within(prefix: str, work: Generator[Event, None, None]) -> Generator[Event, None, None]:
    """What a row says of itself, with its name; steps and curves of its run are not shown."""
    yield Progress(0, None, prefix)
    with closing(work):
        for event in work:
            if isinstance(event, Progress):
                yield replace(event, doing=f"{prefix}: {event.doing}")
            elif isinstance(event, Notice):
                yield event


# Afterwards.


def table(plan: StudyPlan, there: set[str], left_out: list[LeftOut]) -> Study:
    """The table of the rows that there are, their curves and the reading."""
    measured_rows = [
        (cell, facts) for cell in plan.rows() if (facts := plan.kept(cell)) is not None
    ]
    epochs, seconds = plan.budget
    rows = [row_of(plan, cell, facts) for cell, facts in measured_rows]
    return {
        "images": len(plan.hashes),
        "learnt": plan.learnt,
        "classes": len(plan.split.train),
        "epochs": epochs,
        "seconds": seconds,
        "seed": plan.seed,
        "wanted": len(plan.rows()),
        "earlier": len(plan.earlier),
        "rows": told(plan, measured_rows, rows, there),
        "curves": curves(plan, measured_rows),
        "left_out": left_out,
        "said": sentence(rows) if rows else "",
    }


def row_of(plan: StudyPlan, cell: Cell, facts: Facts) -> Row:
    plain = plan.is_own(cell.strategy) and cell.strategy.learner == plan.usual[0]
    return Row(cell.strategy.title, right_of(plan, facts), facts["seconds"], plain)


def right_of(plan: StudyPlan, facts: Facts) -> np.ndarray:
    """Which held-out images are answered rightly, bool (images,)."""
    return np.asarray(np.array(facts["answers"], np.int64) == plan.truth)


def told(
    plan: StudyPlan, pairs: Sequence[tuple[Cell, Facts]], rows: Sequence[Row], there: set[str]
) -> list[StudyRow]:
    """The rows as a table shows them; those whose keys are `there` were measured before."""
    if not rows:
        return []
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
                "p50": facts["p50"],
                "export": facts["export"],
                "kept": cell.key in there,
                "useless": USELESS if cell.strategy.own_head else "",
            }
        )
    return found


def ends_of(right: np.ndarray) -> list[float]:
    """The 95 % interval of an accuracy."""
    found = accuracy_interval(int(right.sum()), len(right))
    return list(found or ())


def curves(plan: StudyPlan, pairs: Sequence[tuple[Cell, Facts]]) -> list[LearningCurve]:
    """The curve of each row that has one: where shares below the whole were asked for."""
    shares = sorted({*plan.shares, WHOLE})
    if len(shares) == 1:
        return []
    found = []
    for cell, _ in pairs:
        points = [(s, plan.kept(plan.cell(cell.strategy, s))) for s in shares]
        there = [(s, facts) for s, facts in points if facts]
        whole = len(there) == len(shares)
        if whole if cell.strategy in plan.earlier else plan.has_curve(cell.strategy):
            found.append(curve_of(plan, cell, there))
    return found


def curve_of(plan: StudyPlan, cell: Cell, points: Sequence[tuple[float, Facts]]) -> LearningCurve:
    """A row's accuracy by the share of the images, in per cent, that it learnt from."""
    right = np.stack([right_of(plan, facts) for _, facts in points])
    images = [int(facts["images"]) for _, facts in points]
    more = more_images(images, right)
    shown: list[CurvePoint] = [
        {"share": share, "images": n, "accuracy": float(r.mean()), "interval": ends_of(r)}
        for (share, _), n, r in zip(points, images, right, strict=True)
    ]
    said = said_of(right, more)
    return {
        "name": cell.strategy.name,
        "title": cell.strategy.title,
        "points": shown,
        "more": more,
        "said": said,
    }

"""The frozen snapshot of a project that the window is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.events import ClassView, ProjectView, StepView
from engine.storage import catalogue, learnable, steps
from engine.storage.project import Project
from engine.storage.recent import Recent
from engine.system.words import plural

SHOWN = 200
"""So many gestures on the way back, and on that forward, are named; others come when it is their
turn, for a snapshot is sent after each act."""
FEW_IMAGES = 10
IMBALANCE = 10
FIGURES = (
    "accuracy",
    "old_accuracy",
    "new_accuracy",
    "average_incremental_accuracy",
    "forgetting",
    "backward_transfer",
)
"""The scores of a step that the window shows."""


def project_view(
    project: Project, device: str, network: str, title_of: Callable[[str], str]
) -> ProjectView:
    """The project as it is now, in plain values.

    `network` is what a person calls its backbone, `title_of` what they call one by its name.
    """
    facts, rows = project.facts, steps.all_rows(project)
    recent = Recent.parse(facts["recent"])
    current = next((row for row in rows if row["id"] == facts["step"]), None)
    classes = class_views(project, current)
    return ProjectView(
        path=str(project.path),
        name=facts["name"],
        backbone=facts["backbone"],
        backbone_title=network,
        input_size=facts["size"],
        features=facts["features"],
        device=device,
        learner=facts["learner"],
        settings=facts["settings"],
        classes=classes,
        steps=tuple(
            step_view(row, number, row["id"] == facts["step"], title_of)
            for number, row in enumerate(rows, start=1)
        ),
        undo=tuple(g["title"] for g in project.gestures(undone=False, most=SHOWN)),
        redo=tuple(g["title"] for g in project.gestures(undone=True, most=SHOWN)),
        conflicts=count(project, f"SELECT COUNT(*) FROM ({learnable.CONFLICTING})"),
        skipped=count(project, "SELECT COUNT(*) FROM skipped"),
        hints=hints(classes),
        read_only=project.read_only,
        data_licence=facts["data_licence"],
        unsorted=count(project, "SELECT COUNT(*) FROM unsorted WHERE NOT aside"),
        burst_gap=float(facts["burst_gap"]),
        promise=float(facts["promise"]),
        recent_images=recent.images,
        recent_days=recent.days,
        recent_formula=recent.formula,
    )


def count(project: Project, question: str) -> int:
    return int(project.db.execute(question).fetchone()[0])


def class_views(project: Project, step: Mapping[str, Any] | None) -> tuple[ClassView, ...]:
    """Each class with its counts, and whether the step in use knows it as it is now."""
    found = catalogue.counts(project)
    now = catalogue.fingerprints(project)
    learnt = {c["id"]: c["fingerprint"] for c in step["classes"]} if step else {}
    scores = step["scores"].get("per_class", {}) if step and len(learnt) > 1 else {}
    views = []
    for row in project.db["class"].rows_where(order_by="name COLLATE NOCASE, id"):
        number = row["id"]
        score = scores.get(str(number))
        train = found[number]["train"]
        view = ClassView(
            id=number,
            name=row["name"],
            train=train,
            validation=found[number]["validation"],
            learnt=number in learnt and learnt[number] == now.get(number),
            known=number in learnt,
            accuracy=score["right"] / score["images"] if score and score["images"] else None,
            hint=hint_for(train, bool(row["set_aside"])),
            within=row["within"],
        )
        views.append(view)
    return tuple(views)


def hint_for(train: int, set_aside: bool) -> str:
    if set_aside:
        return "Forgotten. Its images are kept; learn it again when you like."
    if train < FEW_IMAGES:
        return f"Only {plural(train)}. {FEW_IMAGES} are a start, 30 are good."
    return ""


def hints(classes: Sequence[ClassView]) -> tuple[str, ...]:
    """What a person would want to know about the classes as a whole."""
    sizes = [c.train for c in classes if c.train]
    if len(sizes) > 1 and max(sizes) >= IMBALANCE * min(sizes):
        largest = max(classes, key=lambda c: c.train)
        smallest = min((c for c in classes if c.train), key=lambda c: c.train)
        return (
            f"“{largest.name}” has {largest.train} images to learn from and “{smallest.name}” "
            f"only {smallest.train}. Add images to the small classes for a fairer result.",
        )
    return ()


def step_view(
    row: Mapping[str, Any], number: int, current: bool, title_of: Callable[[str], str]
) -> StepView:
    """A step as the window lists it; `number` is its place among all steps, from 1."""
    # One class alone is always right: projects of before have kept that as an accuracy.
    scores: Mapping[str, Any] = row["scores"] if len(row["classes"]) > 1 else {}
    figures: dict[str, Any] = {key: scores.get(key) for key in FIGURES}
    names = {c["id"]: c["name"] for c in row["classes"]}
    return StepView(
        id=row["id"],
        number=number,
        title=row["title"],
        when=row["made"],
        learner=row["learner"],
        settings=row["settings"],
        backbone=row["backbone"],
        backbone_title=title_of(row["backbone"].partition(" ")[0]),  # before its digest
        classes=tuple(names.values()),
        new_classes=tuple(names.get(c, "?") for c in row["new_classes"]),
        seconds=row["seconds"],
        current=current,
        choice=scores.get("choice"),
        tested=sum(c["images"] for c in scores.get("per_class", {}).values()),
        **figures,
    )

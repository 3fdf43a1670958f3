"""What a model card tells of a project, read from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.export.receipts import About
from engine.learners import LEARNERS
from engine.learning import scoring
from engine.models.backbone import Backbone
from engine.models.backbones import title_of
from engine.models.features import in_words
from engine.models.growth import growth_of
from engine.registry import settings_of
from engine.storage import catalogue, runs, steps
from engine.storage.project import Project
from engine.storage.snapshot import step_view


def about_step(project: Project, backbone: Backbone) -> About:
    """Of the model of the step in use, which was learnt already."""
    row = steps.current(project) or {}
    scores = scoring.in_full(project, row)
    told = about_network(project, backbone)
    return replace(
        told,
        **learner_facts(row["learner"], row["settings"]),
        images=images_of(project, row, scores),
        steps=steps_to(project),
        run=run_in_use(project),
        scores=scores,
    )


def about_network(project: Project, backbone: Backbone) -> About:
    """What a project and a backbone say of themselves."""
    facts, names, growth = project.facts, catalogue.class_names(project), growth_of(backbone)
    branches = tuple(
        {**branch, "classes": [names[n] for n in branch["classes"] if n in names]}
        for branch in growth.branches
    )
    return About(
        project=facts["name"],
        data_licence=facts["data_licence"],
        began=title_of(str(backbone.facts.get("origin_backbone", ""))),
        architecture=str(backbone.facts.get("architecture", "")),
        narrowed=len(growth.narrowed),
        adapters=growth.adapters,
        features=in_words(growth.features),
        branches=branches,
    )


def learner_facts(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The learner's title and all its settings, those included that were left as they are."""
    made = LEARNERS.make(name, settings)
    known = {view.label: getattr(made, view.name) for view in settings_of(type(made))}
    return {"learner": made.title, "settings": known}


def images_of(
    project: Project, row: Mapping[str, Any], scores: Mapping[str, Any]
) -> dict[str, tuple[int, int]]:
    """How many images a step learnt of each class, and how many judged it."""
    names, kept = catalogue.class_names(project), steps.learnt(project, row)
    learnt = {names[n]: len(h) for n, h in kept.images.items() if n in names} if kept else {}
    held_out = {line["name"]: line["images"] for line in scores["rows"]}
    return {n: (learnt.get(n, 0), held_out.get(n, 0)) for n in {**learnt, **held_out}}


def steps_to(project: Project) -> tuple[Any, ...]:
    """The steps that led to the one in use, as they are listed; numbers as under Learn."""
    places = {row["id"]: at for at, row in enumerate(steps.all_rows(project), start=1)}
    now = project.facts["step"]
    return tuple(
        step_view(row, places[row["id"]], row["id"] == now, title_of) for row in steps.line(project)
    )


def run_in_use(project: Project) -> dict[str, Any]:
    """The tuning run whose weights the project uses, or nothing."""
    used = project.facts["weights"]
    found = next((run for run in runs.all_runs(project) if used and run.weights == used), None)
    if found is None:
        return {}
    wanted = ("before", "after", "difference", "images")
    compared = {name: found.result.get(name) for name in wanted}
    return {"title": found.title, "settings": dict(found.settings), **compared}

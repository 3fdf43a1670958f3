"""The rows of a project, and a class more in them."""

from __future__ import annotations

from engine.storage.project import Project

STEP_TEXTS = (
    "title",
    "made",
    "learner",
    "settings",
    "backbone",
    "features_key",
    "classes",
    "new_classes",
    "scores",
    "predictions",
    "seconds",
    "versions",
)
FACTS = {"backbone": "b", "weights": "", "size": 64, "learner": "slda", "settings": "{}"}


def rows(project: Project, table: str) -> list[dict]:
    return list(project.db[table].rows)


def everything(project: Project) -> dict[str, list[dict]]:
    tables = ("project", "class", "image", "step", "settled", "unsorted", "named")
    return {table: rows(project, table) for table in tables}


def add_class(project: Project, name: str) -> int:
    with project.gesture(f"Add {name}") as gesture, project.transaction(gesture) as db:
        return db["class"].insert({"name": name, "made": "today"}).last_pk

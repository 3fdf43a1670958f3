"""Which images may be learnt or judge: as the tables are asked for them."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from engine.storage.project import Project
from engine.storage.recent import Aged

# One row for each image that lies in more than one class: it is left out of learning.
CONFLICTING = "SELECT sha256 FROM shared"
# Class by class: the index that has the hashes of each in their order is then read as it lies.
LEARNABLE = (
    "SELECT split, class_id, sha256{} FROM class CROSS JOIN image ON class_id = class.id "
    "WHERE split IN ('train', 'validation') AND NOT set_aside "
    f"AND sha256 NOT IN ({CONFLICTING}) ORDER BY class.id, sha256"
)


def aged(project: Project) -> dict[str, dict[int, list[Aged]]]:
    """The images that may be learnt, by split and class, each with its time and number."""
    found: dict[str, dict[int, list[Aged]]] = {"train": {}, "validation": {}}
    question = LEARNABLE.format(", taken, image.id")
    for split, number, sha256, taken, image in project.db.execute(question):
        found[split].setdefault(number, []).append((taken, image, sha256))
    return found


def newer(
    classes: Mapping[int, Sequence[Aged]], old: Container[tuple[int, str]]
) -> dict[int, list[str]]:
    """The hashes of each class's images that are not too old, sorted; no class without any."""
    kept = {n: [h for *_, h in rows if (n, h) not in old] for n, rows in classes.items()}
    return {number: hashes for number, hashes in kept.items() if hashes}


def less(classes: Mapping[int, Sequence[str]], lost: Container[str]) -> dict[int, list[str]]:
    kept = {number: [h for h in hashes if h not in lost] for number, hashes in classes.items()}
    return {number: hashes for number, hashes in kept.items() if hashes}

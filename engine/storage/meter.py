"""What a project keeps on disk, by part, in bytes."""

from __future__ import annotations

from collections.abc import Iterable

from engine.results.memory import MemoryPart
from engine.storage import study
from engine.storage.project import Project

THUMBS = "SELECT DISTINCT pack FROM image UNION SELECT DISTINCT pack FROM unsorted"
PARTS = {
    "features": "SELECT DISTINCT pack FROM feature WHERE pack <> ''",
    "thumbnails": THUMBS,
    "copies of images": "SELECT sha256 FROM image WHERE copied UNION "
    "SELECT sha256 FROM unsorted WHERE copied",
    "steps of learning": "SELECT memory FROM step UNION SELECT predictions FROM step",
    "networks": "SELECT weights FROM run UNION SELECT weights FROM project "
    "UNION SELECT blob FROM kept",
    "maps": "SELECT blob FROM map",
}
"""What a person calls each part, and which blobs it has."""
TABLES, REST, COMPARED = "tables", "kept for undo", "networks of the last comparison"
RUNS = "runs that can go on"


def bytes_of(project: Project, part: str) -> int:
    return size_of(project, blobs_of(project, part))


def parts(project: Project) -> list[MemoryPart]:
    """Each part with its size, and how many blobs it has; what no row names is kept for undo, or
    goes at the next opening."""
    found, seen = list[MemoryPart](), set[str]()
    for name in PARTS:
        blobs = blobs_of(project, name) - seen
        seen |= blobs
        found.append({"part": name, "bytes": size_of(project, blobs)})
    rest = {name for name in project.blobs.names() if name not in seen}
    found.append({"part": REST, "bytes": size_of(project, rest)})
    files = list(study.networks(project).glob("*"))
    found.append({"part": COMPARED, "bytes": sum(file.stat().st_size for file in files)})
    begun = (file for file in (project.path / "runs").rglob("*") if file.is_file())
    known = set(files)
    found.append({"part": RUNS, "bytes": sum(f.stat().st_size for f in begun if f not in known)})
    tables = sum(file.stat().st_size for file in project.path.glob("project.db*"))
    found.append({"part": TABLES, "bytes": tables})
    return found


def blobs_of(project: Project, part: str) -> set[str]:
    return {name for (name,) in project.db.execute(PARTS[part]) if name}


def size_of(project: Project, blobs: Iterable[str]) -> int:
    """The bytes of those that are there."""
    total = 0
    for name in blobs:
        try:
            total += project.blobs.path(name).stat().st_size
        except OSError:
            continue
    return total

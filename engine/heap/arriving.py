"""Images come to the heap: looked at like all others, without a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import Refused
from engine.events import Notice, Work
from engine.images.folders import Films, FoundImages, find_images, shown
from engine.learners import LEARNERS
from engine.learning import importing, subnet
from engine.learning.importing import Added
from engine.learning.material import choice
from engine.session import Session
from engine.storage import catalogue, unsorted
from engine.storage.catalogue import NewImage
from engine.storage.project import Project
from engine.system.words import plural

HEAP = "Unsorted"


@dataclass
class Arrived:
    """Files whose image lies in a class already, and was left out."""

    in_classes: list[Path] = field(default_factory=list)

    def store(
        self, project: Project, gesture: int, batch: list[NewImage], copy: bool, added: Added
    ) -> None:
        """What `bring_in` does with a batch. Of each some are drawn at once, for who is killed
        after it goes on with what is there."""
        fresh, left_out = unsorted.add(project, gesture, batch, copy)
        came = [arrival.image.sha256 for arrival in fresh]
        unsorted.draw(project, gesture, came)
        added.fresh += came
        self.in_classes += [arrival.path for arrival in left_out]
        added.already += len(batch) - len(fresh) - len(left_out)


def find(paths: Sequence[str], films: Films | None = None) -> FoundImages:
    """The images below `paths`, whatever their folders are called, and the frames of films there.
    Raises Refused where none is."""
    found = find_images([Path(path) for path in paths], HEAP, films=films)
    files = [*found.classes.get(HEAP, ()), *((p, None) for p in found.held_out.get(HEAP, ()))]
    if not files:
        path, reason = found.skipped[0] if found.skipped else (Path(paths[0]), "It is empty.")
        raise Refused(
            f"Nothing was added. “{shown(path.name)}”: {reason} "
            "Name a folder with images, or images."
        )
    return FoundImages({HEAP: sorted(files)}, skipped=found.skipped)


def arrive(
    session: Session, gesture: int, found: FoundImages, copy: bool, gap: float | None
) -> Work[tuple[Added, Arrived]]:
    """Checks and stores images, computes their features, and draws those to be asked about at
    random."""
    project = session.require()
    # With a supernet, features must wait until a subnet was taken out of it.
    views = 0 if subnet.is_mixture(project) else LEARNERS.make(*choice(project)).views
    arrived = Arrived()
    added = yield from importing.bring_in(
        session, gesture, found, copy, views, store=arrived.store, gap=gap
    )
    unsorted.draw(project, gesture, added.fresh)
    if arrived.in_classes:
        names = tuple(
            catalogue.displayable(catalogue.stored(path)) for path in arrived.in_classes[:100]
        )
        some = plural(len(arrived.in_classes))
        yield Notice(f"{some} of these lie in classes already, and were left out.", details=names)
    return added, arrived

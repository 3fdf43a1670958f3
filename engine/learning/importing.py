"""Bringing images in: found, checked, stored in batches, said."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import Refused, UnusableImage
from engine.events import Event, Notice, Saved
from engine.images.bursts import SHOT
from engine.images.decode import Opened, open_many
from engine.images.folders import Films, FoundImages, find_images, shown
from engine.images.splits import Sides, Split
from engine.learning import material
from engine.models.extractor import Extractor
from engine.results.images import ImagesAdded
from engine.session import Session
from engine.storage import bursts, catalogue
from engine.storage.catalogue import NewImage
from engine.storage.project import Project
from engine.system.progress import Eta, Every
from engine.system.words import listed

BATCH = 64
ONE_BURST = (
    "Nothing of {} can be tested: frames that follow within two seconds are one burst, which is "
    "learnt or tested as a whole. Add another film of it, or images of another day."
)
SECONDS_BETWEEN_SNAPSHOTS = 1.0
SECONDS_BETWEEN_GLIMPSES = 8.0
"""Learning on the way takes about half a second, so it costs a twentieth of the time at most."""


@dataclass
class Added:
    """What came of adding images, and the seconds that each part took."""

    classes: dict[str, int] = field(default_factory=dict)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    already: int = 0
    fresh: list[str] = field(default_factory=list)
    free: list[str] = field(default_factory=list)
    """Hashes of the images that are new, and of those of which no folder said their side."""
    frames: set[str] = field(default_factory=set)
    """Those of all that came which are frames of a film."""
    sides: dict[int, Sides] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: {"images": 0.0, "features": 0.0})
    clock: float = field(default_factory=time.perf_counter)

    def lap(self, part: str = "") -> None:
        """Books the seconds since the last lap on a part; without one they are not booked."""
        now = time.perf_counter()
        if part:
            self.seconds[part] += now - self.clock
        self.clock = now

    def result(self) -> ImagesAdded:
        """As plain values, for the command line and the window."""
        return {
            "classes": dict(self.classes),
            "already_there": self.already,
            "skipped": [
                {"path": catalogue.displayable(catalogue.stored(path)), "reason": reason}
                for path, reason in self.skipped
            ],
        }


Store = Callable[[Project, int, list[NewImage], bool, Added], None]
"""Stores a batch of checked images as a part of a gesture; whether copied; counts what came."""


def look_for(
    paths: Sequence[str], into: str, nested: bool = False, films: Films | None = None
) -> FoundImages:
    """The images below `paths`, and frames of films there. Raises Refused where there is none."""
    found = find_images([Path(p) for p in paths], into, nested, films)
    if not any(found.classes.values()):
        path, reason = found.skipped[0] if found.skipped else (Path(paths[0]), "It is empty.")
        raise Refused(
            f"Nothing was added. “{shown(path.name)}”: {reason} "
            "Drop a folder with JPEG or PNG images."
        )
    return found


def title_for(found: FoundImages) -> str:
    return f"Add {listed(list(found.classes))}"


def bring_in(
    session: Session,
    gesture: int,
    found: FoundImages,
    copy: bool,
    views: int = 0,
    glimpse: Callable[[int, int], Iterable[Event]] | None = None,
    store: Store | None = None,
    gap: float | None = None,
) -> Generator[Event, None, Added]:
    """Checks and stores images; with `views` > 0 their features, too, in one pass over the files.
    Now and then `glimpse(done, total)` tells how well it goes. `store` puts a batch where it
    belongs, usually into the classes; `gap` are the seconds that end a burst."""
    project, added, batch = session.require(), Added(skipped=list(found.skipped)), list[NewImage]()
    files = [(name, path, split) for name, rows in found.classes.items() for path, split in rows]
    extractor = session.extractor() if views else None
    eta = Eta(len(files), "Looking at images" if views else "Checking images")
    snapshot = Every(SECONDS_BETWEEN_SNAPSHOTS, at_once=True)  # so that a class appears early
    glance = Every(SECONDS_BETWEEN_GLIMPSES)
    yield eta.at(0)
    with closing(arrivals(files, extractor, views, added, found.frames)) as opened:
        for number, arrival in opened:
            if arrival is None:
                yield eta.at(number)  # so that the job can be left while none comes
            else:
                batch.append(arrival)
            if batch and (len(batch) == BATCH or number == len(files)):
                (store or into_classes)(project, gesture, batch, copy, added)
                yield from settle(project, batch, added, extractor, views)
                batch = []
                yield eta.at(number)
                if snapshot.due():
                    yield session.changed("images")
                if glimpse and number < len(files) and glance.due():
                    yield from glimpse(number, len(files))
                added.lap()
    if extractor is not None:
        yield from material.mend(project, extractor, views)
    note(project, gesture, found, added, gap)
    yield from (*notices(found, added), *(extractor.notices if extractor else ()))
    yield from one_burst(project, found, added, gap)
    return added


def one_burst(
    project: Project, found: FoundImages, added: Added, gap: float | None
) -> Iterator[Event]:
    """Says which classes have nothing to test because all of a film's frames are one burst."""
    if found.frames and gap is None and (names := bursts.untested(project, added.classes)):
        yield Notice(ONE_BURST.format(listed(names, 3)))


def note(
    project: Project, gesture: int, found: FoundImages, added: Added, gap: float | None
) -> None:
    """Stores what is known once all are there: bursts, what was skipped, groups of classes."""
    frames = added.frames.intersection(added.fresh)
    for fresh, ends in ((frames, SHOT if gap is None else gap), ({*added.fresh} - frames, gap)):
        if fresh:
            bursts.note(project, gesture, fresh, ends)
    bursts.keep_whole(project, gesture, added.free)
    catalogue.add_skipped(project, gesture, added.skipped)
    if found.within:
        catalogue.put_within(project, gesture, found.within)


def arrivals(
    files: Sequence[tuple[str, Path, Split | None]],
    extractor: Extractor | None,
    views: int,
    added: Added,
    frames: Mapping[Path, Path],
) -> Generator[tuple[int, NewImage | None], None, None]:
    """Each file's number, from 1, and its image; None where it can't be used, which is noted, or
    while the next is not there yet. To be closed, if it is left before its end."""
    paths, number = [path for _, path, _ in files], 0
    found: Generator[Opened | None, None, None]
    found = extractor.opened(paths, views) if extractor is not None else open_many(paths, None)
    with closing(found) as opened:
        for one in opened:
            if one is None:
                yield number, None
                continue
            (name, path, split), image = files[number], one[1]
            number += 1
            if isinstance(image, UnusableImage):
                added.skipped.append((path, str(image)))
                yield number, None
            else:
                if path in frames:
                    added.frames.add(image.sha256)
                yield number, NewImage(name, path, image, split, frames.get(path))


def settle(
    project: Project, batch: list[NewImage], added: Added, extractor: Extractor | None, views: int
) -> Iterator[Event]:
    """Says that a batch is stored; with an extractor also computes its features."""
    added.lap("images")
    yield Saved("pictures")
    if extractor:
        material.compute(project, extractor, views, [one.image for one in batch])
        added.lap("features")


def into_classes(
    project: Project, gesture: int, batch: list[NewImage], copy: bool, added: Added
) -> None:
    fresh = catalogue.add(project, gesture, batch, copy, added.sides)
    added.already += len(batch) - len(fresh)
    for arrival in batch:
        added.classes.setdefault(arrival.class_name, 0)
    added.fresh += [arrival.image.sha256 for arrival in fresh]
    added.free += [arrival.image.sha256 for arrival in fresh if arrival.split is None]
    for arrival in fresh:
        added.classes[arrival.class_name] += 1


def notices(found: FoundImages, added: Added) -> Iterable[Notice]:
    """What a person should know of what was dropped, besides what was added."""
    for hint in found.hints:
        yield Notice(hint)
    if found.held_out:
        number = sum(map(len, found.held_out.values()))
        yield Notice(f"{number} images in test folders were held out: they are not learnt.")
    if added.skipped:
        number = len(added.skipped)
        what = "One file was" if number == 1 else f"{number} files were"
        details = tuple(f"{path.name}: {reason}" for path, reason in added.skipped[:100])
        yield Notice(f"{what} left out. The list under Images says why.", "warning", details)

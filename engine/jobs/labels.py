"""Jobs on label files: their images come in with their classes, and the project's go out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import Refused
from engine.events import Notice, Progress, Work
from engine.images.folders import FoundImages
from engine.jobs import job
from engine.jobs.learn import learn_found
from engine.labels import writing
from engine.labels.formats import FORMATS, LabelFormat
from engine.labels.reading import find_labelled
from engine.labels.writing import Labelled
from engine.learning.importing import bring_in, title_for
from engine.results.images import ImagesAdded, SkippedFile
from engine.results.labels import LabelFormats, LabelsSaved
from engine.results.learn import FolderLearnt
from engine.session import Session
from engine.storage import listing

READING = "Reading the file"
MORE = {"time": ("time",), "place": ("latitude", "longitude")}
"""What else a table can say of an image, as its file says it, with the titles of the columns."""


def found_in(files: Sequence[str], format: str) -> Work[FoundImages]:
    if not files:
        raise Refused("Name the file that says which images are of which class.")
    yield Progress(0, None, READING)
    reading = find_labelled([Path(file) for file in files], format)
    while True:
        try:
            yield Progress(next(reading), None, READING)
        except StopIteration as end:
            return end.value


@job("Learn images of a file")
def learn_labels(
    session: Session,
    *,
    files: Sequence[str],
    format: str = "",
    copy: bool = False,
    learner: str = "",
    settings: Mapping[str, Any] | None = None,
) -> Work[FolderLearnt]:
    """Adds the images that files name, in the classes that they say, and learns them."""
    session.require()
    found = yield from found_in(files, format)
    return (yield from learn_found(session, found, copy, learner, settings))


@job("Add images of a file")
def add_labels(
    session: Session, *, files: Sequence[str], format: str = "", copy: bool = False
) -> Work[ImagesAdded]:
    """The same without learning them."""
    project = session.require()
    found = yield from found_in(files, format)
    with project.gesture(title_for(found)) as gesture:
        added = yield from bring_in(session, gesture, found, copy)
    yield session.changed("images")
    return added.result()


@job("Save the classes as a file", reads=True)
def save_labels(
    session: Session,
    *,
    to: str,
    format: str = "",
    overwrite: bool = False,
    more: Sequence[str] = (),
) -> Work[LabelsSaved]:
    """Writes which image is of which class, and on which side of the split.

    `more` are names of MORE: what else a table says of each image, as its file says it.
    """
    session.require()
    if not to.strip():
        raise Refused("Name the file to write.")
    place = Path(to).expanduser()
    form = writing.chosen_format(place, format)
    form.more = columns_of(form, more)
    yield Progress(0, None, "Reading")
    done = yield from writing.write(images_of(session, form.more), form, place, overwrite)
    left_out = [SkippedFile(path=p, reason=why) for p, why in sorted(done.left_out.items())]
    if left_out:
        what = "One image was" if len(left_out) == 1 else f"{len(left_out):,} images were"
        details = tuple(f"{Path(one['path']).name}: {one['reason']}" for one in left_out[:100])
        yield Notice(f"{what} left out of the file.", "warning", details)
    return {"to": to, "format": form.name, "rows": done.rows, "left_out": left_out}


def columns_of(form: LabelFormat, wanted: Sequence[str]) -> tuple[str, ...]:
    """The titles of what else is to be said. Raises Refused where it can't be."""
    if unknown := [name for name in wanted if name not in MORE]:
        raise Refused(f"There is no “{unknown[0]}” to be written. There are: {', '.join(MORE)}.")
    if wanted and not form.takes_more:
        raise Refused(f"A file of {form.title} has no room for that. Write a CSV table.")
    return tuple(title for name in MORE if name in wanted for title in MORE[name])


def images_of(session: Session, more: Sequence[str]) -> Iterator[Labelled]:
    for row in listing.every_image(session.require()):
        known = {**row, "time": row["taken"]}
        said = tuple("" if known[title] is None else str(known[title]) for title in more)
        sizes = row["width"], row["height"]
        yield Labelled(row["path"], row["class"], row["split"], *sizes, said)


@job("List the formats of label files", reads=True)
def label_formats(session: Session) -> Work[LabelFormats]:
    """Every format that classes come in from and go out to."""
    yield Progress(0, None, "Reading")
    views = []
    for view in FORMATS.describe():
        form = FORMATS[view.name]
        facts = {"proposed": form.proposed, "endings": form.endings}
        views.append(replace(view, facts=facts))
    return {"formats": tuple(views)}

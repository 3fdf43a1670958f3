"""Jobs of the Map page: all images as points, where they lie, and names for many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from engine.errors import Refused
from engine.events import Progress, Saved, Work
from engine.heap import acts, making
from engine.jobs import job
from engine.map import drawing, refining
from engine.models.answers import answer
from engine.predict.csv_writer import STANDARD_OUTPUT, CsvWriter, refuse_taken
from engine.results.images import ImageRow
from engine.results.map import MapDrawn, MapImage, MapImages, MapPoints, MapSaved, PointsNamed
from engine.session import Session
from engine.storage import catalogue, maps, steps, unsorted
from engine.storage.maps import KeptMap
from engine.storage.project import Project
from engine.storage.unsorted import TYPED
from engine.system.cells import text_cell
from engine.system.words import plural

LIKELIEST = 9
"""As many classes as there are digits."""
PAIR = np.dtype((np.float32, 2))
REFINED = "refined map"
"""Under what the session keeps one until it is kept in the project."""


Likely = dict[str, list[tuple[str, float]]]
"""The likeliest classes of images with their probabilities, by hash."""


def about(found: KeptMap) -> MapDrawn:
    return {"images": len(found.hashes), "parted": found.parted, "refined": bool(found.refined)}


@job("Draw the map")
def draw_map(session: Session, *, anew: bool = False, refine: bool = False) -> Work[MapDrawn]:
    """Places all images that lie nowhere yet. Those that do stay there, unless all is drawn `anew`.

    With `refine` what is alike is drawn together, where that was not done before.
    """
    project = session.require()
    project.check_writable()
    if refine:
        drawing.check_extra()
    made = yield from drawing.drawn(session, anew)
    if refine and not made.refined and len(made.hashes) >= refining.LEAST:
        made = yield from drawing.refined(session)
        maps.keep_map(project, drawing.features_of(session).key, made)
    return about(made)


@job("Look at the map", reads=True)
def map_points(session: Session) -> Work[MapPoints]:
    """Where all images lie, and of which class they are."""
    yield Progress(0, None, "Reading")
    project = session.require()
    making.check_network(project)
    known = maps.kept_map(project, drawing.features_of(session).key)
    place = {h: at for at, h in enumerate(known.hashes)} if known else {}
    names = catalogue.class_names(project)
    at = {number: n for n, number in enumerate(sorted(names, key=lambda n: names[n].casefold()))}
    rows = project.db.execute("SELECT sha256, id, class_id, path FROM image ORDER BY id").fetchall()
    rows += project.db.execute(
        "SELECT sha256, id, NULL, path FROM unsorted WHERE NOT aside ORDER BY id"
    ).fetchall()
    there = [row for row in rows if row[0] in place]
    spots = known.spots[[place[row[0]] for row in there]] if known else np.zeros((0, 2), np.float32)
    return {
        "images": len(there),
        "parted": known.parted if known else 0,
        "refined": bool(known and known.refined),
        "spots": spots.tobytes(),
        "ids": np.array([row[1] for row in there], np.int64).tobytes(),
        "classes": np.array([at.get(row[2], -1) for row in there], np.int32).tobytes(),
        "paths": "\0".join(catalogue.displayable(row[3]) for row in there),
        "names": [names[number] for number in at],
        "missing": len(rows) - len(there),
        "can_refine": refining.can_refine() and len(there) >= refining.LEAST,
    }


@job("Look at images of the map", reads=True)
def map_images(
    session: Session, *, images: Sequence[int] = (), waiting: Sequence[int] = ()
) -> Work[MapImages]:
    """Images of classes and images that wait, by their ids, with what the model sees in those that
    it has not learnt."""
    yield Progress(0, None, "Reading")
    project = session.require()
    rows, heap = catalogue.images_by_id(project, images), unsorted.by_id(project, waiting)
    asked = [row["sha256"] for row in (*rows, *heap) if row.get("split") != "train"]
    told = suggested(session, asked)
    views: list[ImageRow] = [catalogue.view_of(project, row) for row in rows]
    return {
        "images": [seen(view, row, told) for view, row in zip(views, rows, strict=True)],
        "unsorted": [seen(waits(project, row), row, told) for row in heap],
    }


def waits(project: Project, row: dict[str, Any]) -> ImageRow:
    """An image that waits as one of a class is shown, with none."""
    view = unsorted.view_of(project, row)
    return {
        "id": view["id"],
        "class": "",
        "split": "",
        "path": view["path"],
        "file": view["file"],
        "width": view["width"],
        "height": view["height"],
        "note": view["note"],
        "thumb": view["thumb"],
    }


def seen(view: ImageRow, row: Mapping[str, Any], told: Likely) -> MapImage:
    return {**view, "likeliest": told.get(row["sha256"], [])}


def suggested(session: Session, hashes: Sequence[str]) -> Likely:
    """The likeliest classes of images by the step in use; none before it knows two."""
    row = steps.current(session.require())
    if row is None or len(row["classes"]) < 2 or not hashes:
        return {}
    model = session.model()
    try:
        x = drawing.features_of(session).get(hashes)
    except KeyError:  # one of them came just now
        return {}
    shares = answer(model.head, torch.from_numpy(x)).probabilities
    best = np.argsort(-shares, axis=1, kind="stable")[:, :LIKELIEST]
    names = model.class_names
    return {
        sha256: [(names[place], float(some[place])) for place in order]
        for sha256, some, order in zip(hashes, shares, best.tolist(), strict=True)
    }


@job("Refine the map", reads=True)
def refine_map(session: Session) -> Work[MapDrawn]:
    """Draws together what is alike, beside all else that is done meanwhile; `keep_refined` keeps
    it in the project."""
    made = yield from drawing.refined(session)
    box = session.keep((REFINED,), dict)
    box.clear()
    box[str(session.require().path), drawing.features_of(session).key] = made
    return about(made)


@job("Keep the refined map")
def keep_refined(session: Session) -> Work[MapDrawn]:
    """Keeps what `refine_map` made. Images that came since lie nowhere until the map is drawn."""
    project = session.require()
    key = drawing.features_of(session).key
    made = session.keep((REFINED,), dict).pop((str(project.path), key), None)
    if made is None:
        raise Refused("There is no refined map to keep. Refine it first.")
    maps.keep_map(project, key, made)
    yield Saved("map")
    return about(made)


@job("Name images of the map")
def name_points(
    session: Session, *, to: str, images: Sequence[int] = (), waiting: Sequence[int] = ()
) -> Work[PointsNamed]:
    """Gives images that wait the class `to`, and moves images of other classes there: one gesture.

    What was learnt follows with `learn_sorted`.
    """
    project, to = session.require(), acts.named(to)
    project.check_writable()
    heap = [row["id"] for row in unsorted.by_id(project, waiting)]
    rows = [row["id"] for row in catalogue.images_by_id(project, images) if row["class"] != to]
    if not heap and not rows:
        raise Refused(f"Nothing was changed: these images are in {to} already, or were removed.")
    state = (yield from making.state_of(session)) if heap else None
    title = f"Name {plural(len(heap) + len(rows))} {to}"
    with project.gesture(title, all_or_nothing=True) as gesture:
        act = acts.name(state, gesture, heap, to, TYPED) if state is not None else None
        moved = catalogue.move(project, gesture, rows, to)
    if state is not None and act is not None and not moved:
        yield from acts.take_up(session, state, act)
    yield session.changed("unsorted")
    return {"named": len(heap), "moved": moved, "class": to}


@job("Save the map", reads=True)
def save_map(session: Session, *, to: str, overwrite: bool = False) -> Work[MapSaved]:
    """Writes path, class and place of each image as CSV: a file, or "-" for standard output."""
    refuse_taken(to, overwrite)
    found = yield from map_points(session)
    paths = [text_cell(path) for path in found["paths"].split("\0")] if found["images"] else []
    names = [*map(text_cell, found["names"]), ""]  # at -1 what waits
    classes = [names[at] for at in np.frombuffer(found["classes"], np.int32)]
    # With nine digits each is the same number again.
    spots = [[f"{at:.9g}" for at in spot] for spot in np.frombuffer(found["spots"], PAIR)]
    file = CsvWriter(to, ("path", "class", "x", "y"), overwrite)
    try:
        file.write((*row, *spot) for *row, spot in zip(paths, classes, spots, strict=True))
    finally:
        file.close()
    return {"to": "" if to == STANDARD_OUTPUT else to, "rows": len(paths)}

"""Jobs of the Sort page: images that wait for a class come, are suggested one, and are named."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.errors import BadSetting, Refused
from engine.events import Notice, Progress, Work
from engine.heap import acts, arriving, making
from engine.heap import suggestions as told
from engine.jobs import job
from engine.live.film import taken_apart
from engine.results.heap import (
    Accepted,
    BurstsFound,
    ClassesSuggested,
    ImagesNamed,
    SetAside,
    ShownAccepted,
    Suggestions,
    UnsortedAdded,
    UnsortedPage,
    UnsortedRemoved,
)
from engine.results.learn import LearntAgain
from engine.session import Session
from engine.storage import bursts, catalogue, steps, unsorted
from engine.storage.unsorted import ACCEPTED, TYPED
from engine.system.words import plural


@job("Add unsorted images")
def add_unsorted(
    session: Session, *, paths: Sequence[str], copy: bool = False, gap: float | None = None
) -> Work[UnsortedAdded]:
    """Checks images and keeps them without a class, with their features, ready to be sorted.

    Those that one camera took into one folder are a burst, which ends where `gap` seconds pass;
    where nothing is said, those that the project keeps (`set_burst_gap`). Of a film those frames
    are kept that differ (engine/live/film.py).
    """
    if gap is not None:
        check_gap(gap)
    project = session.require()
    project.check_writable()
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        films = yield from taken_apart(paths, Path(folder))
        found = arriving.find(films.paths, films.inside)
        found.frames = films.shown
        with project.gesture("Add unsorted images") as gesture:
            added, arrived = yield from arriving.arrive(session, gesture, found, copy, gap)
    yield session.changed("unsorted")
    return {
        "added": len(added.fresh),
        "already_there": added.already,
        "in_classes": [catalogue.displayable(catalogue.stored(p)) for p in arrived.in_classes],
        "skipped": added.result()["skipped"],
        "waiting": len(unsorted.rows(project)),
    }


def check_gap(gap: float) -> None:
    if not 0 <= gap < math.inf:
        raise BadSetting("The seconds that end a burst are 0 or more.")


@job("Change what is one burst")
def set_burst_gap(session: Session, *, gap: float) -> Work[BurstsFound]:
    """Finds the bursts among the images that wait anew: less than `gap` seconds apart are one.

    The project keeps the gap for what comes later. All of a burst is drawn to judge by, or none of
    it; what lies in classes stays as it is.
    """
    check_gap(gap)
    project = session.require()
    with project.gesture("Change what is one burst", all_or_nothing=True) as gesture:
        bursts.regroup(project, gesture, gap)
        unsorted.draw_anew(project, gesture)
    yield session.changed("unsorted")
    return {"bursts": len({row["burst"] for row in unsorted.rows(project)} - {""})}


@job("Look at unsorted images", reads=True)
def unsorted_images(
    session: Session, *, aside: bool = False, offset: int = 0, limit: int = 200
) -> Work[UnsortedPage]:
    """A page of the images that wait, or of those that were set aside, as they came."""
    yield Progress(0, None, "Reading")
    project = session.require()
    waiting, put_by = unsorted.rows(project), unsorted.rows(project, aside=True)
    found = put_by if aside else waiting
    return {
        "total": len(found),
        "aside": len(put_by),
        "rows": [unsorted.view_of(project, row) for row in found[offset : offset + limit]],
    }


@job("Remove unsorted images")
def remove_unsorted(session: Session, *, images: Sequence[int]) -> Work[UnsortedRemoved]:
    """Takes images that wait out of the project; the files stay where they lie."""
    project = session.require()
    with project.gesture(f"Remove {plural(len(images))}") as gesture:
        removed = unsorted.remove(project, gesture, images)
    yield session.changed("unsorted")
    return {"removed": removed}


@job("Suggest classes")
def suggestions(
    session: Session,
    *,
    order: str = "likeness",
    visible: Sequence[int] = (),
    limit: int = 60,
    settle: bool = False,
) -> Work[Suggestions]:
    """What the images that wait may be: the `visible` ones (ids) first, the rest in an order.

    With `settle` the learner chooses its regularisation anew, which takes longer than an act may:
    for when nobody presses a key.
    """
    told.check_order(order)
    yield Progress(0, None, "Looking at unsorted images")
    state = yield from making.state_of(session)
    if settle:
        making.settled(state)
    return told.suggestions(state, order, visible, limit)


@job("Suggest classes by path")
def suggest(session: Session, *, order: str = "likeness", limit: int = 0) -> Work[ClassesSuggested]:
    """What the images that wait may be, by their paths, with every class; all if `limit` is 0."""
    told.check_order(order)
    if limit < 0:
        raise BadSetting("The limit is 0, for all images, or more.")
    yield Progress(0, None, "Looking at unsorted images")
    state = yield from making.state_of(session)
    return told.in_full(state, order, limit)


@job("Name images")
def label_images(
    session: Session,
    *,
    to: str,
    images: Sequence[int] = (),
    paths: Sequence[str] = (),
    how: str = TYPED,
    burst: bool = False,
    order: str = "likeness",
    visible: Sequence[int] = (),
    limit: int = 60,
    learn: bool = False,
) -> Work[ImagesNamed]:
    """Moves images from the heap into the class `to`, and learns them at once.

    `how` says whether a person typed the class or accepted it as suggested; with `burst` all that
    was taken together with the images moves with them. What was learnt is kept in the project with
    `learn`, or by `learn_sorted`; until then it is in memory, and comes again from the images.
    """
    project, to = session.require(), acts.named(to)
    project.check_writable()
    told.check_order(order)
    if how not in (TYPED, ACCEPTED):
        raise BadSetting(f"A class is typed or accepted, not “{how}”.")
    chosen = [*images, *unsorted.at_paths(project, [Path(path) for path in paths])]
    chosen = unsorted.with_bursts(project, chosen) if burst else chosen
    if not unsorted.by_id(project, chosen):
        raise Refused("These images no longer wait for a class.")
    state = yield from making.state_of(session)
    title = f"Name {plural(len(chosen))} {to}"
    held = project.gesture(title, all_or_nothing=True) if learn else project.act(title)
    with held as gesture:
        result = (act := acts.name(state, gesture, chosen, to, how, order != "groups")).result(to)
        if learn:
            result["step"] = (yield from acts.learn(session, gesture, title))["step"]
    if not learn:
        state = yield from acts.take_up(session, state, act)
        result["suggestions"] = told.suggestions(state, order, visible, limit)
    yield session.changed("unsorted")
    return result


@job("Accept suggestions")
def accept_above(
    session: Session,
    *,
    least: float,
    really: bool = False,
    order: str = "likeness",
    limit: int = 60,
    learn: bool = False,
) -> Work[Accepted]:
    """Gives all images whose likeliest class is at least so probable that class.

    Without `really` it only says how many these are, and how many mistakes are to be expected.
    Images that were drawn to judge by, and those set aside, are left.
    """
    project = session.require()
    told.check_order(order)
    if not 0 <= least <= 1:
        raise BadSetting(f"The least probability lies between 0 and 1, and {least:g} does not.")
    yield Progress(0, None, "Looking at unsorted images")
    state = yield from making.state_of(session)
    result, namings = acts.sure(state, least)
    if not really or not namings:
        return result
    project.check_writable()
    title = f"Accept {plural(result['images'], 'suggestion')}"
    with project.gesture(title, all_or_nothing=True) as gesture:
        acts.accept(state, gesture, namings)
        if learn:
            result["step"] = (yield from acts.learn(session, gesture, title))["step"]
    result["done"] = True
    many = result["mistakes"] >= 1
    few = f"about {result['mistakes']:.0f} of them" if many else "less than one of them"
    yield Notice(f"{plural(result['images'], 'suggestion')} accepted; {few} may be wrong.")
    if not learn:
        state = yield from making.state_of(session)
        result["suggestions"] = told.suggestions(state, order, (), limit)
    yield session.changed("unsorted")
    return result


@job("Accept what is shown")
def accept_shown(
    session: Session,
    *,
    shown: Mapping[int, tuple[str, float]],
    order: str = "likeness",
    visible: Sequence[int] = (),
    limit: int = 60,
    learn: bool = False,
) -> Work[ShownAccepted]:
    """Gives images the classes that a person saw suggested for them, and learns them at once.

    `shown` has the class and its probability by the image's id, as `likeliest` began when it was
    looked at, for by now the program may say another. It is one gesture. Images drawn to judge by,
    those set aside and those that have a class by now are left. `learn` is as for `label_images`.
    """
    project = session.require()
    project.check_writable()
    told.check_order(order)
    namings = acts.as_shown(project, shown)
    classes = {to: len(some) for to, some in namings.items()}
    count = sum(classes.values())
    if not count:
        raise Refused("These images no longer wait for a class.")
    state = yield from making.state_of(session)
    title = f"Accept {plural(count, 'suggestion')}"
    result = ShownAccepted(images=count, classes=classes, suggestions=None, step=None)
    held = project.gesture(title, all_or_nothing=True) if learn else project.act(title)
    with held as gesture:
        done = [acts.put(state, gesture, some, to) for to, some in namings.items()]
        if learn:
            result["step"] = (yield from acts.learn(session, gesture, title))["step"]
    if not learn:
        state = yield from acts.take_up(session, state, *done)
        result["suggestions"] = told.suggestions(state, order, visible, limit)
    yield session.changed("unsorted")
    return result


@job("Set images aside")
def set_aside(
    session: Session,
    *,
    images: Sequence[int] = (),
    paths: Sequence[str] = (),
    back: bool = False,
    order: str = "likeness",
    visible: Sequence[int] = (),
    limit: int = 60,
) -> Work[SetAside]:
    """Sets images aside as none of these or not usable, or takes them back."""
    project = session.require()
    told.check_order(order)
    chosen = [*images, *unsorted.at_paths(project, [Path(path) for path in paths])]
    title = f"Take back {plural(len(chosen))}" if back else f"Set {plural(len(chosen))} aside"
    state = yield from making.state_of(session)
    with project.act(title) as gesture:
        changed = unsorted.set_aside(project, gesture, chosen, not back)
    if back:
        state = yield from making.state_of(session)
    else:
        state.act(chosen, {}, {})
    shown = told.suggestions(state, order, visible, limit)
    yield session.changed("unsorted")
    return {"images": changed, "suggestions": shown}


@job("Learn what was sorted")
def learn_sorted(session: Session) -> Work[LearntAgain]:
    """Keeps what was learnt from sorting in the project, as a part of the last gesture: one undo
    takes both back. Does nothing where nothing changed since the last step."""
    project = session.require()
    before = steps.current(project)
    if not acts.out_of_line(project) or not catalogue.to_learn(project).train:
        return {}
    result = yield from acts.learn_with_last(session)
    yield session.changed("learnt")
    return {**result, "accuracy_before": before["scores"]["accuracy"] if before else None}

"""Jobs that watch: a camera, a film or a folder is answered as it comes.

Nothing here imports PyTorch: exported files are asked without it, but for those in PyTorch's own
formats (.pt2, .safetensors).
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import BadSetting, Refused
from engine.events import Progress, Work
from engine.jobs import job
from engine.live.actions import Failed, Moment, act
from engine.live.answering import answering_of, opened_file
from engine.live.keeping import Unsure, folders_of, sorting_into
from engine.live.places import FOLDER, Place, place_named
from engine.live.rules import rule_of, rules_in
from engine.live.watching import Answering, Wanted, Watching
from engine.predict.asked import Answered
from engine.predict.sorting import without
from engine.results.live import ModelFile, RuleTried, SourceWatched

if TYPE_CHECKING:
    from engine.session import Session

Rules = Sequence[Mapping[str, Any]]


@job("Watch", reads=True)
def watch(
    session: Session | None,
    *,
    source: str,
    model: str = "",
    every: bool = False,
    existing: bool = False,
    half_life: float = 0.5,
    least: float = 0.0,
    rules: Rules = (),
    rules_file: str = "",
    sort_into: str = "",
    known_only: bool = False,
    preview: int = 0,
    pass_over: bool = False,
    spoken: Sequence[str] = (),
    go_on: bool = False,
) -> Work[SourceWatched]:
    """Answers what comes from a camera, an address, a film or a folder, by the project or the
    exported file `model`, until a film is over or the job is asked to end with what it has.

    `every`: no frame of a film is left out. `existing`: of a folder also what lies there. Answers
    that are less probable than `least` are "not sure". `rules_file` is a JSON file of more
    `rules`; those for a class that is not known are refused, or with `pass_over` never done.
    `spoken` are classes that have words of their own where they are said aloud. Images of a folder
    are copied with `sort_into` as `sort_images` does, with `known_only` those of a class alone.
    `go_on`: the watching before gets other settings, so that rules that it did rest on. Raises
    BadSetting and Refused.
    """
    place = place_named(source)
    how = {"every": every, "preview": preview, "pass_over": pass_over, "go_on": go_on}
    wanted = wanted_of(rules, rules_file, spoken, existing, half_life, **how)
    answering = answering_of(session, model, least)
    if sort_into:
        return (yield from into_folders(place, wanted, answering, sort_into, known_only))
    return (yield from Watching(place, wanted, answering).run())


@job("Open a model's file", reads=True)
def open_model(session: Session | None, *, path: str) -> Work[ModelFile]:
    """Says what an exported file knows. Raises UnusableWeights where it can't be asked."""
    yield Progress(0, None, "Opening the model")
    exported = opened_file(Path(path))
    return {
        "path": path,
        "classes": list(exported.class_names),
        "groups": list(exported.naming.groups),
        "promise": exported.promise,
        "network": exported.facts.get("backbone", ""),
    }


@job("Watch a folder, and keep what is unsure")
def watch_to_heap(
    session: Session,
    *,
    source: str,
    existing: bool = False,
    least: float = 0.0,
    rules: Rules = (),
    rules_file: str = "",
    spoken: Sequence[str] = (),
    sort_into: str = "",
) -> Work[SourceWatched]:
    """The same for a folder; images that are none of the classes, or not sure, wait in the
    project's heap from then on, and the others are copied with `sort_into`. They are brought in
    while nothing else comes, and at the end."""
    place = place_named(source)
    check_folder(place, "Keeping what is unsure")
    session.require().check_writable()
    unsure = Unsure(session)
    wanted = wanted_of(rules, rules_file, spoken, existing)
    answering = answering_of(session, "", least)
    if sort_into:
        result = yield from into_folders(place, wanted, answering, sort_into, True, unsure)
    else:
        result = yield from Watching(place, wanted, answering, unsure.keep, unsure.bring).run()
    return {**result, "heap": unsure.kept}


@job("Try a rule", reads=True)
def try_rule(session: Session | None, *, rule: Mapping[str, Any]) -> Work[RuleTried]:
    """Does once what a rule says, with a drawn image. Raises Refused where it fails."""
    made = rule_of(rule)
    yield Progress(0, None, "Trying a rule")
    image = np.full((120, 160, 3), (60, 120, 90), np.uint8)
    image[30:90, 50:110] = (240, 240, 230)
    moment = Moment(datetime.now(), "a test", made.name, 1.0, 0.0, image)
    try:
        act(made, moment, threading.Event())
    except Failed as why:
        raise Refused(f"“{made.title}” failed: {why}. Mend it and try it again.") from why
    return {"rule": made.title}


def wanted_of(
    rules: Rules,
    rules_file: str,
    spoken: Sequence[str],
    existing: bool,
    half_life: float = 0.0,
    **how: Any,
) -> Wanted:
    """How to watch, checked. Raises BadSetting."""
    if not 0 <= half_life < math.inf:
        raise BadSetting("The half-life is 0 seconds, not to smooth, or more.")
    checked = tuple(map(rule_of, [*rules, *rules_in(rules_file)]))
    spoken = tuple(spoken)
    return Wanted(existing=existing, half_life=half_life, rules=checked, spoken=spoken, **how)


def into_folders(
    place: Place,
    wanted: Wanted,
    answering: Answering,
    target: str,
    known_only: bool,
    unsure: Unsure | None = None,
) -> Work[SourceWatched]:
    """Watches a folder, and copies each image into one of its class in `target`. With `known_only`
    those that are none or not sure are left; they can be kept as `unsure`."""
    check_folder(place, "Sorting into folders")
    sorting = sorting_into(place, Path(os.path.abspath(target)), answering(), known_only)
    unlooked = without([place.where], sorting.target, sorting.folders)

    def sort(what: str, one: Answered) -> None:
        if sorting.asked is not watching.asked:  # the project has learnt something else
            sorting.asked = watching.asked
            sorting.folders = folders_of(sorting.target, sorting.asked)
        sorting.sort(one)
        if unsure is not None:
            unsure.keep(what, one)

    with closing(sorting.sheet):
        watching = Watching(place, wanted, answering, sort, unlooked=unlooked)
        if unsure is not None:
            watching.between = unsure.bring
        result = yield from watching.run()
    return {**result, "sorted": sorting.result()["folders"]}


def check_folder(place: Place, what: str) -> None:
    if place.kind != FOLDER:
        raise Refused(
            f"{what} goes with a watched folder. Of a camera or a film, a rule copies frames "
            "(--rule CLASS copy FOLDER)."
        )

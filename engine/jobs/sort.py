"""Images sorted into folders by class: copied, or moved where that was asked for.

Nothing here imports PyTorch: exported files are asked without it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import BadSetting
from engine.events import Work
from engine.images.walk import Walk
from engine.jobs import job
from engine.predict.answers import answerer_of, answers
from engine.predict.folder_names import folder_names
from engine.predict.place_files import FilePlacer
from engine.predict.sorting import OTHERS, Sorting, begun, place_of, without
from engine.predict.table import counted
from engine.results.learn import ImagesSorted
from engine.system.progress import Eta

if TYPE_CHECKING:
    from engine.session import Session


@job("Sort images into folders")
def sort_images(
    session: Session | None,
    *,
    paths: Sequence[str],
    to: str,
    model: str = "",
    move: bool = False,
    known_only: bool = False,
    least: float = 0.0,
) -> Work[ImagesSorted]:
    """Puts each image into the folder of its class below `to`, by the project or a file.

    Left where they are: what can't be used; with `known_only` what is none of these, and what is
    not sure by the promise; what is less probable than `least`. A name that is taken gets a number.
    Every image is listed in a CSV file in `to`, written as it goes: read backwards, it undoes a
    move. Raises BadSetting and Refused.
    """
    check(to, least)
    target, asked = Path(os.path.abspath(to)), answerer_of(session, model)
    groups = asked.naming.groups if asked.naming else ()
    names = folder_names(dict.fromkeys((*asked.class_names, *groups)), OTHERS)
    folders = {name: target / folder for name, folder in names.items()}
    walk = Walk([Path(path) for path in paths], without(paths, target, folders))
    total = yield from counted(walk)
    known, roots = begun(target), tuple(map(place_of, paths))
    sorting = Sorting(asked, target, folders, FilePlacer(move), known_only, least, known, roots)
    eta, done = Eta(total, "Moving images" if move else "Copying images"), 0
    with closing(sorting.sheet), closing(answers(asked, walk)) as found:
        for some in found:
            try:
                for one in some:
                    sorting.sort(one)
                    done += 1
                    if done % 8 == 0 or one is some[-1]:
                        yield eta.at(done)
            finally:
                sorting.remove_originals()
    return sorting.result()


def check(to: str, least: float) -> None:
    """Raises BadSetting where a setting makes no sense."""
    if not 0 <= least <= 1:
        raise BadSetting(f"The least probability lies between 0 and 1, and {least:g} does not.")
    if not to.strip():
        raise BadSetting("Name the folder that the images are sorted into.")

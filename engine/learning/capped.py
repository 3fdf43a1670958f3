"""A cap on what a project keeps that can be made again, and what gives way first.

Thumbnails can be drawn and features computed anew from the images, and what was learnt is kept as
sums, so that learning goes on exactly without them. Features are wanted again where images are
unlearnt, and where the map, the heap or another network looks at all images. While images wait for
a class, nothing of the network in use gives way: the heap compares them with all others at each
key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.learning.material import sampled
from engine.storage import catalogue, meter
from engine.storage.feature_cache import Features
from engine.storage.project import Project

GOES_FIRST = (
    "features of networks that are not in use",
    "thumbnails, the oldest first: the files themselves are then read where images are shown",
    "features of images that were learnt, those with the greatest hashes first",
    "features of images that wait to be learnt",
    "features of held-out images: scores are then of fewer",
    "features of the sample that says which regularisation is best",
)
"""In which order features give way to a cap, in words."""
WHAT_STAYS = (
    "What was learnt stays, and learning goes on exactly. Where an image is to be unlearnt, those "
    "of its class are computed anew from the files; where one of these is gone, everything is "
    "learnt again from the files that are left. The map, the heap and another network look at all "
    "images, whose features are then kept until the next step of learning; while images wait for "
    "a class, none gives way. Thumbnails are not drawn anew. Rehearsal keeps nothing of its own: "
    "it shows images of the project again, as many as is set under Tune."
)
HEAD = 4
"""Bytes that an image takes of the head of its pack, at most where packs are packed anew."""


def keep_within(project: Project, features: Features, learnt: Mapping[int, Sequence[str]]) -> int:
    """Drops what is above the project's cap, in the order of GOES_FIRST; returns the features of
    how many images. `learnt` are the hashes of the images of each class that are kept as sums."""
    cap = int(project.facts["feature_cap"])
    if not cap or above(project, cap) <= 0:
        return 0
    others = features.drop_other_networks()
    if project.db.execute("SELECT 1 FROM unsorted WHERE NOT aside LIMIT 1").fetchone():
        return others
    drop_thumbnails(project, above(project, cap))
    if above(project, cap) <= 0:
        return others
    order = by_use(project, features.all(), learnt)
    room = cap - meter.bytes_of(project, "thumbnails")
    most = max(0, room) // (features.bytes_each() + HEAD)
    return others + features.drop_all_but(set(order[:most]))


def above(project: Project, cap: int) -> int:
    """By how many bytes features and thumbnails lie above a cap."""
    return sum(meter.bytes_of(project, part) for part in ("features", "thumbnails")) - cap


def drop_thumbnails(project: Project, least: int) -> None:
    """Removes packs of thumbnails, the oldest first, until so many bytes are free."""
    packs = project.db.execute(
        "SELECT pack FROM (SELECT pack, id FROM image UNION ALL SELECT pack, id FROM unsorted) "
        "WHERE pack <> '' GROUP BY pack ORDER BY MIN(id)"
    )
    for (pack,) in packs.fetchall():
        if least <= 0:
            break
        least -= meter.size_of(project, [pack])
        project.blobs.path(pack).unlink(missing_ok=True)


def by_use(
    project: Project, there: Sequence[str], learnt: Mapping[int, Sequence[str]]
) -> list[str]:
    """The images in the order in which their features are to be kept; see GOES_FIRST."""
    split = catalogue.to_learn(project)
    sample = {sha256 for sha256, _ in sampled(split.train)}
    held = {sha256 for hashes in split.validation.values() for sha256 in hashes}
    known = {sha256 for hashes in learnt.values() for sha256 in hashes}

    def use(sha256: str) -> tuple[int, str]:
        if sha256 in sample:
            return 0, sha256
        return (1 if sha256 in held else 3 if sha256 in known else 2), sha256

    return sorted(there, key=use)

"""Camtrap DP 1.0: what camera traps saw, as tables of deployments, media and observations."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from mimetypes import guess_type
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import Any

from engine.labels.captured import Captured, captured
from engine.labels.formats import FORMATS, Entry, Files, LabelFormat, NotThisFormat, Row
from engine.labels.tables import columns, line
from engine.labels.text import is_file, whole
from engine.system.cells import FORMULA

SCHEMAS = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2/"
TABLES = ("deployments", "media", "observations")
COLUMNS = {
    "deployments": "deploymentID,locationID,locationName,latitude,longitude,coordinateUncertainty,"
    "deploymentStart,deploymentEnd,setupBy,cameraID,cameraModel,cameraDelay,cameraHeight,"
    "cameraDepth,cameraTilt,cameraHeading,detectionDistance,timestampIssues,baitUse,featureType,"
    "habitat,deploymentGroups,deploymentTags,deploymentComments",
    "media": "mediaID,deploymentID,captureMethod,timestamp,filePath,filePublic,fileName,"
    "fileMediatype,exifData,favorite,mediaComments",
    "observations": "observationID,deploymentID,mediaID,eventID,eventStart,eventEnd,"
    "observationLevel,observationType,cameraSetupType,scientificName,count,lifeStage,sex,behavior,"
    "individualID,individualPositionRadius,individualPositionAngle,individualSpeed,bboxX,bboxY,"
    "bboxWidth,bboxHeight,classificationMethod,classifiedBy,classificationTimestamp,"
    "classificationProbability,observationTags,observationComments",
}
TITLES = {table: titles.split(",") for table, titles in COLUMNS.items()}
OTHER_TYPES = ("human", "vehicle", "blank")
"""Types of observations that are classes themselves; what is none of them is an animal."""
FIRST_TITLES = ("mediaID,", "observationID,")
NO_CLASS = ("unknown", "unclassified")
PLAIN = re.compile(r"(?![./~])(?!.*\.\.)(?!.*\\)[^\r\n]*")
"""Paths that the standard allows as they are; others are written as addresses of files."""


@FORMATS.register("camtrap-dp", "Camtrap DP")
@dataclass
class CamtrapDp(LabelFormat):
    """datapackage.json with deployments.csv, media.csv and observations.csv beside it.

    A deployment is a folder of images. A class is a scientific name, or “human”, “vehicle” or
    “blank”; the side of the split is a tag of the observation (“split:train”). The time is that of
    the EXIF; where it has none, that of the file, and the deployment's timestamps have issues.
    """

    proposed = "datapackage.json"
    endings = (".json",)

    @classmethod
    def fits(cls, name: str, head: str) -> bool:
        first = head.lstrip().partition("\n")[0]
        package = first.startswith("{") and "camtrap-dp" in head and '"resources"' in head
        return package or name.lower() == cls.proposed or first.startswith(FIRST_TITLES)

    def read(self, file: Path) -> Iterator[Row]:
        media, observations = (file.with_name(name) for name in tables_of(file))
        paths = {row[0]: row[1] for row in columns(media, ("mediaID",), ("filePath",))}
        wanted = (("mediaID",), ("scientificName",), ("observationType",), ("observationTags?",))
        for number, name, kind, tags in columns(observations, *wanted):
            if number:  # those of events name no image
                name = name or ("" if kind in NO_CLASS else kind)
                yield Row(paths.get(number, ""), name, side_in(tags))

    def write(self, entries: Sequence[Entry], name: str) -> Files:
        times: Times = {}
        yield "deployments.csv", deployments(entries, times)
        yield "media.csv", media(entries, times)
        yield "observations.csv", observations(entries, times)
        about = package(entries, list(times.values()))
        yield name, iter([json.dumps(about, indent=2, ensure_ascii=False), "\n"])


Times = dict[Path, Captured]


def tables_of(file: Path) -> tuple[str, str]:
    """The names of the tables of media and observations, as the package says them."""
    named = {"media": "media.csv", "observations": "observations.csv"}
    if file.suffix.lower() == ".json":
        try:
            found = json.loads(whole(file))
        except (ValueError, RecursionError) as error:
            raise NotThisFormat("is no JSON that can be read. Save it anew") from error
        resources = found.get("resources") if isinstance(found, dict) else None
        for one in resources if isinstance(resources, list) else ():
            if isinstance(one, dict) and one.get("name") in named:
                named[one["name"]] = str(one.get("path"))
    for name in named.values():
        if PurePosixPath(name).name != name or not is_file(file.with_name(name)):
            raise NotThisFormat(f"has no table “{name[:99]}” beside it. Put all its files there")
    return named["media"], named["observations"]


@lru_cache(256)
def side_in(tags: str) -> str:
    parts = (tag.strip().partition(":") for tag in tags.split("|"))
    return next((value for key, _, value in parts if key == "split"), "")


def path_of(entry: Entry) -> str:
    """The path as the standard allows it: relative, or an address."""
    plain = PLAIN.fullmatch(entry.path) and not FORMULA.match(entry.path)
    if plain and not os.path.isabs(entry.path):
        return entry.path
    return entry.file.as_uri().replace("..", "%2E%2E")


def deployment_of(entry: Entry) -> str:
    return str(PurePosixPath(entry.path).parent)


def row(table: str, **values: object) -> str:
    """A row of a table, with all of its columns."""
    return line([str(values.get(column, "")) for column in TITLES[table]])


def deployments(entries: Sequence[Entry], times: Times) -> Iterator[str]:
    """A row for each folder, with the time from its first image to its last. Finds the times."""
    for entry in entries:
        if entry.file not in times:
            times[entry.file] = captured(entry.file)
        yield ""  # it takes a while: here the person can stop it
    yield COLUMNS["deployments"] + "\n"
    folders: dict[str, list[Captured]] = defaultdict(list)
    for entry in entries:
        folders[deployment_of(entry)].append(times[entry.file])
    for folder, here in sorted(folders.items()):
        place = next((one.place for one in here if one.place), ("", ""))
        yield row(
            "deployments",
            deploymentID=folder,
            latitude=place[0],
            longitude=place[1],
            deploymentStart=first_and_last(here)[0],
            deploymentEnd=first_and_last(here)[1],
            timestampIssues=str(not all(one.sure for one in here)).lower(),
        )


def first_and_last(times: Sequence[Captured]) -> tuple[str, str]:
    known = [one.when for one in times if one.when] or [""]
    return min(known), max(known)


def media(entries: Sequence[Entry], times: Times) -> Iterator[str]:
    """A line for each image, whatever the number of its classes."""
    yield COLUMNS["media"] + "\n"
    for number, (path, same) in enumerate(groupby(entries, attrgetter("path")), start=1):
        entry = next(same)
        yield row(
            "media",
            mediaID=number,
            deploymentID=deployment_of(entry),
            timestamp=times[entry.file].when,
            filePath=path_of(entry),
            filePublic="false",
            fileName=PurePosixPath(path).name,
            fileMediatype=guess_type("x" + entry.file.suffix)[0] or "image/jpeg",
        )


def observations(entries: Sequence[Entry], times: Times) -> Iterator[str]:
    """A line for each class of each image."""
    yield COLUMNS["observations"] + "\n"
    number = 0
    for image, (_, same) in enumerate(groupby(entries, attrgetter("path")), start=1):
        for entry in same:
            number += 1
            other = entry.name in OTHER_TYPES
            yield row(
                "observations",
                observationID=number,
                deploymentID=deployment_of(entry),
                mediaID=image,
                eventStart=times[entry.file].when,
                eventEnd=times[entry.file].when,
                observationLevel="media",
                observationType=entry.name if other else "animal",
                scientificName="" if other else entry.name,
                observationTags=f"split:{entry.split}" if entry.split else "",
            )


def package(entries: Sequence[Entry], times: Sequence[Captured]) -> dict[str, Any]:
    """The package's metadata. It says to be made when its last image was taken, so that the same
    images give the same file."""
    first, last = first_and_last(times)
    places = sorted({one.place for one in times if one.place})
    points = [[longitude, latitude] for latitude, longitude in places]
    return {
        "profile": f"{SCHEMAS}camtrap-dp-profile.json",
        "created": last,
        "contributors": [{"title": "Espalier", "role": "contributor"}],
        "project": {
            "title": "Images sorted with Espalier",
            "samplingDesign": "opportunistic",
            "captureMethod": ["activityDetection"],
            "individualAnimals": False,
            "observationLevel": ["media"],
        },
        "spatial": {"type": "MultiPoint", "coordinates": points},
        "temporal": {"start": first[:10], "end": last[:10]},
        "taxonomic": [
            {"scientificName": name}
            for name in sorted({entry.name for entry in entries} - set(OTHER_TYPES))
        ],
        "resources": [resource(name) for name in TABLES],
    }


def resource(name: str) -> dict[str, str]:
    return {
        "name": name,
        "path": f"{name}.csv",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": f"{SCHEMAS}{name}-table-schema.json",
    }

"""Label Studio's JSON: a list of tasks, each an image with the choices of who looked at it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from engine.labels.formats import FORMATS, Entry, Files, LabelFormat, NotThisFormat, Row
from engine.labels.json_items import items, listed, text_of
from engine.labels.text import whole

LOCAL, UPLOAD = "/data/local-files/?d=", "/data/upload/"
PREFIX = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of a file that was uploaded."""


@FORMATS.register("label-studio", "Label Studio")
@dataclass
class LabelStudio(LabelFormat):
    """Choices of annotations that were not cancelled; “JSON” and “JSON-MIN” are read.

    The side of the split is in a task's data as “split”, which is ours. Files of its local storage
    are looked for from the file's folder on, uploaded ones by their own names.
    """

    proposed = "label-studio.json"
    endings = (".json",)

    @classmethod
    def fits(cls, name: str, head: str) -> bool:
        return name.lower().endswith(".json") and head.lstrip()[:1] == "["

    def read(self, file: Path) -> Iterator[Row]:
        for key, task in items(whole(file)):
            if key or not isinstance(task, dict) or not ("data" in task or "image" in task):
                raise NotThisFormat("is no list of tasks with “data”")
            data = task.get("data", task)
            if not isinstance(data, dict):
                raise NotThisFormat("has a task whose “data” is no object")
            path, split = path_in(data), text_of(data.get("split", ""))
            names = choices_of(task) if "data" in task else chosen(task.get("choice"))
            for name in dict.fromkeys(names) or [""]:
                yield Row(path, name, split)

    def write(self, entries: Sequence[Entry], name: str) -> Files:
        yield name, text(entries)


def path_in(data: dict[str, Any]) -> str:
    """Where a task's image lies: “image”, or the first text that there is."""
    found = data.get("image")
    if not isinstance(found, str):
        found = next((value for value in data.values() if isinstance(value, str)), "")
    if found.startswith(LOCAL):
        return parse_qs(urlsplit(found).query).get("d", [""])[0]
    if found.startswith(UPLOAD):
        return PREFIX.sub("", unquote(found.rpartition("/")[2]))
    return found


def choices_of(task: dict[str, Any]) -> list[str]:
    """The choices of all who looked at a task."""
    names = []
    for annotation in task.get("annotations") or task.get("completions") or ():
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        results = annotation.get("result")
        for one in results if isinstance(results, list) else ():
            if isinstance(one, dict) and one.get("type") == "choices":
                names += chosen(one.get("value"))
    return names


def chosen(value: Any) -> list[str]:
    """A choice or several, as they are written in one way or another."""
    if isinstance(value, dict):
        value = value.get("choices")
    several = value if isinstance(value, list) else [value]
    return [text_of(one) for one in several if one is not None]


def text(entries: Sequence[Entry]) -> Iterator[str]:
    yield "[\n"
    yield from listed(tasks_of(entries))
    yield "]\n"


def tasks_of(entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    for number, (path, same) in enumerate(groupby(entries, attrgetter("path")), start=1):
        together = list(same)
        choice = {
            "from_name": "choice",
            "to_name": "image",
            "type": "choices",
            "value": {"choices": [entry.name for entry in together]},
        }
        data = {"image": path, "split": together[0].split}
        yield {"id": number, "data": data, "annotations": [{"result": [choice]}]}

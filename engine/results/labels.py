"""Jobs on label files: classes of images that come in from files, and go out to them."""

from typing import TypedDict

from engine.registry import PluginView
from engine.results.images import SkippedFile

ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".xml", ".xmp")
"""Endings of label files: what has one of them, and is dropped, is no image."""


class LabelsSaved(TypedDict):
    """`rows` are images in classes (of sidecars: files); `left_out` says what can't be written."""

    to: str
    format: str
    rows: int
    left_out: list[SkippedFile]


LabelFormats = TypedDict("LabelFormats", {"formats": tuple[PluginView, ...]})
"""Of each its `proposed` name (empty: a folder) and its `endings` among its facts."""

"""Files of classes among what was dropped or chosen, told by their endings, and adding them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from app.bridge import Bridge
from engine.results.labels import ENDINGS


def is_label_file(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in ENDINGS and not os.path.isdir(path)


def submit_added(
    bridge: Bridge, paths: Sequence[str], learn: bool, copy: bool, nested: bool = False
) -> None:
    """Adds folders, and what files of classes name; learns it where that is wanted. Where folders
    are `nested`, the deepest are the classes."""
    files = [path for path in paths if is_label_file(path)]
    others = [path for path in paths if path not in files]
    if files:
        bridge.submit("learn_labels" if learn else "add_labels", files=files, copy=copy)
    if others:
        job = "learn_folder" if learn else "add_images"
        bridge.submit(job, paths=others, into="", copy=copy, nested=nested)

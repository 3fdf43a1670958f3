"""Frames that a person took from a camera, as files to be learnt from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from engine.errors import Refused
from engine.images.bursts import SHOT
from engine.live.stamped import stamped
from engine.predict.folder_names import safe

NONE = "Nothing was taken. Hold the button for a moment while the camera shows something."


def frame_files(
    frames: Sequence[tuple[float, bytes]], folder: Path, source: Path
) -> dict[Path, Path]:
    """Writes frames, each with when it was seen (seconds since 1970) and a JPEG, into `folder`.
    Gives for each file the name that a person reads, in `source`. Raises Refused for none."""
    if not frames:
        raise Refused(NONE)
    shown = {}
    for seconds, content in frames:
        when = datetime.fromtimestamp(seconds)
        stamp = when.strftime("%Y-%m-%d %H.%M.%S") + f".{when.microsecond // 1000:03}"
        path = folder / f"{stamp}.jpg"
        path.write_bytes(stamped(content, when))
        shown[path] = source.with_name(safe(source.name)) / path.name
    return shown


def gap_of(frames: Sequence[tuple[float, bytes]]) -> float:
    """The seconds that end a burst, so that a hold is one, however seldom frames came."""
    times = sorted(seconds for seconds, _ in frames)
    return max([SHOT, *(math.ceil(b - a) for a, b in pairwise(times))])

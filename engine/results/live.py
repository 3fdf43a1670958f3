"""What jobs that watch return, and what programs are told of a frame."""

from typing import Any, TypedDict

from engine.events import Watched


class RuleKept(TypedDict):
    """A rule in a person's words; how often it was done, and how often left out since newer ones
    came before it could be."""

    rule: str
    done: int
    left_out: int


class SourceWatched(TypedDict):
    """`answers` counts frames by what was answered. `milliseconds` are medians of the last frames
    by part; `sorted` says how many went into each folder, `heap` how many into the project."""

    source: str
    frames: int
    dropped: int
    unusable: int
    losses: int
    seconds: float
    answers: dict[str, int]
    milliseconds: dict[str, float]
    rules: list[RuleKept]
    sorted: dict[str, int]
    heap: int


RuleTried = TypedDict("RuleTried", {"rule": str})
"""The rule that was done once, with a drawn image."""

FramesHeld = TypedDict("FramesHeld", {"images": int})
"""How many images a hold has that are learnt in memory."""


class ModelFile(TypedDict):
    """An exported file: its classes and the groups that can be answered, what share of its answers
    may be wrong (0: nothing is promised), and its network's name."""

    path: str
    classes: list[str]
    groups: list[str]
    promise: float
    network: str


FramesSeen = TypedDict("FramesSeen", {"frames": int})
"""How many frames a camera gave that were told."""


def line_of(event: Watched) -> dict[str, Any]:
    """One frame as a line of JSON."""
    if event.lost:
        return {"lost": event.lost}
    if event.reason:
        return {"path": event.path, "reason": event.reason}
    best = sorted(event.classes.items(), key=lambda pair: -pair[1])[:5]
    told: dict[str, Any] = {"frame": event.index, "seconds": round(event.time, 3)}
    if event.path:
        told["path"] = event.path
    return told | {
        "known": event.verdict,
        "class": event.answer,
        "probability": round(event.share, 4),
        "latest": event.latest,
        "classes": {name: round(share, 4) for name, share in best},
        "per_second": round(event.per_second, 2),
        "left_out": event.dropped,
        "milliseconds": {name: round(ms, 2) for name, ms in event.milliseconds.items()},
    }

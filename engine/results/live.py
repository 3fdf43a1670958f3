"""What jobs that watch return."""

from typing import TypedDict


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

FramesSeen = TypedDict("FramesSeen", {"frames": int})
"""How many frames a camera gave that were told."""

"""What a test of drift could have seen, with so many images known and so many that came.

An image can be no more unlike than all that are known, so that few known images, or few that come,
bear a small change no witness; and those that come become like each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from engine.learners.drift import needed
from engine.results.stream import Drifts, DriftTest
from engine.system.words import listed, plural

CLEAR, ENTIRE = 1.0, 1e6
"""Standard deviations of what is called a large change, and of one that leaves nothing in common:
such an image is more unlike than all that are known."""
LARGE = (
    "A change is large where it moves images by more than a standard deviation; one that shows is "
    "noticed in 9 of 10 streams."
)
FIRST = 200
"""So many of the images that came are reckoned with; what they don't show is called not seen."""


@lru_cache(maxsize=1000)
def seen(
    known: tuple[int, ...], turns: tuple[int, ...], sides: bool, goes_on: bool, bound: float
) -> tuple[int | None, bool]:
    """After how many images an entire change would be noticed; whether one that is not large
    would be."""
    having = known, turns[:FIRST], sides, goes_on, bound
    entire = needed(*having, ENTIRE)
    return entire, entire is not None and needed(*having, CLEAR) is not None


def sentence(result: Drifts) -> str:
    """That no drift was found, and which changes would not have been."""
    alarmed = {(one["what"], one["class"]) for one in result["alarms"]}
    quiet = [one for one in result["tests"] if (one["what"], one["class"]) not in alarmed]
    of = [
        [one for one in quiet if (one["what"] == "class") == own and one["known"]]
        for own in (True, False)
    ]
    parts = [] if alarmed or not quiet else ["No drift was found."]
    for tests in of:
        parts += unseen([t for t in tests if t["entire"] is None], no_change)
        parts += unseen([t for t in tests if t["entire"] and not t["clear"]], large_alone)
    fresh = [one["class"] for one in quiet if one["what"] == "class" and not one["known"]]
    if fresh:
        parts.append(
            f"Nothing was known of {listed(fresh, 3)}: these images are compared with each other."
        )
    if any(one["known"] and one["entire"] is None for one in quiet):
        parts.append("Learn more images, or choose a folder with more.")
    return " ".join(parts)


def meaning(result: Drifts) -> str:
    """What is called large, where something is."""
    some = any(one["entire"] and not one["clear"] for one in result["tests"])
    return f" {LARGE}" if some else ""


def unseen(
    tests: Sequence[DriftTest], said: Callable[[str, str, Sequence[DriftTest]], str]
) -> list[str]:
    """A sentence on tests that could not see all: with how many images, of what."""
    if not tests:
        return []
    names = [one["class"] or one["what"] for one in tests]
    if len(tests) == 1 or not tests[0]["class"]:
        counts = f"{tests[0]['known']:,} known and {tests[0]['images']:,} new images"
        return [said(f"With {counts}", listed(names, 3), tests)]
    each = [
        f"{name} ({one['known']:,} known, {one['images']:,} new)"
        for name, one in zip(names, tests, strict=True)
    ]
    return [said("With so few images", listed(each, 3), tests)]


def no_change(having: str, names: str, _: Sequence[DriftTest]) -> str:
    return f"{having} no change of {names} would show."


def large_alone(having: str, names: str, tests: Sequence[DriftTest]) -> str:
    after = max(one["entire"] or 0 for one in tests)
    return (
        f"{having} only large changes of {names} show, a complete one after about {plural(after)}."
    )

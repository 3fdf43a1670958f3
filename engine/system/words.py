"""Numbers as both faces say them: shares, counts and times. It imports no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import category

ENOUGH_TESTED = 10
"""From so many test images on the share that is right is said."""
TOO_FEW = "too few to say how well it does"
BETWEEN = "/"
"""Stands between the names of a group within a group, the outermost first: "moths/hawk-moths"."""


def per_cent(share: float | None, digits: int = 1) -> str:
    """0.518 is “51.8 %”; below 0 with a real minus; a dash where nothing is known."""
    return "–" if share is None else f"{100 * share:.{digits}f} %".replace("-", "−")


def whole(share: float | None) -> str:
    """A share as a sentence says it, “83 %”; what is not all is never “100 %”, nor some “0 %”."""
    if share is None:
        return "–"
    told = next((d for d in (0, 1) if 0 < abs(float(f"{100 * share:.{d}f}")) < 100), 2)
    return per_cent(share, 0 if share in (0, 1) else told)


def right_of(accuracy: float, tested: int) -> str:
    """“83 % of 179”; of few images “3 of 4”, for a share of them would seem to mean something."""
    few = tested < ENOUGH_TESTED
    return f"{round(accuracy * tested) if few else whole(accuracy)} of {tested:,}"


def tested_right(accuracy: float, tested: int) -> str:
    """“83 % of 179 test images are right”, “3 of 4 test images are right”."""
    if tested == 1:
        return f"the one test image is {'right' if accuracy else 'wrong'}"
    return f"{right_of(accuracy, tested)} test images are right"


def listed(names: Sequence[str], most: int = 2) -> str:
    """“hat”, “dress and hat”, “dress, hat and 8 more”; one more than `most` is still named."""
    if len(names) == 1:
        return names[0]
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def times(count: float) -> str:
    """How often, which may be no whole number: “once”, “1.6 times”."""
    return "once" if count == 1 else f"{count:g} times"


def plural(count: int, word: str = "image") -> str:
    """“1 image”, “2 images”, “3 classes”."""
    return f"{count:,} {word}{'' if count == 1 else 'es' if word.endswith('s') else 's'}"


def duration(seconds: float) -> str:
    """A time span in words, as rough as an estimate is."""
    if seconds < 1.5:
        return "about a second"
    if seconds < 90:
        return f"about {round(seconds)} seconds"
    if seconds < 5400:
        return f"about {round(seconds / 60)} minutes"
    return f"about {seconds / 3600:.1f} hours"


def size(count: float) -> str:
    """A number of bytes as a person says it."""
    for unit in ("bytes", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def many(count: int, what: str) -> str:
    """“1 image”, “2 images”."""
    words = what if count == 1 else f"{what}es" if what.endswith("s") else f"{what}s"
    return f"{count:,} {words}"


def harmless(text: str) -> str:
    """Text for a terminal, which could take signs in a name for orders: those are spelled out."""
    return "".join(c if c in "\n\t" or category(c) != "Cc" else ascii(c)[1:-1] for c in text)


def rate_in(text: str) -> float | None:
    """The share that a person typed in per cent: “2 %”, “0.5”, “off” (0). None: it is none."""
    plain = text.strip().removesuffix("%").strip().replace(",", ".")
    if plain.lower() == "off":
        return 0.0
    try:
        rate = float(plain) / 100
    except ValueError:
        return None
    return rate if rate >= 0 and rate < float("inf") else None

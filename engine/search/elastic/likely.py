"""Which of some networks is likely the most accurate, when few images were there to judge them.

Of 200 images two networks' accuracies differ by 3 points by chance alone, more than most truly do.
So the images learnt from count, too, each judged as if it had not been learnt; and what was
measured is drawn toward what is known of such networks before: less, the more images there were
(a normal prior, as in Efron & Morris 1975).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from engine.models.elastic.architecture import ElasticArchitecture
from engine.models.growth import MOMENTS, POOLED, STAGES, Kind

OCTAVE, LOST = {POOLED: 0.1, MOMENTS: 0.08, STAGES: 0.05}, 0.08
"""What twice the resolution brings in accuracy, by the kind of features, and what it costs where
their whole variance is lost (EfficientNet-Lite0 on photos of clothing, 64 to 224 pixels)."""
SPREAD, OTHERS = 0.015, 0.03
"""How far the project's own network, and others, are usually from that."""
ACCURACY, LEFT_OUT = "accuracy", "left_out"
"""Of held-out images; and of those learnt from, each left out when it is judged."""
DIFFER = 0.15
"""Of images, the share that one of two networks has right and the other has not."""


def likely(resolution: int, lost: float, features: str) -> float:
    """The accuracy before anything is measured, but for a constant."""
    return OCTAVE[Kind.parse(features).base] * math.log2(resolution) - LOST * lost


def expected_of(
    known: Mapping[str, Mapping[str, Any]],
    own: str,
    images: Mapping[str, int],
    features: str,
    published: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, float]:
    """The accuracy to expect of each network by its architecture, from what was measured of them:
    `images` says on how many images, by the name of the accuracy. `own` is the network that is
    narrowed, `published` has the accuracies of some on ImageNet: what one has more there, it is
    likely to have more here (Kornblith, Shlens and Le, Do better ImageNet models transfer better?,
    2019)."""
    parsed = {text: ElasticArchitecture.parse(text) for text in known}
    before = {
        t: likely(a.resolution, known[t].get("lost", 0.0), features) + ahead(a, own, published)
        for t, a in parsed.items()
    }
    level = level_of(known, before, ACCURACY)
    expected, seen = {}, surprises(known, before, images)
    for text, architecture in parsed.items():
        spread = SPREAD if architecture.network == own else OTHERS
        surprise, count = seen[text]
        trust = spread**2 / (spread**2 + DIFFER / max(1, count))
        expected[text] = level + before[text] + trust * surprise
    return expected


def surprises(
    known: Mapping[str, Mapping[str, Any]], before: Mapping[str, float], images: Mapping[str, int]
) -> dict[str, tuple[float, int]]:
    """By how much each network was better than thought before, and on how many images. What images
    are harder for all networks, or were measured of some only, tells none apart."""
    found = {}
    levels = {name: level_of(known, before, name) for name in images}
    for text, facts in known.items():
        there = {name: count for name, count in images.items() if name in facts}
        count = sum(there.values())
        away = sum(n * (facts[name] - levels[name] - before[text]) for name, n in there.items())
        found[text] = (away / max(1, count), count)
    return found


def level_of(
    known: Mapping[str, Mapping[str, Any]], before: Mapping[str, float], name: str
) -> float:
    """How much larger an accuracy is than thought before, in the mean of all."""
    away = [facts[name] - before[text] for text, facts in known.items() if name in facts]
    return sum(away) / max(1, len(away))


def ahead(architecture: ElasticArchitecture, own: str, published: Mapping[str, float]) -> float:
    """By how much a network was better than `own` where both were published; 0 where not."""
    if own not in published or architecture.network not in published:
        return 0.0
    return published[architecture.network] - published[own]

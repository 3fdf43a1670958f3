"""Forms of a network that were trained a little: their weights are kept, not made anew.

Training is above the search (engine/training/distilling.py); here is what both sides need: which
network a form is before it, what is kept of it after it, and how it is found again.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from engine.errors import BadSetting, Refused
from engine.events import Event, Saved
from engine.models.backbone import Backbone
from engine.models.elastic.architecture import ElasticArchitecture
from engine.search.elastic import folding, networks, using
from engine.search.elastic.choice import Choice
from engine.search.elastic.search import tell
from engine.storage import subnet_results

WHY = "a form that was trained a little"


def facts_of(choice: Choice, wanted: ElasticArchitecture) -> dict[str, Any]:
    """What was measured of a form with the present images. Raises Refused where nothing was."""
    facts = choice.facts().get(str(wanted))
    if facts is None:
        raise Refused("This network was not measured with the present images. Search again.")
    return facts


def check_untrained(wanted: ElasticArchitecture) -> None:
    """Raises BadSetting for a form that was trained already."""
    if wanted.trained:
        raise BadSetting(
            "This network was trained already. Choose the one that it was made of to train it anew."
        )


def teacher_of(choice: Choice, wanted: ElasticArchitecture) -> Backbone:
    """The whole network that shows a form what to see: at the next larger resolution that it
    takes, where its features are better; at the form's own where there is none."""
    origin = using.origin_named(choice, wanted)
    larger = [size for size in networks.RESOLUTIONS if size > wanted.resolution]
    sizes = networks.possible(choice.bench.project, origin, tuple(larger[:1]))
    size = (sizes or [wanted.resolution])[0]
    return choice.bench.dressed(networks.network_of(choice.bench.project, origin, size))


def can_learn(choice: Choice, wanted: ElasticArchitecture) -> bool:
    """Whether there is a network that sees more than this form does."""
    if wanted.trained:
        return False
    return bool(wanted.shares) or teacher_of(choice, wanted).preprocessing.size > wanted.resolution


def student_of(choice: Choice, wanted: ElasticArchitecture) -> Generator[Event, None, Backbone]:
    """The form as it is before it is trained, of pooled features."""
    origin = using.origin_named(choice, wanted)
    calibration = yield from folding.calibrated(choice.bench, origin)
    assert calibration is not None
    return (yield from folding.folded(choice.bench, origin, wanted, calibration))


def keep(
    choice: Choice, wanted: ElasticArchitecture, network: Backbone, before: float, after: float
) -> Generator[Event, None, ElasticArchitecture]:
    """Measures a form that was trained, `network` of pooled features, and keeps it beside the one
    that it was. Errors are those of its features before and after."""
    bench, origin = choice.bench, using.origin_named(choice, wanted)
    known, trained = facts_of(choice, wanted), replace(wanted, trained=True)
    content = using.as_file(choice, origin, trained, network).content
    blob = bench.project.blobs.put(content)
    yield from bench.prepare(network.preprocessing)
    facts = {
        **bench.facts_of(network),
        "lost": known.get("lost", 0.0) * after / before,
        "predicted": known["predicted"],
        using.BLOB: blob,
    }
    with bench.project.transaction() as db:
        db.execute("INSERT OR IGNORE INTO kept VALUES (?, ?)", [blob, WHY])
    subnet_results.keep(bench.project, bench.key(origin.digest), str(trained), facts)
    yield Saved("candidate")
    yield from tell(choice, str(trained))
    return trained

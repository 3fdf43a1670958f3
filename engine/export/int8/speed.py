"""Where 8 bits are slower than 32 on this computer: there the weights alone have 8 bits."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

import onnx

from engine.events import Progress
from engine.export.int8.choice import Choice, Trials, stage_of
from engine.models.timing import Setting, interleaved, opened

CUTS = 8
"""So many places at most are tried at which a network goes over to 8 bits."""
SECONDS = 0.5
"""How long one is timed beside the network of 32 bits."""
FINALISTS = 3
"""The fastest are timed once more, all in turns: a slow moment may have fallen on one of them."""
ALIKE = 0.01
"""Times that differ by less are the same; then the surest is taken."""


@dataclass
class Version:
    """One way to bring the network to 8 bits."""

    choice: Choice
    graph: onnx.ModelProto = field(repr=False)
    drift: float
    slowness: float = 0.0
    """How many times as long it takes for an image as the network of 32 bits."""


def swiftest(trials: Trials, choice: Choice) -> Generator[Progress, None, Choice]:
    """The choice with the lower layers computing in 32 bits, as many as make it fastest.

    Large images and large kernels are where 32 bits are quick, and a change between them costs
    time, so there is one change, between two stages. Only what is no less sure than the choice as
    it came is taken.
    """
    layers = list(trials.body.layers)
    first = version(trials, choice)
    yield from measured(trials, [first], SECONDS)
    found, cuts = [first], cuts_of(layers)
    for number, cut in enumerate(cuts, start=1):
        for other in lightened(choice, layers[:cut]):
            tried = version(trials, other)
            if tried.drift <= first.drift:
                yield from measured(trials, [tried], SECONDS)
                found.append(tried)
        yield Progress(number, len(cuts), "Looking where 8 bits are slower")
    finalists = sorted(found, key=lambda one: one.slowness)[:FINALISTS]
    yield from measured(trials, finalists, 2 * FINALISTS * SECONDS)
    least = min(one.slowness for one in finalists)
    alike = [one for one in finalists if one.slowness < least + ALIKE]
    best = min(alike, key=lambda one: one.drift)
    return replace(best.choice, slowness=best.slowness)


def version(trials: Trials, choice: Choice) -> Version:
    kept = choice.order[: choice.kept]
    graph = trials.body.quantised(choice.ranges, kept, choice.light)
    return Version(choice, graph, trials.drift(graph))


def lightened(choice: Choice, light: Sequence[str]) -> list[Choice]:
    """With the layers `light`: those after them that stay in 32 bits do so, or none does."""
    order = sorted(choice.order, key=lambda name: name in light)
    kept = len({*choice.order[: choice.kept]} - {*light})
    changed = replace(choice, light=tuple(light), order=tuple(order))
    return [replace(changed, kept=count) for count in sorted({0, kept})]


def cuts_of(layers: Sequence[str]) -> list[int]:
    """How many layers lie below each border of stages; of many borders, some; and all layers."""
    stages = [stage_of(name) for name in layers]
    borders = [at for at in range(1, len(layers)) if stages[at] != stages[at - 1]]
    step = -(-len(borders) // CUTS) or 1
    return [*borders[::step], len(layers)]


def measured(
    trials: Trials, versions: Sequence[Version], seconds: float
) -> Generator[Progress, None, None]:
    """Notes how slow each is, timed in turns with the network of 32 bits."""
    size, setting = trials.pixels.shape[1], Setting(trials.threads)
    graphs = [trials.body.graph, *(one.graph for one in versions)]
    plain, *others = (opened(graph.SerializeToString(), size, setting) for graph in graphs)
    yield from interleaved([plain, *others], seconds, "Timing")
    for one, timed in zip(versions, others, strict=True):
        one.slowness = timed.low() / plain.low()

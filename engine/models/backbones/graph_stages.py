"""A network that only knows how to run as a whole, cut into stages by its graph (torch.fx).

Between two stages one tensor alone may pass. So the graph is written down, each module whole that
holds no end of a stage, and is cut where nothing but the last result is still needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import fx, nn

from engine.models.backbone import Stage

MOST = 6
"""Stages between stem and features; a network with more ends of stages gets GROUPS even ones."""
GROUPS = 4


class CantCut(RuntimeError):
    """The network's graph can't be written down, or has no place where one tensor alone passes."""


class Whole(nn.Module):
    """The network with no other input than the images."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


class Notes(fx.Tracer):
    """Writes the graph down, and looks only into modules that hold the end of a stage."""

    def __init__(self, ends: Sequence[str]) -> None:
        super().__init__()
        self.ends = ends

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not any(end.startswith(f"{module_qualified_name}.") for end in self.ends)


def graph_stages(net: nn.Module, ends: Sequence[str]) -> list[Stage]:
    """Stem, numbered stages and flat features, of the network's own modules in eval mode.

    `ends` are the names of the modules whose results end a stage, in order. Raises CantCut.
    """
    whole = Whole(net).eval()
    try:
        graph = Notes([f"net.{end}" for end in ends]).trace(whole)
    except Exception as error:  # a network's own code, run on what is no tensor: it raises anything
        raise CantCut(f"its graph can't be written down: {error}") from error
    steps = [n for n in graph.nodes if n.op not in ("placeholder", "get_attr", "output")]
    places = grouped(places_of(graph, steps, [f"net.{end}" for end in ends]))
    if not places or places[-1] == len(steps) - 1:
        raise CantCut("no place in it is passed by one tensor alone")
    places = with_stem(graph, steps, places, whole)
    bounds = [*places, len(steps) - 1]
    starts = [0, *(place + 1 for place in places)]
    names = ["stem", *(f"stage{i}" for i in range(1, len(places))), "features"]
    parts = [steps[start : bound + 1] for start, bound in zip(starts, bounds, strict=True)]
    stages = [Stage(n, part_of(whole, graph, p)) for n, p in zip(names, parts, strict=True)]
    if shared(stages):
        raise CantCut("two of its stages share weights")
    return stages


def single(graph: fx.Graph, steps: Sequence[fx.Node], place: int) -> bool:
    """Whether after this step nothing but its result is still needed; weights always can be had."""
    later = {*steps[place + 1 :], *(n for n in graph.nodes if n.op == "output")}
    before = [*(n for n in graph.nodes if n.op == "placeholder"), *steps[: place + 1]]
    return [n for n in before if later & set(n.users)] == [steps[place]]


def places_of(graph: fx.Graph, steps: Sequence[fx.Node], ends: Sequence[str]) -> list[int]:
    """For each end the first place, at its module or after, that one tensor alone passes."""
    calls = {str(n.target): i for i, n in enumerate(steps) if n.op == "call_module"}
    known = sorted({calls[end] for end in ends if end in calls})
    places = []
    for place, following in zip(known, [*known, len(steps) - 1][1:], strict=True):
        found = (p for p in range(place, following) if single(graph, steps, p))
        places += [p for p in (next(found, None),) if p is not None]
    return places


def grouped(places: list[int]) -> list[int]:
    """A transformer's many blocks in a few groups of the same number."""
    if len(places) <= MOST:
        return places
    return [places[len(places) * i // GROUPS - 1] for i in range(1, GROUPS + 1)]


def with_stem(
    graph: fx.Graph, steps: Sequence[fx.Node], places: list[int], whole: nn.Module
) -> list[int]:
    """With the place before the first block, unless what comes first is itself no block."""
    first = next(i for i, n in enumerate(steps) if n.op == "call_module")
    blocks = [i for i in range(first + 1, places[0] + 1) if is_block(steps[i], whole)]
    before = [p for p in range(first, blocks[0]) if single(graph, steps, p)] if blocks else []
    return [before[-1], *places] if before else places


def is_block(step: fx.Node, whole: nn.Module) -> bool:
    """Whether a step is one of a row of blocks, such as blocks.0 or stages.0."""
    return (
        step.op == "call_module"
        and str(step.target).rsplit(".", 1)[-1].isdigit()
        and any(True for _ in whole.get_submodule(str(step.target)).parameters())
    )


def part_of(whole: nn.Module, graph: fx.Graph, part: Sequence[fx.Node]) -> fx.GraphModule:
    """Some consecutive steps as a module: from the one tensor that comes to the last result."""
    made, at = fx.Graph(), dict[fx.Node, fx.Node]()
    came = made.placeholder("x")

    def known(node: fx.Node) -> fx.Node:
        if node not in at:
            at[node] = made.node_copy(node) if node.op == "get_attr" else came
        return at[node]

    for step in part:
        at[step] = made.node_copy(step, known)
    made.output(at[part[-1]])
    return fx.GraphModule(whole, made).eval()


def shared(stages: Sequence[Stage]) -> bool:
    """Whether a weight stands in two stages, of which one might be trained without the other."""
    weights = [{id(p) for p in stage.module.parameters()} for stage in stages]
    return sum(map(len, weights)) > len(set().union(*weights))

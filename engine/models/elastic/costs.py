"""What the blocks of a network take on this computer, at each width of their middles."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine.models.backbone import Backbone
from engine.models.elastic.blocks import Layers, cut_to, layers_of, steps_of
from engine.models.elastic.passes import SHARES, width_at
from engine.models.flops import counter
from engine.models.onnx_export import write_onnx
from engine.models.timing import Setting, Timed, opened

TIMED = (1.0, 0.5, 0.25)
"""Shares that are timed; between them time is told by a line."""
ROUNDS = 6
NOTHING = "nothing"
MOST = 0.9
"""Of a network's time, what its blocks take at most: there are stem and last layers, too."""


@dataclass(frozen=True)
class BlockCosts:
    """Milliseconds for one image: of each block at each share, and of all that has no choice."""

    blocks: Mapping[str, Mapping[float, float]]
    rest: float = 0.0

    def of(self, place: str, share: float) -> float:
        known = self.blocks[place]
        shares = sorted(known)
        return float(np.interp(share, shares, [known[s] for s in shares]))

    def total(self, shares: Mapping[str, float]) -> float:
        return self.rest + sum(self.of(place, shares.get(place, 1.0)) for place in self.blocks)

    @property
    def least(self) -> float:
        """The smallest form's."""
        return self.total(dict.fromkeys(self.blocks, SHARES[-1]))


@dataclass
class Graphs:
    """Graphs of blocks that are ready to be timed. Like blocks are timed once."""

    folder: Path
    setting: Setting
    timed: dict[str, Timed] = field(default_factory=dict)
    names: dict[str, dict[float, str]] = field(default_factory=dict)

    def add(self, place: str, block: nn.Module, layers: Layers, x: Tensor) -> None:
        convolutions = (layers.expand, layers.spatial, layers.project)
        kind = repr((x.shape, convolutions, layers.shortcut, layers.squeeze))
        for share in TIMED:
            name = f"{kind} {share}"
            if name not in self.timed:
                file = self.folder / f"{len(self.timed)}.onnx"
                made = cut_to(block, width_at(layers.width, share)).eval()
                write_onnx(made, torch.cat([x, x]), file, ("x", ["y"]))
                self.timed[name] = opened(file.read_bytes(), 0, self.setting)
            self.names.setdefault(place, {})[share] = name

    def add_nothing(self) -> None:
        """A graph that does next to nothing: what calling any graph takes, which a block inside of
        a network does not."""
        file = self.folder / "nothing.onnx"
        write_onnx(nn.ReLU(), torch.zeros(2, 1), file, ("x", ["y"]))
        self.timed[NOTHING] = opened(file.read_bytes(), 0, self.setting)

    def costs(self) -> dict[str, dict[float, float]]:
        low = {name: graph.low() - self.timed[NOTHING].low() for name, graph in self.timed.items()}
        return {
            place: {share: low[name] for share, name in of.items()}
            for place, of in self.names.items()
        }


def measured_costs(
    network: Backbone, whole_ms: float, setting: Setting
) -> Iterator[BlockCosts | None]:
    """Times the blocks in turn; None while that goes on. `whole_ms` is what the network takes."""
    size = network.preprocessing.size
    x = torch.zeros(1, 3, size, size)
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        graphs = Graphs(Path(folder), setting)
        graphs.add_nothing()
        for place, module in steps_of(network.stages):
            layers = layers_of(module)
            if layers is not None:
                graphs.add(place, module, layers, x)
                yield None
            with torch.inference_mode():
                x = module(x)
        for _ in range(ROUNDS):
            for graph in graphs.timed.values():
                graph.round()
            yield None
    yield scaled(graphs.costs(), whole_ms)


def work_of(network: Backbone) -> BlockCosts:
    """The same in multiply-adds in place of milliseconds, counted: alike on all computers."""
    size = network.preprocessing.size
    x, blocks, rest = torch.zeros(1, 3, size, size), dict[str, dict[float, float]](), 0.0
    for place, module in steps_of(network.stages):
        layers = layers_of(module)
        if layers is None:
            rest += macs_of(module, x)
        else:
            cut = {s: cut_to(module, width_at(layers.width, s)) for s in TIMED}
            blocks[place] = {share: macs_of(block, x) for share, block in cut.items()}
        with torch.inference_mode():
            x = module(x)
    return BlockCosts(blocks, rest)


def macs_of(module: nn.Module, x: Tensor) -> float:
    with torch.inference_mode(), counter() as counted:
        module.eval()(x)
    return counted.get_total_flops() / 2


def scaled(found: Mapping[str, Mapping[float, float]], whole_ms: float) -> BlockCosts:
    """Blocks never take more together than the whole network, in which they are faster: what goes
    from one to the next is still in the caches."""
    taken = sum(of[1.0] for of in found.values())
    by = min(1.0, MOST * whole_ms / taken)
    blocks = {place: {s: by * ms for s, ms in of.items()} for place, of in found.items()}
    return BlockCosts(blocks, whole_ms - by * taken)

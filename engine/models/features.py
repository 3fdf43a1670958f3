"""Which features a network gives: those of its last stage, or means of earlier stages beside them.

A head on the pooled features sees what the last layers made of an image. The means over positions
of what the two stages before gave hold more, and cost nothing in the pass: tests/bench/features.py
measures both.

Nothing but these two stages knows of it: the last but one hands on the mean of what came to it as
maps that are the same everywhere, and the last pools them with the maps that it looks at. So the
network stays a chain of stages, to be cut, frozen, trained, branched and exported like any other.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from engine.errors import BadSetting
from engine.models.backbone import Backbone, Stage
from engine.models.growth import POOLED, STAGES, growth_of, named_digest

TITLES = {POOLED: "", STAGES: "those of the last stage, and the means of the stages before it"}
KINDS = tuple(TITLES)


class Carrying(nn.Sequential):
    """A stage that gives, after its own maps, the mean of each channel that came to it.

    From float32 (n, c, h, w) to (n, own + c, h', w'); a mean is a map that is the same everywhere.
    """

    def forward(self, x: Tensor) -> Tensor:
        own = super().forward(x)
        # Adding zeros spreads the means over the maps by one plain operation in every format.
        spread = torch.zeros(1, 1, *(int(side) for side in own.shape[2:]), device=x.device)
        return torch.cat([own, x.mean((2, 3), keepdim=True) + spread], dim=1)


class Joining(nn.Sequential):
    """A last stage that gives, after its own features, the mean of each channel that came to it.

    It looks at the first `own` channels: float32 (n, own + carried, h, w) to
    (n, features + own + carried).
    """

    own = 0

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([super().forward(x[:, : self.own]), x.mean((2, 3))], dim=1)


def with_features(backbone: Backbone, kind: str) -> Backbone:
    """A network of pooled features that gives features of this kind; its layers are shared.

    Raises BadSetting for a kind that there is not, or that the network can't give.
    """
    if kind not in KINDS:
        raise BadSetting(f"There are no features “{kind}”. Choose {' or '.join(KINDS)}.")
    return with_means(backbone) if kind == STAGES else backbone


def with_means(backbone: Backbone) -> Backbone:
    """Adds the means of what the two stages before the last gave; of one where the last only pools,
    since its features are the other's means already."""
    (below, last), (given, own, pooled) = backbone.stages[-2:], widths_above(backbone)
    stages = [*backbone.stages[:-2], Stage(below.name, as_chain(Carrying(), below.module)), last]
    width = pooled + given
    if any(True for _ in last.module.parameters()):
        joining = Joining()
        joining.own = own
        stages[-1] = Stage(last.name, as_chain(joining, last.module))
        width += own
    growth = replace(growth_of(backbone), features=STAGES)
    return replace(
        backbone,
        stages=stages,
        width=width,
        digest=named_digest(backbone.digest, growth),
        facts={**backbone.facts, "growth": growth.text},
    )


def as_chain(chain: nn.Sequential, module: nn.Module) -> nn.Sequential:
    """`chain` with the modules of another one under the same names, so that weights keep theirs."""
    parts = module.named_children() if isinstance(module, nn.Sequential) else [("0", module)]
    for name, part in parts:
        chain.add_module(name, part)
    return chain.train(module.training)


def widths_above(backbone: Backbone) -> tuple[int, int, int]:
    """Channels that come to the last stage but one, to the last, and the features that it gives.

    Raises BadSetting where these are no maps, as in transformers.
    """
    size = backbone.preprocessing.size
    x, found = torch.zeros(1, 3, size, size), []
    with torch.inference_mode():
        for stage in backbone.stages:
            x = stage.module.eval()(x)
            found.append(x)
    given, own, pooled = found[-3:]
    if (given.ndim, own.ndim, pooled.ndim) != (4, 4, 2):
        raise BadSetting(
            "This network gives the features of its last stage only. Choose “pooled”, or a network "
            "of convolutions."
        )
    return given.shape[1], own.shape[1], pooled.shape[1]

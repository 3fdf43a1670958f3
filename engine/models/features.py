"""Which features a network gives: of its last stage, or moments of an earlier one beside them.

A head on the pooled features sees what the last layers made of an image. What came to the last
stage but one is less bound to the classes of the pretraining: the mean and the deviation over
positions of each of its channels tell more of new classes, and cost nothing in the pass
(tests/bench/features.py measures it).

Nothing but two stages knows of it: the last but one hands these on as maps that are the same
everywhere, and the last gives them beside its own features. So the network stays a chain of stages,
to be cut, frozen, trained, branched and exported like any other.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from engine.errors import BadSetting
from engine.models.backbone import Backbone, Stage
from engine.models.growth import MOMENTS, POOLED, STAGES, growth_of, named_digest

BOTH = "those of the last stage, and means and deviations of what came to the one before"
TITLES = {POOLED: "", MOMENTS: BOTH, STAGES: BOTH}
KINDS = (POOLED, MOMENTS)
SCALES = {MOMENTS: 0.4, STAGES: 2.0}
"""Of the moments. With 0.4 they are about as long as the features: longer ones would outweigh them
in every distance and under a ridge, which costs many points where classes have few images. With
2.0, as in projects of before, many images at few pixels are told apart better: a learner that can
multiplies them by what suits its images (engine/learners/slda.py)."""
LEAST = 1e-5
"""Of a variance: a root has no slope at 0."""


class Carrying(nn.Sequential):
    """A stage that gives, after its own maps, mean and deviation of each channel that came to it.

    From float32 (n, c, h, w) to (n, own + 2 c, h', w'); a moment is a map that is the same
    everywhere.
    """

    scale = SCALES[MOMENTS]

    def forward(self, x: Tensor) -> Tensor:
        own = super().forward(x)
        mean = x.mean((2, 3), keepdim=True)
        deviation = ((x - mean).square().mean((2, 3), keepdim=True) + LEAST).sqrt()
        # Zeros spread each moment over the maps. LiteRT's converter takes the axes of `expand`, and
        # of both moments spread together, for others, and its file then can't be run or is wrong.
        spread = torch.zeros(1, 1, *(int(side) for side in own.shape[2:]), device=x.device)
        return torch.cat([own, self.scale * mean + spread, self.scale * deviation + spread], dim=1)


class Joining(nn.Sequential):
    """A last stage that gives what was carried to it after its own features.

    It looks at the first `own` channels: float32 (n, own + carried, h, w) to
    (n, features + carried).
    """

    own = 0

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([super().forward(x[:, : self.own]), x[:, self.own :].mean((2, 3))], dim=1)


def with_features(backbone: Backbone, kind: str) -> Backbone:
    """A network of pooled features that gives features of this kind; its layers are shared.

    Raises BadSetting for a kind that there is not, or that the network can't give.
    """
    if kind not in TITLES:
        raise BadSetting(f"There are no features “{kind}”. Choose {' or '.join(KINDS)}.")
    return backbone if kind == POOLED else with_moments(backbone, kind)


def with_moments(backbone: Backbone, kind: str) -> Backbone:
    """Adds the moments of what comes to the last stage but one. A last stage that only pools gives
    them as it is."""
    (below, last), (given, own, pooled) = backbone.stages[-2:], widths_above(backbone)
    if any(True for _ in last.module.parameters()):
        joining = Joining()
        joining.own = own
        last = Stage(last.name, as_chain(joining, last.module))
    chain = Carrying()
    chain.scale = SCALES[kind]
    carrying = Stage(below.name, as_chain(chain, below.module))
    growth = replace(growth_of(backbone), features=kind)
    return replace(
        backbone,
        stages=[*backbone.stages[:-2], carrying, last],
        width=pooled + 2 * given,
        digest=named_digest(backbone.digest, growth),
        facts={**backbone.facts, "growth": growth.text},
        moments=2 * given if kind == MOMENTS else 0,
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

"""Which features a network gives: of its last stage, or moments of an earlier one beside them.

A head on the pooled features sees what the last layers made of an image. What came to the last
stage but one is less bound to the classes of the pretraining: the mean and the deviation over
positions of each of its channels tell more of new classes, and cost nothing in the pass
(tests/bench/features.py measures it). Two things more can be asked of either kind by its name:
"-roots", their signed square roots, and "-mirror", the mean with those of the mirror image, for
which the network looks twice (engine/models/trunk.py).

Nothing but two stages knows of moments and roots: the last but one hands moments on as maps that
are the same everywhere, and the last gives them beside its own features, and roots of all. So the
network stays a chain of stages, to be cut, frozen, trained, branched and exported like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from engine.errors import BadSetting
from engine.models.backbone import Backbone, Stage
from engine.models.growth import MOMENTS, POOLED, STAGES, Kind, growth_of, named_digest

LAST = "those of the last stage"
BOTH = f"{LAST}, and means and deviations of what came to the one before"
TITLES = {POOLED: LAST, MOMENTS: BOTH, STAGES: BOTH}
BASES = (POOLED, MOMENTS)
KINDS = tuple(Kind(base, r, m).name for base in BASES for r in (False, True) for m in (False, True))
"""Those that can be chosen."""
SCALES = {MOMENTS: 0.4, STAGES: 2.0}
"""Of the moments. With 0.4 they are about as long as the features: longer ones would outweigh them
in every distance and under a ridge, which costs many points where classes have few images. With
2.0, as in projects of before, many images at few pixels are told apart better: a learner that can
multiplies them by what suits its images (engine/learners/slda.py)."""
LEAST = 1e-5
"""Of a variance: a root has no slope at 0."""
FLAT = 1e-4
"""Of features much smaller than this the root is a multiple, so that it has a slope at 0 too."""


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
    """A last stage that gives what was carried to it after its own features, or roots of all.

    It looks at the first `own` channels: float32 (n, own + carried, h, w) to
    (n, features + carried). Where `own` is 0, all go through its layers.
    """

    own, roots = 0, False

    def forward(self, x: Tensor) -> Tensor:
        if self.own:
            given = super().forward(x[:, : self.own])
            given = torch.cat([given, x[:, self.own :].mean((2, 3))], dim=1)
        else:
            given = super().forward(x)
        return signed_roots(given) if self.roots else given


def signed_roots(x: Tensor) -> Tensor:
    """sign(x) (sqrt(|x| + e) - sqrt(e)), with e = FLAT: the root of each number, with its sign.

    Perronnin, Sánchez and Mensink, Improving the Fisher kernel for large-scale image
    classification, 2010, section 3. Written so that no sign is asked for.
    """
    return x / ((x.abs() + FLAT).sqrt() + FLAT**0.5)


def with_features(backbone: Backbone, kind: str) -> Backbone:
    """A network of pooled features that gives features of this kind; its layers are shared.

    Raises BadSetting for a kind that there is not, or that the network can't give.
    """
    try:
        wanted = Kind.parse(kind)
    except ValueError as error:
        raise BadSetting(
            f"There are no features “{kind}”. Choose {' or '.join(BASES)}, with -roots, -mirror or "
            "-roots-mirror after it for square roots and the mean with the mirror image."
        ) from error
    if kind == POOLED:
        return backbone
    found = backbone if wanted.base == POOLED else with_moments(backbone, wanted.base)
    growth = replace(growth_of(backbone), features=kind)
    return replace(
        found,
        stages=with_roots(found.stages) if wanted.roots else found.stages,
        digest=named_digest(backbone.digest, growth),
        facts={**backbone.facts, "growth": growth.text},
        mirror=wanted.mirror,
    )


def in_words(kind: str) -> str:
    """What a kind of features is, in the middle of a sentence; nothing for the pooled ones.

    Raises ValueError for what is none.
    """
    wanted = Kind.parse(kind)
    if kind == POOLED:
        return ""
    roots = ", each as its signed square root" if wanted.roots else ""
    mirror = ", in the mean of the image and its mirror image" if wanted.mirror else ""
    return f"{TITLES[wanted.base]}{roots}{mirror}"


def with_roots(stages: Sequence[Stage]) -> list[Stage]:
    """The stages with a last one that gives the roots of its features."""
    last = stages[-1]
    joining = Joining()
    if isinstance(last.module, Joining):
        joining.own = last.module.own
    joining.roots = True
    return [*stages[:-1], Stage(last.name, as_chain(joining, last.module))]


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
    return replace(
        backbone,
        stages=[*backbone.stages[:-2], carrying, last],
        width=pooled + 2 * given,
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

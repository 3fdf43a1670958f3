"""Tuned backbones: the network that a project began with, with weights of the project's own.

A file holds all stages' tensors as "STAGE|NAME", and as texts where the network came from and what
was made of it: blocks narrowed, adapters after its stages, branches beside its upper stages.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace

import safetensors.torch
import torch

from engine.errors import UnusableWeights
from engine.models.adapters import with_adapters
from engine.models.backbone import Backbone, Stage, digest_of, parameters_of
from engine.models.elastic.blocks import shaped
from engine.models.features import with_features
from engine.models.growth import Growth, named_digest, state_of
from engine.models.provenance import BROKEN, Origin, check_numbers, facts_in
from engine.system.trouble import pass_on

TUNED = "tuned"
"""The name of the backbone of a project whose network was tuned; its weights are a blob."""


def tuned_bytes(
    stages: Sequence[Stage], origin: Origin, growth: Growth, more: Mapping[str, str] | None = None
) -> bytes:
    """The stages' weights as the bytes of a file; `more` are further texts in it."""
    return safetensors.torch.save(state_of(stages), facts_for(origin, growth, more))


def facts_for(
    origin: Origin, growth: Growth, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What a tuned backbone tells of itself, as texts."""
    facts = {f"origin_{name}": str(value) for name, value in vars(origin).items()}
    return {**facts, "growth": growth.text, **(more or {})}


def load_tuned(base: Backbone, content: bytes, features: str = "") -> Backbone:
    """The backbone that `tuned_bytes` wrote, built on the network that it began with, which gives
    pooled features. With `features` it gives these, and not those that it was tuned with.

    Raises UnusableWeights.
    """
    try:
        facts = facts_in(content)
        growth = Growth.parse(facts["growth"])
        if features:
            growth = replace(growth, features=features)
            facts["growth"] = growth.text
        state = safetensors.torch.load(content)
        backbone = grown_to(base, growth)
        fill(backbone.stages, state)
    except BROKEN as error:
        pass_on(error)
        raise UnusableWeights(
            "The tuned weights of this project are damaged. Undo the tuning, or adopt another run."
        ) from error
    check_numbers(TUNED, state)
    return as_tuned(backbone, facts)


def fill(stages: Sequence[Stage], state: Mapping[str, torch.Tensor]) -> None:
    """Loads each stage's tensors. Raises KeyError or RuntimeError where they do not fit."""
    for stage in stages:
        head = f"{stage.name}|"
        own = {k.removeprefix(head): v for k, v in state.items() if k.startswith(head)}
        stage.module.load_state_dict(own)


def grown_to(base: Backbone, growth: Growth) -> Backbone:
    """A copy of a network with the shape that `growth` says; what is new has no weights yet."""
    from engine.models.branches import clone_of, grown

    stages = [Stage(stage.name, copy.deepcopy(stage.module)) for stage in base.stages]
    backbone = replace(base, stages=shaped(stages, growth.narrowed))
    backbone = with_features(backbone, growth.features)
    if growth.adapters:
        backbone = with_adapters(backbone, growth.adapters)
    for branch in growth.branches:
        cut, width = str(branch["cut"]), int(branch.get("width", 0))
        backbone = grown(backbone, cut, clone_of(backbone, cut, width), width=width)
    return backbone


def as_tuned(backbone: Backbone, facts: Mapping[str, object]) -> Backbone:
    """A backbone in eval mode with the name, digest and facts of a tuned one."""
    for stage in backbone.stages:
        stage.module.eval()
    modules = [stage.module for stage in backbone.stages]
    told = {**facts, "parameters": parameters_of(modules)}
    growth = Growth.parse(str(facts["growth"]))
    digest = named_digest(digest_of(state_of(backbone.stages)), growth)
    return replace(backbone, name=f"{TUNED} {base_name(backbone.name)}", digest=digest, facts=told)


def base_name(name: str) -> str:
    """A backbone's name without the word that says it was tuned."""
    return name.removeprefix(f"{TUNED} ")

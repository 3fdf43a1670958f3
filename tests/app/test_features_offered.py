"""The window offers the kinds of features that the engine gives, and has words for each."""

from __future__ import annotations

from app.shell.backbones import FEATURES
from app.shell.header import learnt_from
from engine.models.features import KINDS
from engine.models.growth import STAGES


def test_each_kind_can_be_chosen_and_is_told_apart() -> None:
    assert sorted(FEATURES.values()) == sorted(["", *KINDS])
    told = [learnt_from(kind) for kind in KINDS]
    assert len(set(told)) == len(KINDS)
    assert learnt_from(STAGES) == "classes are learnt from its last stages"
    assert told[-1].endswith("stages (square roots, with each image's mirror image)")

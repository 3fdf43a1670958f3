"""What a study compares: ways to come from a pretrained network to a classifier.

The rows of Sarkar's guide (Hands-On Transfer Learning with Python, 2018: from scratch, with
augmentation, frozen features, fine-tuning) and the schedules and tuners that there are. A closed
form follows on what was tuned, as the project would use it; the head that is trained beside it
answers only where nothing else is trained.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.errors import BadSetting
from engine.learners import LEARNERS
from engine.training.branching.heads import PER_BRANCH

LAST = re.compile(r"last_([1-9]\d?)")


@dataclass(frozen=True)
class Strategy:
    """A row of a study: a `learner` on frozen features, or a `tuner` with its schedule."""

    name: str
    title: str
    learner: str = ""
    tuner: str = ""
    schedule: str = "none"
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def own_head(self) -> bool:
        """Whether the head that gradients trained answers, and no closed form."""
        return self.schedule == "head_only"


PLAIN = {"augment": "none"}


def last(count: int) -> Strategy:
    """The uppermost `count` stages learn."""
    what = "the last stage" if count == 1 else f"the last {count} stages"
    settings = {"count": count}
    return Strategy(
        f"last_{count}", f"Fine-tuning {what}", "", "fine_tune", "last_stages", settings
    )


TUNED = (
    Strategy("head", "Head only", "", "fine_tune", "head_only", PLAIN),
    Strategy("head_augmented", "Head only, augmented", "", "fine_tune", "head_only"),
    last(1),
    last(3),
    Strategy("all_stages", "Fine-tuning all stages", "", "fine_tune"),
    Strategy("gradual", "Gradual unfreezing", "", "fine_tune", "gradual"),
    Strategy("freezeout", "FreezeOut", "", "fine_tune", "freezeout"),
    Strategy("adapters", "Adapters", "", "adapters"),
    Strategy("lora", "LoRA", "", "lora"),
    Strategy("batch_norm", "Norms only", "", "batch_norm"),
    Strategy("scratch", "From scratch", "", "scratch", "none", PLAIN),
    Strategy("scratch_augmented", "From scratch, augmented", "", "scratch"),
)


def frozen() -> tuple[Strategy, ...]:
    """Each closed form on the features of the network as it is."""
    return tuple(
        Strategy(name, f"Frozen features · {plugin.title}", name)
        for name, plugin in LEARNERS.items()
        if name != PER_BRANCH  # for networks that have grown
    )


def strategies(names: Sequence[str] = ()) -> tuple[Strategy, ...]:
    """Those that are named, each once; all where none is, or “all”. Raises BadSetting."""
    every = {strategy.name: strategy for strategy in (*frozen(), *TUNED)}
    if not names or "all" in names:
        return tuple(every.values())
    chosen = {}
    for name in names:
        stages = LAST.fullmatch(name)
        found = every.get(name) or (last(int(stages[1])) if stages else None)
        if found is None:
            known = ", ".join(every)
            raise BadSetting(f"There is no strategy “{name}”. Choose of: {known}; or last_N.")
        chosen[name] = found
    return tuple(chosen.values())

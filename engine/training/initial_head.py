"""The head that training begins with."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

import torch
from torch import nn

from engine.learning.material import LearningData
from engine.storage.catalogue import Split

PULL = 1e-2
"""How strongly the first head's weights are held small."""


def first_head(data: LearningData, numbers: Sequence[int], without: Container[int]) -> nn.Linear:
    """A linear head that already tells the classes apart, from the features that there are.

    `numbers` are the classes in the order of its outputs, those whose images are lost included.

    It does not distort the features under it in the first steps as a random one would (Kumar et
    al. 2022, "Fine-tuning can distort pretrained features"). The classes at the places `without`
    begin from nothing: the head is then the one before they came.
    """
    known = {n: h for n, h in sorted(data.train.items()) if numbers.index(n) not in without}
    seen, truth = replace(data, split=Split(known, {})).sample()
    places = [numbers.index(number) for number in known]
    found = regression(seen[:, 0], torch.searchsorted(torch.tensor(sorted(known)), truth))
    head = nn.Linear(found.in_features, len(numbers))
    with torch.no_grad():
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        head.weight[places] = found.weight
        head.bias[places] = found.bias
    return head


def regression(features: torch.Tensor, truth: torch.Tensor) -> nn.Linear:
    """Logistic regression with small weights: discriminant analysis tells more apart, but by
    differences so fine that they are lost in the first steps.

    Features (n, width), classes (n,) from 0 without gaps.
    """
    head = nn.Linear(features.shape[1], int(truth.max()) + 1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    optimiser = torch.optim.LBFGS(head.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(head(features), truth)
        loss = loss + PULL * head.weight.square().sum() / 2
        loss.backward()
        return loss

    optimiser.step(closure)
    return head

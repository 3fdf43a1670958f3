"""The head that training begins with."""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import nn

from engine.events import Event
from engine.learning import material as learning_material
from engine.session import Session
from engine.storage import catalogue

PULL = 1e-2
"""How strongly the first head's weights are held small."""


def first_head(session: Session, without: frozenset[int]) -> Generator[Event, None, nn.Linear]:
    """A linear head that already tells the classes apart, from the features that there are.

    It does not distort the features under it in the first steps as a random one would (Kumar et
    al. 2022, "Fine-tuning can distort pretrained features"). The classes at the places `without`
    begin from nothing: the head is then the one before they came.
    """
    extractor = session.extractor()
    lost = yield from learning_material.ensure(session, 1, extractor)
    everything = catalogue.to_learn(session.require(), "train")
    numbers = sorted(everything)  # as a corpus counts them, classes that are lost by now included
    known = {
        n: hashes
        for n, hashes in sorted(learning_material.without(everything, lost).items())
        if numbers.index(n) not in without
    }
    material = learning_material.LearningData(
        learning_material.features_by(session, extractor, 1), known, {}
    )
    seen, truth = material.sample()
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

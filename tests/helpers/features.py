"""What tests of learners share: each with its settings, features of overlapping classes, steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from engine.learners import LEARNERS, Learner, Task
from engine.learners.heads import logits_of

WIDTH, CLASSES = 12, 6
torch.set_num_threads(1)  # many small products: threads would only wait for one another
Features = dict[int, torch.Tensor]
Make = Callable[[], Learner]

SETTINGS = {
    "ncm": ("ncm", {"cosine": False}),
    "ncm-cosine": ("ncm", {"cosine": True}),
    "slda": ("slda", {}),
    "slda-fixed": ("slda", {"shrinkage": 0.2}),
    "roots": ("roots", {}),
    "ridge": ("ridge", {"size": 60}),
    "auto": ("auto", {}),
    "tilda-1": ("tilda", {"subspaces": 4, "anchors": 1}),
    "tilda-3": ("tilda", {"subspaces": 5, "anchors": 3}),
    "tilda-fewest": ("tilda", {"subspaces": 3, "anchors": 3, "update": "fewest"}),
    "tilda-views": ("tilda", {"subspaces": 4, "anchors": 3, "views": 3}),
    "per-branch": ("per_branch", {}),
    "per-branch-split": ("per_branch", {"split": "6:0,1,2|6:3,4,5"}),
    "per-branch-auto": ("per_branch", {"inner": "auto", "split": "6:0,1,2|6:3,4,5"}),
    "per-branch-wide": ("per_branch", {"split": "6:0,1,2|6:3,4,5", "wide": True}),
}


def maker(case: str) -> Make:
    name, settings = SETTINGS[case]
    return lambda: LEARNERS.make(name, settings)


def drawn_features(seed: int, images: int = 30, views: int = 1, classes: int = CLASSES) -> Features:
    """Features of overlapping classes, (images, views, width), stretched along some directions.

    The classes are the same for every seed, the images are not: one seed to learn, one to test.
    """
    fixed, drawn = torch.Generator().manual_seed(7), torch.Generator().manual_seed(seed)
    means = 1.2 * torch.randn(classes, 1, 1, WIDTH, generator=fixed)
    mix = 0.3 * torch.randn(WIDTH, WIDTH, generator=fixed) + 0.9 * torch.eye(WIDTH)
    x = torch.randn(classes, images, 1, WIDTH, generator=drawn) @ mix
    jitter = 0.2 * torch.randn(classes, images, views, WIDTH, generator=drawn)
    return dict(enumerate(means + x + jitter))


def task(new: Features, seen: Features) -> Task:
    """A step of learning; the sample is every image seen, as for a small project."""
    classes = torch.tensor([c for c in sorted(seen) for _ in seen[c]])
    return Task(new, torch.cat([seen[c] for c in sorted(seen)]), classes)


def taught(learner: Learner, *steps: Features) -> Learner:
    """The learner after these steps, one after the other."""
    seen: Features = {}
    for new in steps:
        for c, x in new.items():
            seen[c] = torch.cat([seen[c], x]) if c in seen else x
        for _ in learner.learn(task(new, seen)):
            pass
    return learner


def flat(features: Features) -> tuple[np.ndarray, np.ndarray]:
    x = torch.cat(list(features.values()))[:, 0].double().numpy()
    return x, np.repeat(list(features), [len(v) for v in features.values()])


def part(features: Features, classes: range | list[int]) -> Features:
    return {c: features[c] for c in classes}


def logits(learner: Learner, features: Features) -> torch.Tensor:
    return logits_of(learner.head(), torch.cat([features[c] for c in sorted(features)]))


def accuracy(learner: Learner, features: Features) -> float:
    predicted = torch.tensor(learner.classes)[logits(learner, features).argmax(dim=1)]
    true = torch.tensor([c for c in sorted(features) for _ in features[c]])
    return (predicted == true).double().mean().item()


def same(a: torch.Tensor, b: torch.Tensor) -> None:
    """Equal within 1e-6 of the largest logit, and the same class wins everywhere."""
    assert a.shape == b.shape
    torch.testing.assert_close(a, b, rtol=0, atol=1e-6 * float(a.abs().max().clamp(min=1)))
    assert torch.equal(a.argmax(dim=1), b.argmax(dim=1))


def same_memory(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])

"""Confidences that mean what they say, and "none of these" for an image far from all classes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from engine.learners import evidence
from engine.learners.evidence import Evidence, Weighed
from engine.learners.heads import logits_of
from engine.learners.kept_features import InParts

ENOUGH = 10
"""Held-out images below which the temperature is fitted on training images."""
FEWEST = 10
"""Images that are compared with others of their class, below which nobody knows how far one may
be: then nothing is none of these."""
KNOWN = 0.98
"""The share of a project's own images that shall count as known."""
MOST = 1 << 23
"""So many logits of held-out images say how sure the head may be: it is one number."""
PART = 8192
"""So many images are asked at once."""


@dataclass(frozen=True)
class Calibration:
    """What turns a head's logits into probabilities and a distance; plain values.

    An image is "none of these" where its distance is greater than `threshold`: a weighted sum of
    several kinds of evidence, or, without that, 1 - cosine to the nearest class's direction.
    """

    temperature: float
    threshold: float
    directions: np.ndarray
    """float32 (classes, width): the direction of each class's mean."""
    evidence: Evidence | None = None

    @property
    def kinds(self) -> tuple[float, ...]:
        """How much each kind of evidence counts; empty where there is but the distance."""
        return tuple(self.evidence.weights.tolist()) if self.evidence else ()

    def save(self) -> dict[str, np.ndarray]:
        return {
            "temperature": np.array(self.temperature),
            "threshold": np.array(self.threshold),
            "directions": self.directions,
            **(self.evidence.save() if self.evidence else {}),
        }

    @classmethod
    def restore(cls, memory: Mapping[str, np.ndarray]) -> Calibration:
        return cls(
            float(memory["temperature"]),
            float(memory["threshold"]),
            np.asarray(memory["directions"], dtype=np.float32),
            Evidence.restore(memory),
        )


class Calibrated(nn.Module):
    """Features (n, views, width) to probabilities (n, classes) and distance (n,)."""

    def __init__(self, head: nn.Module, calibration: Calibration) -> None:
        super().__init__()
        self.head = head
        self.temperature = calibration.temperature
        self.directions: Tensor
        self.register_buffer("directions", torch.tensor(calibration.directions))
        self.weighed = Weighed(calibration.evidence) if calibration.evidence else None

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.head(features) / self.temperature
        u = normalize(features.mean(dim=1))
        away = distance(u, self.directions)
        if self.weighed is not None:
            away = self.weighed(away, u, logits)
        return logits.softmax(dim=1), away


def calibrated(head: nn.Module, calibration: Calibration) -> nn.Module:
    """The head with its calibration, as one module that exports to ONNX."""
    return Calibrated(head, calibration).eval()


def calibrate(
    head: nn.Module,
    sample: Tensor,
    sample_classes: Tensor,
    held: Tensor | InParts,
    held_classes: Tensor,
    said: Tensor | None = None,
) -> Calibration:
    """Fits the temperature and the threshold of a head.

    `sample` and `held` are features (images, views, width) of training and held-out images, each
    with one class number for an image; both hold learnt classes only. `said` are the logits of the
    sample by its learner's `left_out`; without them there is one kind of evidence. Nothing depends
    on the order of steps. With fewer than ENOUGH held-out images the training images stand in for
    the temperature, with more doubt, because the head has seen them.
    """
    numbers, places = sample_classes.unique(return_inverse=True)
    if len(held) >= ENOUGH:
        few = evenly(len(held), MOST // len(numbers))
        where = torch.searchsorted(numbers, held_classes[few].contiguous())
        heat = temperature(
            logits_of(head, held.some(few) if isinstance(held, InParts) else held[few]), where
        )
    else:
        heat = temperature(logits_of(head, sample), places, doubt=math.sqrt(len(sample)))
    x = directed(sample)
    sums = torch.zeros(len(numbers), x.shape[1], dtype=x.dtype).index_add_(0, places, x)
    own, found = left_out(x, places, sums), None
    unknown = len(own) + len(held) < FEWEST
    if said is not None and not unknown:
        several = torch.bincount(places, minlength=len(sums))[places] > 1
        if len(places[several].unique()) >= evidence.FEWEST_CLASSES:
            found, own = evidence.weighed(x[several], places[several], said[several] / heat)
    fitted = Calibration(heat, 1.0, normalize(sums).float().numpy(), found)
    asked = calibrated(head, fitted)
    with torch.inference_mode():
        away = torch.cat([own, *(asked(part)[1].double() for part in held.split(PART))])
    return fitted if unknown else replace(fitted, threshold=away.quantile(KNOWN).item())


def evenly(images: int, most: int) -> Tensor:
    """Places of at most so many images, evenly spaced, and of ENOUGH where that is more."""
    return torch.arange(0, images, -(-images // max(most, ENOUGH)))


def directed(features: Tensor) -> Tensor:
    """The direction of each image's features: float64 (images, width), of length 1."""
    return normalize(features.to(torch.float64).mean(dim=1))


def distance(u: Tensor, directions: Tensor) -> Tensor:
    """1 - cosine to the nearest class direction: 0 for the same direction, 1 for nothing shared."""
    return 1 - (u @ directions.T).amax(dim=1)


def left_out(x: Tensor, places: Tensor, sums: Tensor) -> Tensor:
    """Each training image's distance, with the image itself left out of its class's mean.

    Images that are their class's only one are left out: nothing says how far they may be.
    """
    several = torch.bincount(places, minlength=len(sums))[places] > 1
    x, places = x[several], places[several]
    cosines = x @ normalize(sums).T
    own = (x * normalize(sums[places] - x)).sum(dim=1)
    cosines.scatter_(1, places[:, None], own[:, None])
    return 1 - cosines.amax(dim=1) if len(x) else torch.zeros(0, dtype=x.dtype)


def temperature(logits: Tensor, places: Tensor, doubt: float = 1.0) -> float:
    """The T for which softmax(logits / T) has the least cross-entropy (Guo et al., 2017).

    Targets are smoothed as Platt did, by `doubt` images spread over all classes, so that T stays
    above 0 where every image is right. Cross-entropy is convex in 1/T: Newton's steps in log 1/T
    find where its slope is 0, and halve what may hold it where one would leave that.
    """
    z = logits.to(torch.float64)
    z = z - z.mean(dim=1, keepdim=True)
    n, classes = z.shape
    scale = z.square().mean().sqrt().item() if n else 0.0
    if classes < 2 or scale < 1e-12:
        return 1.0
    parts = list(zip(z.split(PART), places.split(PART), strict=True))
    wanted = sum(
        ((one_hot(y, classes) * n + doubt / classes) / (n + doubt) * part).sum().item()
        for part, y in parts
    )
    low, high = math.log(1e-3 / scale), math.log(1e3 / scale)
    at = (low + high) / 2
    for _ in range(60):
        b = math.exp(at)
        slope, curve = slopes((part for part, _ in parts), b)
        slope -= wanted
        low, high = (low, at) if slope > 0 else (at, high)
        step = slope / curve if curve > 0 else math.inf
        if abs(step) < 1e-12:
            break
        at = at - step if low < at - step < high else (low + high) / 2
    return math.exp(-at)


def slopes(parts: Iterable[Tensor], b: float) -> tuple[float, float]:
    """The first derivative of the sum of log-sum-exp(b z) in b, and the second, times b."""
    first = second = 0.0
    for z in parts:
        p = (b * z).softmax(dim=1)
        mean = (p * z).sum(dim=1)
        first += mean.sum().item()
        second += b * ((p * z * z).sum() - mean.square().sum()).item()
    return first, second

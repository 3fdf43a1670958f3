"""How much better a score would look if the split cut bursts: the same images, judged both ways.

Images of a burst are nearly the same, so one that is judged beside others that were learnt says
little of images that nobody took yet. Each image is judged once by a head that learnt others, its
burst among them, and once by one that learnt nothing of its burst: five folds either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.learners import LEARNERS
from engine.learning.material import features_by
from engine.results.learn import BurstEffect
from engine.session import Session
from engine.storage import kept_images, steps
from engine.storage.project import Project

FOLDS = 5
START, LEAST = 0.3, 0.01
"""Of the shrinkage: where the step has none, and at least: single precision would not do."""
SURE = 1.96
"""Standard errors on either side between which the truth lies 95 times of 100."""


def effect(session: Session, project: Project, row: Mapping[str, Any]) -> BurstEffect:
    """What the two ways say of the images of a step's classes; empty where no burst can be cut.

    The head is the discriminant analysis of learners/discriminant.py on the features that are kept,
    with the step's shrinkage where it has one.
    """
    kept = steps.learnt(project, row)
    if kept is None:
        return {}
    known = {c["id"] for c in row["classes"]}
    bursts = dict(project.db.execute("SELECT id, burst FROM image").fetchall())
    images = [image for image in kept_images.learnable(project) if image["class_id"] in known]
    views = LEARNERS.make(row["learner"], row["settings"]).views
    features = features_by(project, session.extractor(), views)
    gone = set(features.missing(image["sha256"] for image in images))
    images = [image for image in images if image["sha256"] not in gone]
    names = [bursts[image["id"]] or image["sha256"] for image in images]
    units = np.unique(names, return_inverse=True)[1]
    y = np.array([image["class_id"] for image in images], np.int64)
    judged = judgeable(y, units)
    cut = (np.bincount(units[judged]) > 1).sum() if len(units) else 0
    if not cut or len(np.unique(y[judged])) < 2:
        return {}
    x = torch.from_numpy(features.get([image["sha256"] for image in images])).mean(dim=1)
    s = max(float(kept.memory.get("shrinkage", START)), LEAST)
    by_image = right(x, y, folds_of(y, np.arange(len(y))), s)[judged]
    by_burst = right(x, y, folds_of(y, units), s)[judged]
    low, high = between(by_image.astype(float) - by_burst, units[judged])
    return {
        "images": int(judged.sum()),
        "bursts": int(cut),
        "cut": float(by_image.mean()),
        "whole": float(by_burst.mean()),
        "more": (low, high),
    }


def judgeable(y: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Whether an image's class is still known without the image's burst."""
    several = {c for c in np.unique(y).tolist() if len(np.unique(units[y == c])) > 1}
    return np.isin(y, list(several))


def folds_of(y: np.ndarray, units: np.ndarray) -> np.ndarray:
    """A fold for each image: all of a unit in one, and of each class about as many in each."""
    folds, sizes = np.zeros(len(y), np.int64), dict[int, np.ndarray]()
    order = np.argsort(units, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(units[order])) + 1):
        held = sizes.setdefault(int(y[places[0]]), np.zeros(FOLDS, np.int64))
        fold = int(held.argmin())
        folds[places] = fold
        held[fold] += len(places)
    return folds


def right(x: Tensor, y: np.ndarray, folds: np.ndarray, s: float) -> np.ndarray:
    """Whether each image is taken for its class by a head that learnt the other folds: features
    (images, width), class numbers, folds, and the shrinkage."""
    classes, place = np.unique(y, return_inverse=True)
    x, onehot = x - x.mean(dim=0), torch.eye(len(classes))[torch.from_numpy(place)]
    sums, counts = onehot.T @ x, onehot.sum(dim=0)
    parts = [torch.from_numpy(np.flatnonzero(folds == fold)) for fold in np.unique(folds)]
    products = [x[out].T @ x[out] for out in parts]  # what takes longest, once for each image
    total, found = sum(products), np.zeros(len(y), bool)
    for out, own in zip(parts, products, strict=True):
        some, its = x[out], onehot[out]
        n = counts - its.sum(dim=0)
        m = (sums - its.T @ some) / n.clamp(min=1)[:, None]
        scatter = total - own - (m * n[:, None]).T @ m
        shrunk = scatter * ((1 - s) / n.sum())
        shrunk.diagonal().add_(s * scatter.trace() / (n.sum() * len(shrunk)))
        w = torch.cholesky_solve(m.T, torch.linalg.cholesky(shrunk))
        logits = some @ w - (m.T * w).sum(dim=0) / 2
        logits[:, n == 0] = -torch.inf
        found[out.numpy()] = logits.argmax(dim=1).numpy() == place[out.numpy()]
    return found


def between(differences: np.ndarray, units: np.ndarray) -> tuple[float, float]:
    """Where the mean of differences lies, 95 times of 100; those of one unit go together."""
    mean = differences.mean()
    off = np.bincount(units, differences - mean)
    wide = SURE * float(np.sqrt((off**2).sum())) / len(differences)
    return float(mean - wide), float(mean + wide)

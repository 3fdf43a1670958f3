"""Streaming linear discriminant analysis, the recommended method."""

from __future__ import annotations

from dataclasses import dataclass

from engine.learners import LEARNERS
from engine.learners.discriminant import Discriminant


@LEARNERS.register("slda", "Streaming discriminant analysis")
@dataclass
class StreamingLDA(Discriminant):
    """Like nearest class mean, in a space where what varies inside the classes counts for less.

    Hayes and Kanan, Lifelong machine learning with deep streaming linear discriminant analysis,
    2020, with the class's own count in the update, so that S is the pooled within-class covariance
    exactly, in any order. Head: Linear(S^-1 m, -m.S^-1 m / 2), S shrunk toward a scaled identity:
    (1 - s) S + s tr(S)/d I, with s by leave-one-out. Memory: d^2 + (classes) d numbers.
    """

"""Methods that learn from images without classes. One file each."""

from __future__ import annotations

from engine.registry import Registry
from engine.training.unlabelled.method import UnlabelledMethod

METHODS: Registry[UnlabelledMethod] = Registry("method", __name__)

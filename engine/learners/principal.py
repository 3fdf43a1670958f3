"""Directions along which features differ most."""

from __future__ import annotations

import numpy as np
import torch

from engine.system.device import one_thread


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1; one of nothing stays so."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def principal(x: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Principal directions of centred rows (images, width), by random projection (Halko,
    Martinsson and Tropp, Finding structure with randomness, 2011); always the same for the same
    rows. The last few are less exact than the first.

    Gives float32 (width, count), columns of length 1, and the length of all rows along each, both
    with fewer where there are fewer.
    """
    first = np.random.default_rng(0).standard_normal((x.shape[1], count)).astype(np.float32)
    rows, draft = torch.from_numpy(x.astype(np.float32)), torch.from_numpy(first)
    with one_thread():  # of several small pieces each waits for the others: 60 times as long
        for _ in range(2):
            draft, _ = torch.linalg.qr(rows.T @ (rows @ draft))
        _, sizes, found = torch.linalg.svd(rows @ draft, full_matrices=False)
        return (draft @ found.T).numpy(), sizes.numpy()

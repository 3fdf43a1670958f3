"""A table of blocks' latencies on one device, from which whole networks' are predicted.

Cai et al. 2020: the sum of the blocks. A block measured alone is cheaper or dearer than inside a
network (its activations lie in the caches, layouts are changed at its borders), so the sum of each
resolution is put right by a scale and an offset, fitted on whole networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.errors import Refused
from engine.models.supernet.architecture import EXPANDS, KERNELS, Architecture
from engine.models.supernet.parts import (
    NetworkPart,
    block_part,
    classifier_part,
    fixed_parts,
    parts_of,
)
from engine.models.supernet.space import PLACES, RESOLUTION, Space
from engine.models.timing import Setting, device_key
from engine.search.latency.costs import arrays_of, picked

TOLERANCE = 0.2
"""A table is off where whole networks take this share more or less than it says."""


@dataclass(frozen=True)
class Fit:
    """From the sum of blocks to a network at one resolution: scale * sum + offset (ms).

    `error_ms` and `error_share` (of the latency) are mean absolute errors on networks that had no
    part in the fit, of which there were `networks`; 0 networks: nothing is known. `usual` is the
    median of the runs over the low percentile while this was measured.
    """

    scale: float = 1.0
    offset: float = 0.0
    error_ms: float = 0.0
    error_share: float = 0.0
    usual: float = 1.0
    networks: int = 0


@dataclass(frozen=True)
class LatencyTable:
    """Milliseconds of blocks by their keys, for a supernet's width on a device with a setting.

    `call_ms` is what asking for an empty graph costs; entries are without it, since in a network
    only the whole is asked for. Latencies are of a batch, from images to features, low
    percentiles: what they are when nothing else runs on the device.
    """

    multiplier: float
    setting: Setting
    device: Mapping[str, object]
    entries: Mapping[str, float]
    fits: Mapping[int, Fit]
    when: str = ""
    call_ms: float = 0.0
    ratio: float = 1.0
    """What whole networks took when last looked at, over the prediction (building.still_fits)."""

    @property
    def resolutions(self) -> tuple[int, ...]:
        return tuple(sorted(self.fits))

    @property
    def name(self) -> str:
        """What it is called in lists and as a file."""
        return f"{device_key(self.setting, self.device)}-w{self.multiplier:g}"

    @property
    def error_ms(self) -> float:
        """The mean over resolutions; 0 where nothing is known."""
        return mean(fit.error_ms for fit in self.fits.values() if fit.networks)

    @property
    def error_share(self) -> float:
        return mean(fit.error_share for fit in self.fits.values() if fit.networks)

    @property
    def margin(self) -> float:
        """What a timing's median may well take over the prediction: quiet moments are predicted,
        most runs take a little longer, and the prediction has its error. At most a tenth."""
        usual = mean(fit.usual for fit in self.fits.values())
        return min(1.1, max(1.0, usual) * (1 + self.error_share))

    @property
    def fits_still(self) -> bool:
        return abs(self.ratio - 1) <= TOLERANCE

    def covers(self, resolutions: Iterable[int]) -> bool:
        return set(resolutions) <= set(self.fits)

    def check(self, resolutions: Iterable[int]) -> None:
        """Raises Refused where a resolution was not measured."""
        missing = sorted(set(resolutions) - set(self.fits))
        if missing:
            raise Refused(
                f"This latency table holds {self.resolutions} pixels, and not {missing[0]}. "
                "Measure that resolution too."
            )

    # Prediction.

    def raw(self, architecture: Architecture) -> float:
        """The sum of a network's blocks, each as measured alone."""
        return sum(self.entries[str(p)] for p in parts_of(architecture, self.multiplier))

    def predict(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """Milliseconds of networks: float64 (n,). Raises Refused."""
        self.check(a.resolution for a in architectures)
        fits = [self.fits[a.resolution] for a in architectures]
        pairs = zip(fits, map(self.raw, architectures), strict=True)
        return np.array([fit.scale * raw + fit.offset for fit, raw in pairs], np.float64)

    def predictor(self, space: Space) -> Callable[[np.ndarray], np.ndarray]:
        """The same for rows of genes (n, 46) of a space, by look-up. Raises Refused."""
        self.check(space.resolutions)
        blocks, fixed = arrays_of(space, self.multiplier, self.entry, np.float64)
        fits = [self.fits[resolution] for resolution in space.resolutions]
        scale, offset = (np.array([getattr(f, k) for f in fits]) for k in ("scale", "offset"))
        around = fixed.sum(1)

        def predict(genes: np.ndarray) -> np.ndarray:
            size = genes[:, RESOLUTION]
            raw = picked(blocks, space, genes).sum(1) + around[size]
            return scale[size] * raw + offset[size]

        return predict

    def entry(self, part: NetworkPart) -> float:
        return self.entries[str(part)]

    # Making one from others.

    def joined(self, newer: LatencyTable) -> LatencyTable:
        """With the resolutions of another table of the same device, which wins where both have
        one."""
        return replace(
            newer, entries={**self.entries, **newer.entries}, fits={**self.fits, **newer.fits}
        )

    def only(self, resolution: int) -> LatencyTable:
        """With one of its resolutions."""
        self.check([resolution])
        keys = {str(part) for part in all_parts(self.multiplier, resolution)}
        entries = {key: ms for key, ms in self.entries.items() if key in keys}
        return replace(self, entries=entries, fits={resolution: self.fits[resolution]})


def mean(numbers: Iterable[float]) -> float:
    found = list(numbers)
    return sum(found) / len(found) if found else 0.0


def all_parts(multiplier: float, resolution: int) -> list[NetworkPart]:
    """Every part that a subnet of this resolution may have, once, and the classifier."""
    blocks = [
        block_part(multiplier, resolution, place, kernel, expand)
        for place in range(PLACES)
        for kernel in KERNELS
        for expand in EXPANDS
    ]
    found = [*fixed_parts(multiplier, resolution), *blocks, classifier_part(multiplier)]
    return list({str(part): part for part in found}.values())


def needed(multiplier: float, resolution: int) -> set[str]:
    """The keys that a table can't do without."""
    classifier = str(classifier_part(multiplier))
    return {str(part) for part in all_parts(multiplier, resolution)} - {classifier}

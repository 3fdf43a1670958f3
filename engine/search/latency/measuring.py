"""Measuring a latency table on this device, and whether one still fits it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import torch
from onnx import TensorProto, helper

from engine.errors import BadSetting
from engine.events import Event, Notice, Progress
from engine.models.onnx_export import OPSET
from engine.models.supernet.architecture import RESOLUTIONS, Architecture, largest, smallest
from engine.models.supernet.as_onnx import GIVEN, IR_VERSION, WANTED, network_onnx, part_onnx
from engine.models.supernet.mobilenet import MobileNet
from engine.models.supernet.parts import LOGITS
from engine.models.supernet.space import Space
from engine.models.timing import Setting, Timed, device_facts, interleaved, opened
from engine.search.latency.files import store
from engine.search.latency.table import Fit, LatencyTable, all_parts

SECONDS = 10.0
"""Of timing at most, for each resolution, and as many again for all. Where nothing else runs, two
or three are enough."""
QUANTILE = 0.25
GOOD = 0.015
"""The share by which networks left out of the fit are mispredicted that ends the timing."""
NETWORKS = 12
"""Whole networks a resolution: six would do for the fit, the rest make its error sure."""
TOGETHER = 4
"""Resolutions that are measured in turn; more would only take memory."""


def build_table(
    multiplier: float,
    resolutions: Sequence[int],
    setting: Setting | None = None,
    *,
    networks: int = 0,
    seconds: float = 0,
) -> Generator[Progress, None, LatencyTable]:
    """Measures every block of the resolutions, and `networks` whole subnets of each for the fit.

    At most `seconds` of timing for each resolution; 0 takes what is usual, for both. Raises
    BadSetting for a setting or a size that is not possible here.
    """
    setting, networks = setting or Setting(), networks or NETWORKS
    setting.check()
    chosen = sorted(set(resolutions))
    check_sizes(chosen, networks)
    table = LatencyTable(multiplier, setting, device_facts(), {}, {})
    for begin in range(0, len(chosen), TOGETHER):
        some = chosen[begin : begin + TOGETHER]
        most = seconds * len(some) or SECONDS * (1 + len(some))
        measured = yield from measured_together(table, some, networks, most)
        table = table.joined(measured)
    return table


def check_sizes(resolutions: Sequence[int], networks: int) -> None:
    wrong = [r for r in resolutions if r not in RESOLUTIONS]
    if wrong or not resolutions:
        raise BadSetting(
            f"Choose resolutions from {RESOLUTIONS[0]} to {RESOLUTIONS[-1]} that can be divided "
            f"by 4, not {wrong[0] if wrong else 'none'}."
        )
    if networks < 4:
        raise BadSetting("At least 4 whole networks are needed to fit a latency table.")


def measured_together(
    table: LatencyTable, resolutions: Sequence[int], networks: int, seconds: float
) -> Generator[Progress, None, LatencyTable]:
    """The table of a few resolutions, all of whose graphs are timed in turn."""
    parts = {str(p): p for r in resolutions for p in all_parts(table.multiplier, r)}
    graphs: dict[str, Timed] = {}
    for done, (key, part) in enumerate(parts.items()):
        yield Progress(done, len(parts), "Preparing blocks", seconds)
        square = 1 if part.kind == LOGITS else part.side
        model = part_onnx(part, table.setting.precision)
        graphs[key] = opened(model, square, table.setting)
    wholes: dict[Architecture, Timed] = {}
    for done, one in enumerate(a for r in resolutions for a in samples(r, networks, seed=r)):
        yield Progress(done, networks * len(resolutions), "Preparing networks", seconds)
        wholes[one] = opened(model_of(one, table), one.resolution, table.setting)
    empty = opened(empty_graph(), 1, table.setting)

    def so_far() -> LatencyTable:
        call = empty.low()
        entries = {key: max(0.0, timed.low() - call) for key, timed in graphs.items()}
        return fitted(replace(table, entries=entries, call_ms=call), wholes)

    def enough() -> bool:
        return max(fit.error_share for fit in so_far().fits.values()) <= GOOD

    yield from interleaved([empty, *graphs.values(), *wholes.values()], seconds, "Timing", enough)
    return replace(so_far(), when=datetime.now(UTC).isoformat(timespec="seconds"))


def samples(resolution: int, count: int, seed: int) -> list[Architecture]:
    """The smallest, the largest, and different random subnets."""
    space, rng = Space((resolution,)), np.random.default_rng(seed)
    found = {smallest(resolution): None, largest(resolution): None}
    while len(found) < count:
        found[space.decode(space.random(1, rng))[0]] = None
    return list(found)


def model_of(architecture: Architecture, table: LatencyTable) -> bytes:
    """A network with weights that are worth nothing. Draws no random number of others."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = MobileNet(1, table.multiplier, architecture).eval()
    return network_onnx(network, architecture.resolution, table.setting.precision)


def empty_graph() -> bytes:
    """A graph that hands eight numbers on: what it costs to ask for anything at all."""
    graph = helper.make_graph(
        [helper.make_node("Identity", [GIVEN], [WANTED])],
        "empty",
        [helper.make_tensor_value_info(GIVEN, TensorProto.FLOAT, ["n", 8])],
        [helper.make_tensor_value_info(WANTED, TensorProto.FLOAT, ["n", 8])],
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    return model.SerializeToString()


# The fit.


def fitted(table: LatencyTable, wholes: dict[Architecture, Timed]) -> LatencyTable:
    """With a fit for each resolution among the whole networks that were timed."""
    fits = {}
    for resolution in sorted({a.resolution for a in wholes}):
        here = {a: timed for a, timed in wholes.items() if a.resolution == resolution}
        raw = np.array([table.raw(a) for a in here])
        real = np.array([timed.low() for timed in here.values()])
        usual = np.median([1e3 * np.median(t.seconds) / t.low() for t in here.values()])
        fits[resolution] = replace(fit(raw, real), usual=round(float(usual), 4))
    return replace(table, fits=fits)


def fit(raw: np.ndarray, real: np.ndarray) -> Fit:
    """Scale and offset, and their error on networks left out.

    Each network is predicted by a fit of all others, so that none had a part in its own error.
    """
    others = ~np.eye(len(raw), dtype=bool)
    lines = [line(raw[rest], real[rest]) for rest in others]
    guessed = np.array([s * x + o for (s, o), x in zip(lines, raw, strict=True)])
    scale, offset = line(raw, real)
    error = np.abs(guessed - real)
    return Fit(scale, offset, float(error.mean()), float((error / real).mean()), 1.0, len(raw))


def line(raw: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """The scale and offset that three quarters of the networks lie above, nearly on the line.

    Other work on the computer makes networks slower and never faster, most of all large ones, and
    now and then one finds no quiet moment at all. So the lower quartile of the relative errors is
    fitted (Koenker & Bassett 1978), by weighing squares again and again: a network above the line
    counts a third of one below. A scale alone is taken where the line would fall.
    """
    terms = np.stack([raw, np.ones_like(raw)], 1) / real[:, None]
    weights = np.ones(len(raw))
    for _ in range(40):
        root = np.sqrt(weights)
        scale, offset = np.linalg.lstsq(terms * root[:, None], root, rcond=None)[0]
        error = terms @ [scale, offset] - 1
        weights = np.where(error < 0, QUANTILE, 1 - QUANTILE) / np.maximum(np.abs(error), 0.003)
    if scale <= 0:
        return float(np.median(real / raw)), 0.0
    return float(scale), float(offset)


# Does it still fit?


@dataclass(frozen=True)
class Verdict:
    """`ratio` is measured over predicted; `text` is a sentence where the table is off."""

    ratio: float
    fits: bool
    text: str = ""


def checked(table: LatencyTable, seconds: float = 2.0) -> Generator[Event, None, LatencyTable]:
    """Notes in a table of this device whether it still fits it, and keeps it; says so if not."""
    verdict = yield from still_fits(table, seconds=seconds)
    table = replace(table, ratio=verdict.ratio)
    store(table)
    if verdict.text:
        yield Notice(verdict.text, "warning")
    return table


def still_fits(
    table: LatencyTable, *, networks: int = 5, seconds: float = 2.0
) -> Generator[Progress, None, Verdict]:
    """Times a few whole networks, none of those of the fit, and compares with the prediction."""
    table.setting.check()
    middle = table.resolutions[len(table.resolutions) // 2]
    some = samples(middle, networks + 2, seed=1_000_003 + middle)[2:]
    wholes = {a: opened(model_of(a, table), middle, table.setting) for a in some}
    yield from interleaved(list(wholes.values()), seconds, "Timing")
    real = np.array([timed.low() for timed in wholes.values()])
    ratio = float(np.median(real / table.predict(some)))
    if replace(table, ratio=ratio).fits_still:
        return Verdict(ratio, True)
    how = "slower" if ratio > 1 else "faster"
    return Verdict(
        ratio,
        False,
        f"This computer runs {how} than when its latency was measured: networks take {ratio:.2f} "
        "times what is predicted. Close other programs, or measure again.",
    )

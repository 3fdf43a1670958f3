"""Costs against counted and published figures; latency tables: fitted, kept, exchanged, refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from engine.errors import BadSetting, Refused
from engine.images.preprocess import Preprocessing
from engine.models import timing
from engine.models.backbone import parameters_of
from engine.models.batch_norm import recalibrate
from engine.models.onnx_export import write_onnx
from engine.models.ort import open_session
from engine.models.supernet.architecture import Architecture, largest, smallest, uniform
from engine.models.supernet.as_onnx import network_onnx
from engine.models.supernet.mobilenet import MobileNet
from engine.models.supernet.parts import NetworkPart, parts_of
from engine.models.supernet.space import Space
from engine.models.timing import Setting
from engine.models.trunk import Frozen
from engine.search import latency
from engine.search.latency import costs, measuring
from engine.search.latency.measuring import fit, samples
from engine.search.latency.table import LatencyTable, all_parts
from tests.helpers.generators import result
from tests.helpers.tables import invented

pytestmark = pytest.mark.usefixtures("one_thread")
SPACE = Space((48, 64))

# Kernels, expansions, depths; parameters and operations with a classifier of 1,000 classes at 224
# pixels: rows of DyNAS-T's table for the official supernet of width 1.0.
PUBLISHED = (
    ("33333353555533335335", "44444364366346433444", "33343", 4819200, 265450224),
    ("33333353575533335333", "43444364366346433444", "33323", 4482528, 227454896),
    ("33333533537775355535", "33463334334633333433", "22222", 3588304, 129529712),
    ("55753357553535533555", "64444344444344333434", "23333", 4227568, 220014960),
    ("75757377777557555575", "66346643444346446666", "44344", 6814736, 405894496),
)


def digits(text: str) -> list[int]:
    return [int(digit) for digit in text]


def some(count: int, seed: int = 3) -> list[Architecture]:
    return SPACE.decode(SPACE.random(count, np.random.default_rng(seed)))


def trained_like(architecture: Architecture, width: float = 0.25) -> MobileNet:
    """A network whose batch norms and biases are not those of the beginning, and whose features
    tell images apart."""
    torch.manual_seed(0)
    network = MobileNet(5, width, architecture).eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.2)
            nn.init.normal_(layer.bias, 0, 0.1)
        elif isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.normal_(layer.bias, 0, 0.3)
    p = Preprocessing(architecture.resolution, architecture.resolution)
    recalibrate(network, [frozen(network, p).normalise(images(16, p.size))])
    return network


def images(count: int, size: int) -> torch.Tensor:
    """uint8 (count, size, size, 3), coarse and fine, dark and bright."""
    rng = torch.Generator().manual_seed(1)
    coarse = torch.rand(count, 3, 6, 6, generator=rng) * torch.rand(count, 3, 1, 1)
    large = nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
    fine = 0.2 * torch.rand(count, 3, size, size, generator=rng)
    return (255 * (0.8 * large + fine)).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def frozen(network: MobileNet, p: Preprocessing) -> Frozen:
    return Frozen(p, nn.Sequential(*[part for _, part in network.stages()])).eval()


# Networks as ONNX.


@pytest.mark.parametrize("architecture", [largest(64), smallest(64), *some(3)], ids=str)
@torch.no_grad()
def test_a_network_written_directly_gives_what_pytorch_gives(architecture: Architecture):
    network, size = trained_like(architecture), architecture.resolution
    p = Preprocessing(size, size, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
    pixels = images(3, size)
    expected = frozen(network, p)(pixels).numpy()
    found = open_session(network_onnx(network, p)).run(None, {"pixels": pixels.numpy()})[0]
    assert found.shape == (3, 1, network.width)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    assert np.abs(found[0] - found[1]).max() > 0.1 * np.abs(expected).max()


def operators(model: onnx.ModelProto) -> list[str]:
    """What a graph computes, in its order; shared and constant values are no computation."""
    values = ("Identity", "Constant")
    return [node.op_type for node in model.graph.node if node.op_type not in values]


def test_it_has_the_operators_of_the_real_export(tmp_path: Path):
    network, p = trained_like(uniform(64, 5, 4, 3)), Preprocessing(64, 73)
    pixels = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    write_onnx(frozen(network, p), pixels, tmp_path / "net.onnx", ("pixels", ["activations"]))
    traced, written = (
        onnx.load(tmp_path / "net.onnx"),
        onnx.load_from_string(network_onnx(network, p)),
    )
    assert operators(written) == operators(traced)
    assert "BatchNormalization" not in operators(written)
    onnx.checker.check_model(written, full_check=True)


def test_half_precision_gives_nearly_the_same():
    network = trained_like(uniform(48, 3, 3, 2))
    pixels = {"pixels": np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), np.uint8)}
    half, full = (
        open_session(network_onnx(network, 48, precision)).run(None, pixels)[0]
        for precision in ("float16", "float32")
    )
    assert half.dtype == np.float32
    assert 0 < np.abs(half - full).max() <= 0.05 * np.abs(full).max()


# Costs.


@pytest.mark.parametrize(("kernels", "expands", "depths", "parameters", "macs"), PUBLISHED)
def test_operations_and_parameters_are_the_published_ones(
    kernels, expands, depths, parameters, macs
):
    lists = map(digits, (kernels, expands, depths))
    architecture = Architecture.of_lists(*lists, 224)
    assert costs.parameters_of_subnet(architecture, 1.0, classes=1000) == parameters
    assert costs.macs_of(architecture, 1.0) + 1280 * 1000 == macs


@pytest.mark.parametrize("architecture", [largest(64), smallest(100), *some(2)], ids=str)
def test_parameters_and_file_size_are_those_of_the_network_itself(architecture: Architecture):
    network = MobileNet(7, 0.25, architecture).eval()
    assert costs.parameters_of_subnet(architecture, 0.25, 7) == parameters_of([network])
    written = network_onnx(network, architecture.resolution)
    assert costs.file_bytes(architecture, 0.25) == len(written)


def test_memory_is_that_of_the_widest_layer():
    # The first block of stage 1 at width 1: 48x48x96 goes into its depthwise layer, 24x24x96 comes
    # out; nothing else is as wide.
    assert costs.peak_memory(uniform(96, 3, 6, 2), 1.0) == 4 * (48 * 48 * 96 + 24 * 24 * 96)
    # With a shortcut the input stays while the depthwise layer runs: 24x24x(24 + 144 + 144).
    blocks = parts_of(uniform(96, 3, 6, 2), 1.0)
    shortcut = next(p for p in blocks if p.shortcut and p.before == 24)
    assert latency.costs.part_memory(shortcut) == 4 * 24 * 24 * (24 + 144 + 144)


@pytest.mark.parametrize("width", [0.25, 1.0])
def test_costs_of_many_are_those_of_each(width: float):
    genes = SPACE.random(60, np.random.default_rng(1))
    each = SPACE.decode(genes)
    found = costs.costs_of_genes(SPACE, genes, width)
    assert found["macs"].tolist() == [costs.macs_of(a, width) for a in each]
    assert found["memory"].tolist() == [costs.peak_memory(a, width) for a in each]
    assert found["file_bytes"].tolist() == [costs.file_bytes(a, width) for a in each]
    parameters = [costs.parameters_of_subnet(a, width) for a in each]
    assert found["parameters"].tolist() == parameters


# Tables.


def test_a_prediction_is_the_fitted_sum_of_the_blocks():
    table, architecture = invented(), uniform(64, 5, 4, 3)
    keys = list(map(str, parts_of(architecture, 0.25)))
    assert len(keys) == 5 + 15
    expected = 1.1 * sum(table.entries[key] for key in keys) + 0.02 * 64
    assert table.predict([architecture]) == pytest.approx([expected])
    with pytest.raises(Refused, match="not 96"):
        table.predict([architecture.at(96)])


def test_predictions_of_many_are_those_of_each():
    genes, table = SPACE.random(300, np.random.default_rng(2)), invented()
    assert np.allclose(table.predictor(SPACE)(genes), table.predict(SPACE.decode(genes)))


def test_each_block_that_may_be_chosen_has_one_entry_of_its_own():
    for resolution in (48, 64, 224):
        parts = all_parts(1.0, resolution)
        assert len(parts) == 96  # 30 block shapes with 3 kernels, block 0, stem, three last, Logits
        assert all(NetworkPart.parse(str(part)) == part for part in parts)
        assert {p for a in some(30) for p in parts_of(a.at(resolution), 1.0)} <= set(parts)


def test_a_fit_finds_the_line_in_spite_of_one_disturbed_network():
    raw = np.linspace(1, 4, 12)
    real = 1.2 * raw - 0.1
    real[5] *= 1.5  # something else ran all the while
    found = fit(raw, real)
    assert (found.scale, found.offset) == pytest.approx((1.2, -0.1), abs=0.01)
    assert found.error_share == pytest.approx(1 / 3 / 12, abs=0.005)
    assert found.error_ms == pytest.approx(real[5] / 3 / 12, rel=0.1)


def test_the_error_of_a_fit_is_that_of_networks_left_out():
    raw, rng = np.linspace(1, 4, 8), np.random.default_rng(0)
    real = raw * (1 + 0.1 * rng.standard_normal(8))
    found = fit(raw, real)
    inside = np.abs((found.scale * raw + found.offset) / real - 1).mean()
    assert found.error_share > 1.05 * inside


@pytest.fixture(scope="module")
def measured() -> LatencyTable:
    table, told = result(measuring.build_table(0.25, [48], networks=5, seconds=0.5))
    assert {event.doing for event in told} == {"Preparing blocks", "Preparing networks", "Timing"}
    return table


def test_a_measured_table_knows_each_part_and_how_far_it_is_off(measured: LatencyTable):
    assert measured.covers([48])
    assert not measured.covers([48, 64])
    assert len(measured.entries) == 96
    assert all(ms >= 0 for ms in measured.entries.values())
    # How near it comes to other networks' real times is measured in tests/bench/latency.py: on a
    # busy computer times say nothing.
    others = samples(48, 8, seed=99)
    guessed, found = measured.predict(others), measured.fits[48]
    raw = [sum(measured.entry(part) for part in parts_of(a, 0.25)) for a in others]
    np.testing.assert_allclose(guessed, found.scale * np.array(raw) + found.offset)
    assert 0 < measured.error_ms < np.inf


def test_a_table_that_is_off_is_noticed(measured: LatencyTable):
    slower = {key: 5 * ms for key, ms in measured.entries.items()}
    verdict, _ = result(measuring.still_fits(replace(measured, entries=slower), seconds=0.1))
    assert not verdict.fits
    assert verdict.ratio < 0.8
    assert "runs faster than" in verdict.text
    assert not replace(measured, ratio=verdict.ratio).fits_still
    assert replace(measured, ratio=1.05).fits_still


def test_timing_a_file_gives_ordered_percentiles(tmp_path: Path):
    path = tmp_path / "net.onnx"
    path.write_bytes(network_onnx(MobileNet(1, 0.25, smallest(48)).eval(), 48))
    found = timing.time_network(path, 48, Setting(batch=2), seconds=0.1)
    assert 0 < found["low"] <= found["p50"] <= found["p95"]
    assert found["runs"] >= 5
    path.write_bytes(b"nothing")
    with pytest.raises(Refused, match="can't run this network"):
        timing.time_network(path, 48, seconds=0.1)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"threads": 0}, "1 to 256 threads"),
        ({"batch": 2.5}, "1024 images"),
        ({"precision": "int8"}, "Choose float32 or float16"),
        ({"provider": "../x"}, "no provider"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, sentence):
    with pytest.raises(BadSetting, match=sentence):
        Setting(**settings)


@pytest.mark.parametrize(
    ("resolutions", "more", "sentence"),
    [
        ([], {}, "not none"),
        ([50], {}, "not 50"),
        ([48], {"networks": 2}, "At least 4"),
        ([48], {"setting": Setting(provider="NoSuchThing")}, "Choose one of: .*CPU"),
    ],
)
def test_what_can_not_be_measured_is_refused_at_once(resolutions, more, sentence):
    with pytest.raises(BadSetting, match=sentence):
        next(measuring.build_table(0.25, resolutions, **more))

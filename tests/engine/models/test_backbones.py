"""Backbones: torchvision's networks as stages, found by name or recognised in a file."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from engine.errors import BadSetting, Refused
from engine.models.backbones import describe_backbones, download_weights, load_backbone, untrained
from engine.models.backbones.base import BACKBONES
from engine.system.paths import weights_folder

OTHERS = (
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "embedded",
    "ofa_w10",
    "ofa_w12",
)
TORCHVISION = [name for name in BACKBONES if name not in OTHERS]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESPALIER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def random_net(name: str, size: int) -> nn.Module:
    """Torchvision's own network; no weight keeps a value that hides what depends on it."""
    torch.manual_seed(0)
    more = {"image_size": size} if name == "vit_b_16" else {}
    net = torchvision.models.get_model(name, weights=None, **more).eval()
    with torch.no_grad():
        for key, value in net.state_dict().items():
            if value.is_floating_point() and value.dim() < 4:
                value.add_(0.1 * torch.rand(value.shape) if "var" in key else 0.02)
    return net


def without_classifier(net: nn.Module, name: str) -> nn.Module:
    if name == "squeezenet1_1":  # its classifier is a convolution before the pooling
        net.classifier = nn.AdaptiveAvgPool2d(1)
    else:
        net.set_submodule(BACKBONES[name].classifier, nn.Identity())
    return net


@pytest.mark.parametrize("name", TORCHVISION)
def test_stages_are_torchvisions_network_without_its_classifier(name: str) -> None:
    size = 64 if name == "efficientnet_v2_s" else 32
    net = random_net(name, size)
    architecture = BACKBONES.make(name)
    state = {k: v for k, v in net.state_dict().items() if not architecture.set_aside(k)}
    if name == "vit_b_16":  # its files hold the positions of 224 pixels
        state["encoder.pos_embedding"] = torch.rand(1, 197, 768)
    backbone = architecture.assemble(state, size)
    if name == "vit_b_16":
        net.encoder.pos_embedding = nn.Parameter(backbone.stages[0].module.positions)
    images = torch.rand(2, 3, size, size)
    with torch.inference_mode():
        found = backbone.below()(images)
        expected = without_classifier(net, name)(images)
    assert found.shape == (2, backbone.width)
    assert expected.std() > 1e-6
    torch.testing.assert_close(found, expected)
    assert len(backbone.digest) == 64
    assert not any(stage.module.training for stage in backbone.stages)


def test_there_are_enough_of_them_and_names_are_torchvisions() -> None:
    assert len(TORCHVISION) >= 14
    assert set(TORCHVISION) <= set(torchvision.models.list_models())


def test_the_list_has_facts_from_the_weights_metadata() -> None:
    views = {view.name: view for view in describe_backbones()}
    json.dumps([asdict(view) for view in views.values()])  # plain values only
    assert next(iter(views)) == "efficientnet_lite0"
    for name in TORCHVISION:
        facts = views[name].facts
        assert 0.5 < facts["accuracy"] < 0.9
        assert facts["bytes"] == pytest.approx(4 * facts["parameters"], rel=0.05)
        assert facts["macs"] > 10_000_000
        assert facts["url"].startswith("https://")
        assert re.fullmatch("[0-9a-f]{8,64}", facts["digest"])
        assert "ImageNet" in facts["licence"]
        assert facts["here"] is False
        assert views[name].help.endswith(".")
    weights = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1
    assert views["mobilenet_v2"].facts["accuracy"] == pytest.approx(
        weights.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100
    )
    assert views["efficientnet_b0"].facts["interpolation"] == "bicubic"


@pytest.mark.parametrize("name", ["squeezenet1_1", "shufflenet_v2_x1_0"])
def test_a_network_can_be_cut_at_every_stage(name: str) -> None:
    backbone = untrained(name, 64)
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        whole = backbone.below()(images)
        for cut in backbone.cuts:
            parts = backbone.above(cut)(backbone.below(cut)(images))
            torch.testing.assert_close(parts, whole)
    assert backbone.cuts[0] == "stem"
    assert backbone.cuts[-1] == "features"


def test_the_size_is_settable_within_what_the_network_can_take() -> None:
    usual = untrained("squeezenet1_1").preprocessing
    assert (usual.size, usual.resize) == (224, 224)
    small = untrained("squeezenet1_1", 64).preprocessing
    assert (small.size, small.resize) == (64, 64)
    for size in (8, 5000):
        with pytest.raises(BadSetting, match="32 to 1024"):
            untrained("squeezenet1_1", size)
    with pytest.raises(BadSetting, match="divided by 16"):
        untrained("vit_b_16", 100)


def test_a_name_that_is_unknown_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BadSetting, match="mobilenet_v2"):
        load_backbone("mobilnet")


def test_a_file_in_the_folder_is_used_without_a_download() -> None:
    file = BACKBONES.make("squeezenet1_1").facts()["file"]
    with pytest.raises(Refused) as refusal:
        load_backbone("squeezenet1_1")
    assert file in str(refusal.value)
    assert str(weights_folder()) in str(refusal.value)
    torch.save(random_net("squeezenet1_1", 64).state_dict(), weights_folder() / file)
    assert load_backbone("squeezenet1_1").name == "squeezenet1_1"
    assert BACKBONES.make("squeezenet1_1").facts()["here"] is True
    with pytest.raises(StopIteration) as end:
        next(download_weights("squeezenet1_1"))
    assert end.value.value == weights_folder() / file


def test_the_embedded_one_is_not_downloaded() -> None:
    with pytest.raises(Refused, match="nothing to download"):
        next(download_weights("embedded"))


def test_weights_in_half_precision_are_recognised_and_their_digest_is_of_the_numbers(
    tmp_path: Path,
) -> None:
    file, same = tmp_path / "as-float16.safetensors", tmp_path / "as-float32.safetensors"
    whole = random_net("mobilenet_v2", 224).state_dict()
    state = {k: v.half() if v.is_floating_point() else v for k, v in whole.items()}
    save_file(state, file)
    backbone = load_backbone(weights=file)
    assert backbone.name == "mobilenet_v2"
    assert backbone.preprocessing.resize == 224
    save_file({k: v.float() if v.is_floating_point() else v for k, v in state.items()}, same)
    assert load_backbone(weights=same).digest == backbone.digest
    state["features.0.0.weight"][0, 0, 0, 0] += 1
    save_file(state, same)
    assert load_backbone(weights=same).digest != backbone.digest

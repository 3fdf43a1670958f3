"""timm's networks as backbones: cut to the bit, named, read from files, refused with a reason."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from engine.errors import BadSetting, Refused, UnusableWeights
from engine.models.backbones import download_weights, find_timm, load_backbone, network_named
from engine.models.backbones.graph_stages import CantCut, graph_stages
from tests.helpers.timm_networks import (
    CNN,
    CONVNEXT,
    SIDES,
    VIT,
    formula_images,
    needs_timm,
    own_network,
    weights_file,
)

MARK = "a pickle ran code"
CUTS = ("stem", "stage1", "stage2", "stage3", "stage4", "features")
WIDTHS = {CNN: 512, VIT: 384, CONVNEXT: 320}


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESPALIER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A file of weights for a network, made once."""
    folder, made = tmp_path_factory.mktemp("weights"), dict[str, Path]()

    def given(name: str) -> Path:
        if name not in made:
            made[name] = weights_file(folder / f"{len(made)}.safetensors", name)
        return made[name]

    return given


@needs_timm
@pytest.mark.parametrize("name", SIDES)
def test_stages_in_order_are_timms_own_features_to_the_bit(name, file):
    side = SIDES[name]
    net = own_network(name)
    if name == VIT:
        net.set_input_size(img_size=(side, side))
    backbone = load_backbone(name, file(name), side)
    images = formula_images(2, side)
    with torch.inference_mode():
        expected = net.forward_head(net.forward_features(images), pre_logits=True)
        assert torch.equal(backbone.below()(images), expected)
        for cut in backbone.cuts:
            apart = backbone.above(cut)(backbone.below(cut)(images))
            assert torch.equal(apart, expected), cut
    assert expected.shape == (2, WIDTHS[name])
    assert backbone.width == WIDTHS[name]
    assert (expected[0] - expected[1]).abs().max() > 1e-3
    assert backbone.cuts == CUTS
    assert (backbone.name, len(backbone.digest)) == (name, 64)
    assert not any(stage.module.training for stage in backbone.stages)


@needs_timm
@pytest.mark.parametrize("name", SIDES)
def test_each_stage_has_weights_of_its_own_and_none_is_left_out(name, file):
    backbone = load_backbone(name, file(name), SIDES[name])
    net = own_network(name, classes=0)
    counted = sum(p.numel() for s in backbone.stages for p in s.module.parameters())
    assert counted == sum(p.numel() for p in net.parameters()) - (
        # At 56 pixels there are 16 places and not 37 times 37.
        (37 * 37 - 16) * 384 if name == VIT else 0
    )
    twin = copy.deepcopy(backbone.stages[1].module)
    with torch.no_grad():
        next(twin.parameters()).add_(1)
    assert not torch.equal(next(twin.parameters()), next(backbone.stages[1].module.parameters()))


@needs_timm
def test_what_timm_says_of_a_network_is_what_is_shown():
    facts = network_named(CONVNEXT).facts()
    shapes = network_named(CONVNEXT).signature().values()
    assert facts["bytes"] == 4 * sum(math.prod(shape) for shape in shapes)
    assert facts["url"].endswith("/timm/convnext_atto.d2_in1k/resolve/main/model.safetensors")
    assert facts["file"] == "timm-convnext_atto.d2_in1k.safetensors"
    assert facts["here"] is False
    assert "apache-2.0" in facts["licence"]
    preprocessing = network_named(CONVNEXT).preprocessing()
    assert (preprocessing.size, preprocessing.resize) == (224, 256)  # crops 0.875
    assert preprocessing.interpolation == "bicubic"
    other = network_named("timm/vit_tiny_patch16_224.augreg_in21k").preprocessing()
    assert other.mean == other.std == (0.5, 0.5, 0.5)


@needs_timm
def test_a_name_without_its_tag_gets_the_one_that_is_meant_now():
    assert network_named("timm/resnet18").name == CNN


@needs_timm
def test_networks_are_found_by_words_in_their_names_and_only_a_few_are_measured():
    found = {view.name: view.facts for view in find_timm("small dinov2.")}
    assert VIT in found
    assert found[VIT]["bytes"] == pytest.approx(88e6, rel=0.01)
    many = [view.facts["bytes"] for view in find_timm("")]
    assert len(many) > 1_000
    assert not any(many)


@needs_timm
def test_a_file_of_torch_save_is_read_too_and_gives_the_same_digest(file, tmp_path):
    torch.save({"state_dict": load_file(file(CNN))}, tmp_path / "net.pth")
    same = load_backbone(CNN, tmp_path / "net.pth", 64).digest
    assert same == load_backbone(CNN, file(CNN), 64).digest


class Evil:
    """A pickle of it runs code when it is opened as any file of Python's."""

    def __reduce__(self):
        return Path.touch, (Path(MARK),)


@needs_timm
def test_code_in_a_file_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.pth").write_bytes(pickle.dumps({"state_dict": Evil()}))
    with pytest.raises(UnusableWeights):
        load_backbone(CNN, tmp_path / "net.pth")
    assert not Path(MARK).exists()


@needs_timm
def test_a_file_in_its_authors_names_is_taken_as_timm_takes_it(file, tmp_path):
    state = load_file(file(VIT))
    save_file({**state, "mask_token": torch.zeros(1, 384)}, tmp_path / "authors.safetensors")
    theirs = load_backbone(VIT, tmp_path / "authors.safetensors", 56)
    assert theirs.digest == load_backbone(VIT, file(VIT), 56).digest


@needs_timm
def test_another_networks_file_is_refused_by_name(file):
    with pytest.raises(UnusableWeights, match=r"do not fit timm/resnet18\.a1_in1k: "):
        load_backbone(CNN, file(CONVNEXT))
    with pytest.raises(UnusableWeights, match="say which network it is of, too: timm/NAME"):
        load_backbone("", file(CONVNEXT))


@needs_timm
def test_sizes_that_a_network_cannot_take_are_refused(file):
    with pytest.raises(BadSetting, match="can be divided by 14, not 57"):
        load_backbone(VIT, file(VIT), 57)
    with pytest.raises(BadSetting, match="32 to 1024"):
        load_backbone(CNN, file(CNN), 16)


@needs_timm
def test_names_that_timm_does_not_know_are_refused_with_a_way_to_find_one():
    for name in ("timm/resnet17", "timm/resnet18.nobody"):
        with pytest.raises(BadSetting, match="espalier backbones resnet1"):
            network_named(name)


@needs_timm
def test_without_its_weights_it_says_where_to_get_them_and_their_name_here():
    with pytest.raises(Refused, match=r"save it as .*timm-resnet18\.a1_in1k\.safetensors\.$"):
        load_backbone(CNN)


@needs_timm
def test_a_network_without_published_weights_is_not_used_with_random_ones():
    for ask in (load_backbone, lambda name: next(download_weights(name))):
        with pytest.raises(Refused, match=r"no weights for timm/mixer_s16_224\."):
            ask("timm/mixer_s16_224")


@needs_timm
def test_a_network_that_cannot_be_cut_is_refused_in_one_sentence():
    with pytest.raises(Refused, match=r"crossvit_9_240.* can't be cut into stages"):
        network_named("timm/crossvit_9_240").assemble(None)


def test_without_timm_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(Refused, match=r'Get it with: pip install "espalier\[timm\]"\.$'):
        load_backbone(CNN)


def test_timm_is_not_imported_before_a_network_of_it_is_asked_for():
    code = (
        "import sys, engine.process, engine.jobs.project, app.cli\n"
        "from engine.models.backbones import describe_backbones, more_networks\n"
        "describe_backbones(), more_networks()\n"
        "sys.exit('timm' in sys.modules or 'huggingface_hub' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class Around(nn.Module):
    """Two layers, and something of the image that goes around the first one."""

    def __init__(self, around: bool) -> None:
        super().__init__()
        self.low, self.high, self.around = nn.Conv2d(3, 3, 1), nn.Linear(3, 2), around

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        low = self.low(x)
        return self.high((low + x if self.around else low * 2).mean((2, 3)))


class Tied(nn.Module):
    """Two layers of the same weights."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = nn.Linear(3, 3), nn.Linear(3, 3)
        self.high.weight = self.low.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.high(self.low(x)).relu()


def test_it_is_cut_where_one_tensor_alone_passes_and_nowhere_else():
    image = formula_images(1, 4)
    for around in (False, True):
        net = Around(around)
        stages = graph_stages(net, ["low"])
        whole = nn.Sequential(*(stage.module for stage in stages))
        assert torch.equal(whole(image), net(image))
        # With the image going around it, the first place is behind the sum of both.
        below = stages[0].module(image)
        assert torch.equal(below, net.low(image) + image if around else net.low(image))


def test_weights_that_two_stages_share_and_ends_that_are_none_are_no_cut():
    with pytest.raises(CantCut, match="share weights"):
        graph_stages(Tied(), ["low"])
    with pytest.raises(CantCut, match="one tensor alone"):
        graph_stages(Around(False), ["nowhere"])

"""The once-for-all network against the official code's figures, and the embedded weights."""

from __future__ import annotations

import json
import zlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine.backbones.elastic.embedded import embedded_backbone, read_weights, write_weights
from engine.backbones.elastic.net import ElasticNet, make_divisible
from engine.errors import UnusableWeights
from engine.net import parameters_of

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "ofa_mbv3_w10.json"


@pytest.fixture(scope="module")
def reference() -> dict:
    if not REFERENCE.exists():
        pytest.skip("../shared/reference is not here")
    return json.loads(REFERENCE.read_text())


def formula(key: str, shape: list[int]) -> torch.Tensor:
    """The weight `key` as the reference's rule makes it."""
    a = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(int(np.prod(shape)))
    a = a.reshape(shape)
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if key.endswith("running_var"):
        a = np.ones(shape)
    elif key.endswith("running_mean"):
        a = np.zeros(shape)
    elif key.endswith("bn.weight"):
        a = 1 + 0.1 * a
    elif key.endswith("bias"):
        a = 0.1 * a
    else:
        a = a * np.sqrt(2 / np.prod(shape[1:]))
    return torch.tensor(a.astype(np.float32))


def pictures(seed: int, count: int, size: int) -> torch.Tensor:
    made = np.random.RandomState(seed).standard_normal((count, 3, size, size))
    return torch.tensor(made.astype(np.float32))


def recalibrate(network: nn.Module, images: torch.Tensor) -> None:
    """Batch norms take mean and biased variance of one batch, as the reference says."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]

    def measure(norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor, ...]) -> None:
        norm.running_mean.copy_(inputs[0].mean((0, 2, 3)))
        norm.running_var.copy_(inputs[0].var((0, 2, 3), unbiased=False))

    hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
    with torch.no_grad():
        network.eval()(images)
    for hook in hooks:
        hook.remove()


@pytest.fixture(scope="module")
def largest(reference: dict) -> ElasticNet:
    network = ElasticNet()
    names = {k: v for k, v in reference["layout"].items() if not k.endswith("_matrix")}
    network.load_state_dict({key: formula(key, shape) for key, shape in names.items()})
    return network


def test_the_largest_network_gives_the_official_logits(reference: dict, largest: ElasticNet):
    case = next(c for c in reference["plain"] if c["tag"] == "max")
    assert parameters_of([largest]) == case["params"]
    recalibrate(largest, pictures(500 + case["r"], 32, case["r"]))
    with torch.no_grad():
        logits = largest.eval()(pictures(1000 + case["r"], 2, case["r"]))
    assert np.allclose(logits[:, :8], case["logits_first8"], atol=2e-3)
    assert np.allclose(logits.norm(dim=1), case["logits_l2"], atol=2e-3)
    assert logits.argmax(1).tolist() == case["argmax"]


@pytest.mark.parametrize("tag", ["min", "mid"])
def test_smaller_networks_have_the_official_size(reference: dict, tag: str):
    case = next(c for c in reference["plain"] if c["tag"] == tag)
    network = ElasticNet(kernels=case["ks"], expands=case["e"], depths=case["d"])
    assert parameters_of([network]) == case["params"]


def test_channels_are_multiples_of_eight_and_never_lose_a_tenth():
    assert [make_divisible(v) for v in (3, 12, 20, 40.0, 56, 108)] == [8, 16, 24, 40, 56, 112]
    assert all(make_divisible(v) >= 0.9 * v for v in range(1, 500))


def pixels(count: int = 2, size: int = 64) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def test_what_is_left_out_at_first_changes_nothing_when_it_comes_in():
    torch.manual_seed(0)
    network = ElasticNet(5, 0.25).eval()
    network.start_small(3, 2)
    network.use(3, 2)
    small = network.features(pixels())
    for kernel, depth in ((5, 3), (7, 4)):
        network.use(kernel, depth)
        assert torch.allclose(network.features(pixels()), small, rtol=1e-3, atol=1e-5)


def test_without_it_a_larger_kernel_and_more_blocks_change_the_features():
    torch.manual_seed(0)
    network = ElasticNet(5, 0.25).eval()
    network.use(3, 2)
    small = network.features(pixels())
    network.use(7, 2)
    wider = network.features(pixels())
    network.use(3, 4)
    assert not torch.allclose(wider, small, rtol=1e-2, atol=1e-4)
    assert not torch.allclose(network.features(pixels()), small, rtol=1e-2, atol=1e-4)


def test_a_small_part_runs_as_the_small_network_would():
    torch.manual_seed(0)
    large = ElasticNet(5, 0.25).eval()
    large.use(3, 4)
    small = ElasticNet(5, 0.25, kernels=(3,) * 20).eval()
    state = large.state_dict()
    for name, tensor in small.state_dict().items():
        if tensor.ndim == 4 and tensor.shape != state[name].shape:
            state[name] = state[name][:, :, 2:5, 2:5]
    small.load_state_dict(state)
    assert torch.allclose(large.features(pixels()), small.features(pixels()), rtol=1e-3, atol=1e-5)


def test_the_stages_in_order_are_the_network():
    torch.manual_seed(0)
    network = ElasticNet(5, 0.25).eval()
    x = pixels()
    for _, part in network.stages():
        x = part(x)
    assert x.shape == (2, network.width)
    assert torch.equal(network.classifier(x), network(pixels()))


def test_written_weights_come_back_to_half_precision(tmp_path: Path):
    torch.manual_seed(0)
    network = ElasticNet(5, 0.25).eval()
    write_weights(network, tmp_path / "net.safetensors", {"width": 0.25, "use_size": 64})
    again, facts = read_weights(tmp_path / "net.safetensors")
    assert facts["use_size"] == "64"
    for name, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor.half().to(tensor.dtype)), name


def test_weights_that_are_no_number_or_no_weights_are_refused(tmp_path: Path):
    path = tmp_path / "net.safetensors"
    network = ElasticNet(5, 0.25)
    with torch.no_grad():
        network.first_conv.conv.weight[0] = float("nan")
    write_weights(network, path, {"width": 0.25, "use_size": 64})
    with pytest.raises(UnusableWeights, match=r"no number: first_conv\.conv\.weight"):
        read_weights(path)
    for content in (b"", b"<html>", path.read_bytes()[:5000]):
        path.write_bytes(content)
        with pytest.raises(UnusableWeights, match="Install Espalier again"):
            read_weights(path)


def test_the_embedded_backbone_gives_finite_features_of_its_width():
    backbone = embedded_backbone()
    noise = pixels(1, backbone.preprocessing.size)
    features = backbone.below()(torch.cat([noise, torch.ones_like(noise), noise.cumsum(2) / 8]))
    assert features.shape == (3, backbone.width) == (3, 640)
    assert features.isfinite().all()
    assert torch.pdist(features).min() > 1  # it tells such different pictures apart
    assert backbone.cuts == (
        *("stem", "stage1", "stage2", "stage3", "stage4", "stage5"),
        *("expand", "features"),
    )
    assert len(backbone.digest) == 64
    assert embedded_backbone().digest == backbone.digest


def test_the_embedded_file_and_its_card_are_small_and_there():
    folder = files("resources")
    assert len((folder / "backbone.safetensors").read_bytes()) <= 16 * 2**20
    card = (folder / "backbone.md").read_text(encoding="utf-8")
    accuracy = float(embedded_backbone().facts["accuracy"])
    assert f"{100 * accuracy:.1f} %" in card

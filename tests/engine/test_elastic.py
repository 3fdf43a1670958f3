"""The once-for-all network against the official code's figures, and the embedded weights."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine.backbones.elastic.net import ElasticNet, make_divisible
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

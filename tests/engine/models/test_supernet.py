"""The once-for-all network against the original code's figures, and what its parts promise."""

from __future__ import annotations

import hashlib
import json
import zlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import BadSetting, UnusableWeights
from engine.models.backbone import parameters_of
from engine.models.batch_norm import recalibrate
from engine.models.provenance import Origin, origin_of
from engine.models.supernet.architecture import Architecture, largest, smallest, uniform
from engine.models.supernet.embedded import embedded_backbone
from engine.models.supernet.files import read_subnet, read_weights, subnet_bytes, write_weights
from engine.models.supernet.mobilenet import MobileNet, make_divisible
from engine.models.supernet.sorting import sort_channels
from engine.models.supernet.space import Space
from engine.models.supernet.supernet import Supernet
from tests.engine.models import elastic_reference

pytestmark = pytest.mark.usefixtures("one_thread")
TAGS = tuple(elastic_reference.PLAIN)


def formula(key: str, shape: torch.Size) -> torch.Tensor:
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
    elif key.endswith("_matrix"):
        a = np.eye(shape[0]) + 0.05 * a
    else:
        a = a * np.sqrt(2 / np.prod(shape[1:]))
    return torch.tensor(a.astype(np.float32))


def images(seed: int, count: int, size: int) -> torch.Tensor:
    made = np.random.RandomState(seed).standard_normal((count, 3, size, size))
    return torch.tensor(made.astype(np.float32))


def official() -> Supernet:
    """The supernet of width 1.0 with formula-made weights, as the checkpoint would fill it."""
    supernet = Supernet()
    supernet.load_state_dict({k: formula(k, v.shape) for k, v in supernet.state_dict().items()})
    return supernet.eval()


@pytest.fixture(scope="module")
def plain() -> Supernet:
    return official()


@pytest.fixture(scope="module")
def sorted_net() -> Supernet:
    supernet = official()
    sort_channels(supernet)
    return supernet


def architecture_of(case: dict) -> Architecture:
    lists = [[int(digit) for digit in case[key]] for key in ("kernels", "expands", "depths")]
    return Architecture.of_lists(*lists, case["resolution"])


def mismatches(supernet: Supernet, case: dict) -> list[str]:
    """In which figures a subnet differs from the original code's."""
    architecture, size = architecture_of(case), case["resolution"]
    network = supernet.subnet(architecture)
    recalibrate(network, [images(500 + size, 32, size)])
    with torch.no_grad():
        logits = network(images(1000 + size, 2, size))
    same = {
        "parameters": parameters_of([network]) == case["parameters"],
        "logits": np.allclose(logits[:, :8], case["logits"], atol=2e-3),
        "norms": np.allclose(logits.norm(dim=1), case["norms"], atol=2e-3),
        "winners": logits.argmax(1).tolist() == case["winners"],
    }
    return [name for name, equal in same.items() if not equal]


def test_the_weights_have_the_official_names_and_shapes(plain: Supernet):
    layout = sorted((name, list(t.shape)) for name, t in plain.state_dict().items())
    found = hashlib.sha256(json.dumps(layout).encode()).hexdigest()
    assert found == elastic_reference.LAYOUT


@pytest.mark.parametrize("tag", TAGS)
def test_subnets_give_the_official_logits(plain: Supernet, tag: str):
    assert mismatches(plain, elastic_reference.PLAIN[tag]) == []


@pytest.mark.parametrize("tag", TAGS)
def test_subnets_of_sorted_channels_give_the_official_logits(sorted_net: Supernet, tag: str):
    assert mismatches(sorted_net, elastic_reference.SORTED[tag]) == []


def test_without_recalibration_a_subnet_gives_other_answers(plain: Supernet):
    case = elastic_reference.PLAIN["min"]
    with torch.no_grad():
        logits = plain.subnet(architecture_of(case))(images(1128, 2, 128))
    assert not np.allclose(logits[:, :8], case["logits"], atol=0.02)


# A small supernet, for what does not need the official weights.


@pytest.fixture
def small() -> Supernet:
    """Width 0.25, with statistics and matrices that are not those of the beginning."""
    torch.manual_seed(0)
    supernet = Supernet(5, 0.25)
    for name, tensor in supernet.state_dict().items():
        if name.endswith("_matrix"):
            tensor.add_(0.05 * torch.randn_like(tensor))
        elif name.endswith(("running_mean", "bn.bias", "bn.bn.bias")):
            tensor.add_(0.1 * torch.randn_like(tensor))
        elif name.endswith(("running_var", "bn.weight", "bn.bn.weight")):
            tensor.mul_(1 + 0.1 * torch.rand_like(tensor))
    return supernet.eval()


def pixels(count: int = 2, size: int = 64) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def some_architectures(count: int) -> list[Architecture]:
    space = Space((48, 64))
    return space.decode(space.random(count, np.random.default_rng(3)))


@pytest.mark.parametrize(
    "architecture", [largest(64), smallest(64), *some_architectures(6)], ids=str
)
@torch.no_grad()
def test_a_subnet_taken_out_is_the_subnet_inside(small: Supernet, architecture: Architecture):
    alone = small.subnet(architecture)
    small.use(architecture)
    x = pixels(size=architecture.resolution)
    assert (small(x) - alone(x)).abs().max() <= 1e-5
    small.use(largest(64))
    assert (small(x) - alone(x)).abs().max() > 1e-5 or architecture == largest(64)
    assert not any("matrix" in name for name in alone.state_dict())


@torch.no_grad()
def test_sorting_leaves_the_largest_network_and_moves_what_smaller_ones_use(small: Supernet):
    before = {e: small.subnet(uniform(64, 7, e, 4))(pixels()) for e in (3, 4, 6)}
    sort_channels(small)
    after = {e: small.subnet(uniform(64, 7, e, 4))(pixels()) for e in (3, 4, 6)}
    assert (before[6] - after[6]).abs().max() <= 1e-5
    assert (before[3] - after[3]).abs().max() > 1e-4
    kept = [
        block.conv.point_linear.conv.conv.weight.abs().sum((0, 2, 3)) for block in small.blocks[1:]
    ]
    assert all((sums.diff() <= 1e-6).all() for sums in kept)


@torch.no_grad()
def test_sorting_in_the_second_phase_keeps_what_was_trained(small: Supernet):
    before = {e: small.subnet(uniform(64, 7, e, 4))(pixels()) for e in (3, 4, 6)}
    sort_channels(small, kept=(6, 4))
    after = {e: small.subnet(uniform(64, 7, e, 4))(pixels()) for e in (3, 4, 6)}
    assert (before[6] - after[6]).abs().max() <= 1e-5
    assert (before[4] - after[4]).abs().max() <= 1e-5
    assert (before[3] - after[3]).abs().max() > 1e-4


def test_recalibration_averages_batches_by_their_size(small: Supernet):
    network, x = small.subnet(uniform(64, 5, 4, 3)), pixels(6)
    norm = network.first_conv.bn
    assert recalibrate(network, [x[:4], x[4:]]) == 6
    with torch.no_grad():
        seen = network.first_conv.conv(x)
    parts = [seen[:4].var((0, 2, 3), unbiased=False), seen[4:].var((0, 2, 3), unbiased=False)]
    assert torch.allclose(norm.running_mean, seen.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(norm.running_var, (4 * parts[0] + 2 * parts[1]) / 6, atol=1e-5)
    assert not network.training
    assert norm.momentum == 0.1


def test_recalibration_without_pictures_changes_nothing(small: Supernet):
    network = small.subnet(smallest(64))
    before = {name: t.clone() for name, t in network.state_dict().items()}
    assert recalibrate(network, []) == 0
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())


def test_channels_are_multiples_of_eight_and_never_lose_a_tenth():
    assert [make_divisible(v) for v in (3, 12, 20, 40.0, 56, 108)] == [8, 16, 24, 40, 56, 112]
    assert all(make_divisible(v) >= 0.9 * v for v in range(1, 500))


@torch.no_grad()
def test_what_is_left_out_at_first_changes_nothing_when_it_comes_in():
    torch.manual_seed(0)
    network = Supernet(5, 0.25).eval()
    network.start_small(3, 2)
    network.use(uniform(64, 3, 6, 2))
    small = network.features(pixels())
    for kernel, depth in ((5, 3), (7, 4)):
        network.use(uniform(64, kernel, 6, depth))
        assert torch.allclose(network.features(pixels()), small, rtol=1e-3, atol=1e-5)


@torch.no_grad()
def test_without_it_a_larger_kernel_and_more_blocks_change_the_features():
    torch.manual_seed(0)
    network = Supernet(5, 0.25).eval()
    network.use(uniform(64, 3, 6, 2))
    small = network.features(pixels())
    network.use(uniform(64, 7, 6, 2))
    wider = network.features(pixels())
    network.use(uniform(64, 3, 6, 4))
    assert not torch.allclose(wider, small, rtol=1e-2, atol=1e-4)
    assert not torch.allclose(network.features(pixels()), small, rtol=1e-2, atol=1e-4)


def test_training_a_subnet_moves_only_the_statistics_of_its_channels(small: Supernet):
    small.train().use(smallest(64))
    norm = small.blocks[1].conv.depth_conv.bn.bn
    before = norm.running_mean.clone()
    small(pixels(4)).sum().backward()
    moved = norm.running_mean != before
    used = small.subnet(smallest(64)).blocks[1].conv.depth_conv.bn.bn.num_features
    assert moved[:used].all()
    assert not moved[used:].any()
    assert not norm.weight.grad[used:].any()


@torch.no_grad()
def test_the_stages_in_order_are_the_network(small: Supernet):
    network, x = small.subnet(uniform(64, 5, 4, 3)), pixels()
    for _, part in network.stages():
        x = part(x)
    assert x.shape == (2, network.width)
    assert torch.equal(network.classifier(x), network(pixels()))


# Architectures.


def test_an_architecture_prints_and_is_read_again():
    for architecture in some_architectures(20):
        assert Architecture.parse(str(architecture)) == architecture
        full = [(ks + (3,) * 4)[:4] for ks in architecture.kernels]
        expands = [(es + (3,) * 4)[:4] for es in architecture.expands]
        lists = [[v for stage in part for v in stage] for part in (full, expands)]
        again = Architecture.of_lists(*lists, list(architecture.depths), architecture.resolution)
        assert again == architecture
        assert hash(again) == hash(architecture)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "64",
        "64: 33/33",
        "64: 93/33 33/33 33/33 33/33 33/33",
        "64: 3/3 33/33 33/33 33/33 33/33",
        "64: 333/33 33/33 33/33 33/33 33/33",
        "16: 33/33 33/33 33/33 33/33 33/33",
        "a: 33/33 33/33 33/33 33/33 33/33",
        "64: 33/33 33/33 33/33 33/33 33/ab",
    ],
)
def test_what_is_no_architecture_is_refused(text: str):
    with pytest.raises(BadSetting, match="no architecture"):
        Architecture.parse(text)


@pytest.fixture
def space() -> Space:
    return Space((48, 64, 96))


def test_genes_stand_for_architectures(space: Space):
    rng = np.random.default_rng(0)
    found = space.decode(space.random(200, rng))
    assert space.decode(space.encode(found)) == found
    assert {a.resolution for a in found} == {48, 64, 96}
    assert {d for a in found for d in a.depths} == {2, 3, 4}
    assert space.smallest() in space
    assert largest(128) not in space


def test_mutants_differ_little_and_children_have_only_their_parents_genes(space: Space):
    rng = np.random.default_rng(0)
    one, two = space.random(500, rng), space.random(500, rng)
    differ = (space.mutated(one, rng, 0.1) != one).mean()
    assert 0.05 < differ < 0.075  # a tenth are drawn anew, and two thirds of those change
    child = space.crossed(one, two, rng)
    assert ((child == one) | (child == two)).all()
    assert 0.4 < (child == one)[one != two].mean() < 0.6


def test_codes_for_predictors_are_equal_exactly_for_equal_networks(space: Space):
    genes = space.random(300, np.random.default_rng(0))
    codes, found = space.encoded(genes), space.decode(genes)
    assert codes.shape == (300, 121)
    same = space.encoded(space.encode(found))
    assert np.array_equal(codes, same)
    assert (codes[:, :-1].sum(1) == [2 * sum(a.depths) for a in found]).all()


# Files.


def test_written_weights_come_back_to_half_precision(tmp_path: Path, small: Supernet):
    write_weights(small, tmp_path / "net.safetensors", {"use_size": 64})
    again, facts = read_weights(tmp_path / "net.safetensors")
    assert facts["use_size"] == "64"
    for name, tensor in small.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor.half().to(tensor.dtype)), name


def test_weights_that_are_no_number_or_no_weights_are_refused(tmp_path: Path, small: Supernet):
    path = tmp_path / "net.safetensors"
    with torch.no_grad():
        small.first_conv.conv.weight[0] = float("nan")
    write_weights(small, path, {"use_size": 64})
    with pytest.raises(UnusableWeights, match=r"no number: first_conv\.conv\.weight"):
        read_weights(path)
    for content in (b"", b"<html>", path.read_bytes()[:5000]):
        path.write_bytes(content)
        with pytest.raises(UnusableWeights, match="install Espalier again"):
            read_weights(path)


@torch.no_grad()
def test_a_subnets_file_is_the_subnet_and_knows_where_it_came_from(small: Supernet):
    architecture = some_architectures(1)[0]
    network = small.subnet(architecture)
    recalibrate(network, [pixels(8, architecture.resolution)])
    origin = Origin("embedded", "", 64, "abc", "Free.")
    content = subnet_bytes(network, architecture, origin)
    backbone = read_subnet(content)
    x = pixels(2, architecture.resolution)
    assert torch.equal(backbone.below()(x), network.features(x))
    assert origin_of(backbone.facts) == origin
    assert backbone.facts["architecture"] == str(architecture)
    assert backbone.preprocessing.size == architecture.resolution
    for broken in (b"", content[:3000], content[:-10]):
        with pytest.raises(UnusableWeights, match="under Specialise again"):
            read_subnet(broken)


def test_the_embedded_backbone_gives_finite_features_of_its_width():
    backbone = embedded_backbone()
    noise = pixels(1, backbone.preprocessing.size)
    features = backbone.below()(torch.cat([noise, torch.ones_like(noise), noise.cumsum(2) / 8]))
    assert features.shape == (3, backbone.width) == (3, 640)
    assert features.isfinite().all()
    assert torch.pdist(features).min() > 1  # it tells such different images apart
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


def test_a_plain_network_can_be_made_of_any_architecture():
    architecture = some_architectures(1)[0]
    assert MobileNet(7, 0.25, architecture).eval()(pixels(1)).shape == (1, 7)

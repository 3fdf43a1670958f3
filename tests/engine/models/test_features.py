"""Moments of an earlier stage beside a network's pooled features."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.errors import BadSetting, UnusableWeights
from engine.models.backbone import Backbone, Stage
from engine.models.backbones import BACKBONES, load_backbone, untrained, usual_features
from engine.models.branches import clone_of, grown, plain
from engine.models.elastic.blocks import blocks_of, shaped, widths_of
from engine.models.extractor import Extractor
from engine.models.features import BASES, KINDS, in_words, with_features
from engine.models.growth import MOMENTS, POOLED, STAGES, Growth, Kind, growth_of
from engine.models.provenance import Origin
from engine.models.tuned import as_tuned, facts_for, load_tuned, tuned_bytes
from tests.helpers import networks

EVERYTHING = f"{MOMENTS}-roots-mirror"
pytestmark = pytest.mark.usefixtures("one_thread")
ORIGIN = Origin("mobilenet_v3_small", "", 64, "", "")
NAMES = ("efficientnet_lite0", "mobilenet_v2", "mobilenet_v3_small", "resnet18", "squeezenet1_1")
"""Networks whose last stage has layers, and such as only pool there."""


def made(name: str, size: int = 64) -> Backbone:
    torch.manual_seed(0)
    return untrained(name, size)


def looked(network: Backbone, x: Tensor) -> Tensor:
    with torch.inference_mode():
        return network.below().eval()(x)


def images(size: int = 64) -> Tensor:
    return torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(1))


def by_hand(network: Backbone, x: Tensor, scale: float = 0.4) -> Tensor:
    """Pooled features, and the moments that numpy makes of what came to the last stage but one."""
    given = []
    with torch.inference_mode():
        for stage in network.stages:
            x = stage.module.eval()(x)
            given.append(x.numpy())
    maps = given[-3].astype(np.float64)
    moments = [scale * maps.mean((2, 3)), scale * np.sqrt(maps.var((2, 3)) + 1e-5)]
    return torch.from_numpy(np.concatenate([given[-1], *moments], axis=1).astype(np.float32))


@pytest.mark.parametrize(("kind", "scale"), [(MOMENTS, 0.4), (STAGES, 2.0)])
@pytest.mark.parametrize("name", NAMES)
def test_the_moments_stand_beside_the_features_that_were_there(
    name: str, kind: str, scale: float
) -> None:
    network = made(name)
    wide = with_features(network, kind)

    found, expected = looked(wide, images()), by_hand(network, images(), scale)

    assert found.shape == expected.shape == (3, wide.width)
    assert torch.equal(found[:, : network.width], expected[:, : network.width]), "to the bit"
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert wide.width > network.width
    assert wide.digest != network.digest


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet18"])
def test_it_can_be_cut_after_each_stage(name: str) -> None:
    wide = with_features(made(name), MOMENTS)
    whole = looked(wide, images())
    for cut in wide.cuts[:-1]:
        with torch.inference_mode():
            below = wide.below(cut).eval()(images())
            assert torch.equal(wide.above(cut).eval()(below), whole), cut


def test_an_odd_size_changes_nothing() -> None:
    network = made("efficientnet_lite0", 75)
    found = looked(with_features(network, MOMENTS), images(75))
    assert torch.allclose(found, by_hand(network, images(75)), rtol=1e-5, atol=1e-6)


def test_onnx_runtime_gives_the_same_and_the_cache_tells_them_apart() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    network = made("efficientnet_lite0")
    both = [Extractor(with_features(network, kind)) for kind in BASES]

    pooled, wide = (extractor(pixels, 2) for extractor in both)

    assert not any(extractor.notices for extractor in both)
    assert wide.shape == (5, 2, both[1].backbone.width)
    assert np.allclose(wide[..., : pooled.shape[-1]], pooled, atol=1e-5)
    assert both[0].key != both[1].key


def signed() -> Backbone:
    """A small network whose features have either sign."""
    network = networks.with_last_layer(networks.backbone())
    last = nn.Sequential(*(m for m in network.stages[-1].module if not isinstance(m, nn.ReLU)))
    return replace(network, stages=[*network.stages[:-1], Stage("features", last)])


def small_images(count: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("make", [networks.backbone, signed])
@pytest.mark.parametrize("base", BASES)
def test_roots_are_of_each_feature_with_its_sign(make: Callable[[], Backbone], base: str) -> None:
    plain, rooted = (with_features(make(), kind) for kind in (base, f"{base}-roots"))
    x = torch.randn(3, 3, networks.SIZE, networks.SIZE)
    before, found = looked(plain, x).double(), looked(rooted, x).double()
    assert bool((before < 0).any()) == (make is signed)
    expected = before.sign() * ((before.abs() + 1e-4).sqrt() - 1e-2)
    assert torch.allclose(found, expected, atol=1e-6)
    assert (rooted.width, rooted.moments) == (plain.width, plain.moments)
    assert rooted.digest != plain.digest


def test_roots_have_a_slope_where_a_feature_is_nothing() -> None:
    rooted = with_features(signed(), f"{MOMENTS}-roots").stages[-1].module
    x = torch.zeros(2, 12 + 16, 4, 4, requires_grad=True)
    rooted(x).sum().backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())
    assert float(x.grad[:, 12:].abs().min()) > 0


@pytest.mark.parametrize("views", [1, 2])
def test_the_mirror_image_counts_as_much_as_the_image(views: int) -> None:
    pixels, once = small_images(), Extractor(with_features(signed(), f"{MOMENTS}-roots"))
    twice = Extractor(with_features(signed(), EVERYTHING))
    mirrored = np.ascontiguousarray(pixels[:, :, ::-1])

    found = twice(pixels, views)

    assert not twice.notices
    expected = (once(pixels, views) + once(mirrored, views)) / 2
    assert np.allclose(found, expected, atol=1e-5)
    assert np.allclose(found, twice(mirrored, views), atol=1e-5)
    assert np.allclose(found, twice.by_pytorch(pixels, views), atol=1e-5)
    assert np.abs(found - once(pixels, views)).max() > 1e-3
    assert twice.key != once.key


def test_below_the_features_there_is_one_image() -> None:
    both = [
        Extractor(with_features(signed(), kind), cut="middle") for kind in (MOMENTS, EVERYTHING)
    ]
    one, other = (extractor(small_images()) for extractor in both)
    assert np.array_equal(one, other)


def test_each_kind_has_its_name_and_its_words() -> None:
    kinds = [Kind.parse(name) for name in KINDS]
    assert [kind.name for kind in kinds] == list(KINDS)
    assert len({with_features(signed(), name).digest for name in KINDS}) == len(KINDS)
    assert len({in_words(name) for name in KINDS}) == len(KINDS)
    assert in_words(POOLED) == ""
    for name in ("", "moments-", "roots", "moments-mirror-roots", "moments-roots-roots"):
        with pytest.raises(BadSetting, match="pooled or moments, with -roots, -mirror"):
            with_features(signed(), name)


def test_transformers_have_no_maps_to_take_moments_of() -> None:
    with pytest.raises(BadSetting, match="last stage only"):
        with_features(made("vit_b_16", 64), MOMENTS)


def test_what_is_no_kind_of_features_is_refused_with_those_that_are() -> None:
    with pytest.raises(BadSetting, match="pooled or moments"):
        load_backbone("efficientnet_lite0", size=64, features="all")


def test_weights_have_the_same_names_and_gradients_reach_them_all() -> None:
    network = made("efficientnet_lite0")
    wide = with_features(network, MOMENTS)
    for before, after in zip(network.stages, wide.stages, strict=True):
        assert list(before.module.state_dict()) == list(after.module.state_dict())
    wide.below().train()(images()).square().sum().backward()
    assert all(p.grad is not None for stage in wide.stages for p in stage.module.parameters())


@pytest.mark.parametrize("kind", [MOMENTS, EVERYTHING])
def test_a_tuned_network_comes_back_with_its_features(kind: str) -> None:
    network = made("mobilenet_v3_small")
    widths = {place: width // 2 for place, width in list(widths_of(network.stages).items())[-2:]}
    small = with_features(replace(network, stages=shaped(network.stages, widths)), kind)
    growth = Growth(narrowed=widths, features=kind)

    again = load_tuned(network, tuned_bytes(small.stages, ORIGIN, growth))

    assert growth_of(again) == growth
    assert again.mirror == small.mirror == (kind == EVERYTHING)
    assert torch.equal(looked(again, images()), looked(small, images()))
    known = as_tuned(small, facts_for(ORIGIN, growth))
    assert again.digest == known.digest
    as_before = load_tuned(network, tuned_bytes(small.stages, ORIGIN, growth), POOLED)
    assert as_before.width == network.width
    assert as_before.digest != again.digest
    assert not as_before.mirror
    if kind == MOMENTS:
        assert torch.equal(looked(as_before, images()), looked(small, images())[:, : network.width])


@pytest.mark.parametrize("kind", [MOMENTS, EVERYTHING])
def test_branches_stand_beside_the_moments_and_can_be_taken_away_again(kind: str) -> None:
    network = with_features(networks.with_last_layer(networks.backbone()), kind)
    x = torch.randn(2, 3, networks.SIZE, networks.SIZE)
    for cut in network.cuts[:-1]:
        clone = clone_of(network, cut)
        for weights in clone.parameters():
            weights.data += 0.1
        more = grown(network, cut, clone, [1])
        assert more.width == 2 * network.width
        found = looked(more, x)
        assert torch.equal(found[:, : network.width], looked(network, x)), "the original's"
        assert not torch.equal(found[:, network.width :], found[:, : network.width])
        assert torch.equal(looked(plain(more), x), looked(network, x))
        extractor, pixels = Extractor(more), small_images()
        by_onnx, by_pytorch = extractor(pixels), extractor.by_pytorch(pixels, 1)
        own = Extractor(network)(pixels)
        assert np.allclose(by_onnx[..., : network.width], own, atol=1e-5), "mirrored, too"
        assert not extractor.notices
        assert np.allclose(by_onnx, by_pytorch, atol=1e-5)


def test_the_blocks_of_a_network_are_found_inside() -> None:
    network = made("efficientnet_lite0")
    assert list(blocks_of(with_features(network, MOMENTS).stages)) == list(
        blocks_of(network.stages)
    )


def test_files_of_before_have_pooled_features_and_broken_ones_are_told() -> None:
    assert "features" not in json.loads(Growth(adapters=3).text)
    assert Growth.parse(Growth(adapters=3).text).features == POOLED
    network = networks.backbone()
    text = json.dumps({"adapters": 0, "branches": [], "features": "all"})
    content = tuned_bytes(network.stages, ORIGIN, Growth(), {"growth": text})
    with pytest.raises(UnusableWeights, match="damaged"):
        load_tuned(network, content)


def test_what_is_usual_can_be_had() -> None:
    for name in BACKBONES:
        assert usual_features(name) in KINDS
        if usual_features(name) == MOMENTS:
            assert with_features(made(name, 64), MOMENTS).width > made(name, 64).width


def test_a_module_that_is_no_chain_can_carry_moments_too() -> None:
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([x, x], dim=1)

    network = networks.backbone()
    stages = [*network.stages]
    stages[-2] = replace(stages[-2], module=Twice())
    network = replace(network, stages=stages, width=16)
    x = torch.randn(2, 3, networks.SIZE, networks.SIZE)
    found = looked(with_features(network, MOMENTS), x)
    assert torch.allclose(found, by_hand(network, x), atol=1e-6)

"""What an elastic network leaves on disk: narrowed weights, and what was measured of the whole."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from engine.errors import UnusableWeights
from engine.models.backbone import Backbone
from engine.models.backbones import untrained
from engine.models.elastic.blocks import shaped, widths_of
from engine.models.elastic.calibration import Calibration
from engine.models.elastic.costs import BlockCosts, scaled
from engine.models.growth import Growth
from engine.models.provenance import Origin
from engine.models.tuned import load_tuned, tuned_bytes

pytestmark = pytest.mark.usefixtures("one_thread")
ORIGIN = Origin("mobilenet_v3_small", "", 32, "", "")


@pytest.fixture(scope="module")
def network() -> Backbone:
    torch.manual_seed(0)
    return untrained("mobilenet_v3_small", 32)


def some_widths(network: Backbone) -> dict[str, int]:
    """Two blocks, narrower."""
    found = list(widths_of(network.stages).items())
    return {place: width // 2 for place, width in (found[0], found[-1])}


def test_a_narrowed_network_comes_back_from_its_file(network: Backbone) -> None:
    widths = some_widths(network)
    small = replace(network, stages=shaped(network.stages, widths))

    again = load_tuned(network, tuned_bytes(small.stages, ORIGIN, Growth(narrowed=widths)))

    assert {p: w for p, w in widths_of(again.stages).items() if p in widths} == widths
    x = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(again.below().eval()(x), small.below().eval()(x))
    assert widths_of(network.stages) != widths_of(again.stages), "the whole one stays"


@pytest.mark.parametrize("width", [0, -1, 10_000])
def test_a_width_that_no_block_has_is_damage(network: Backbone, width: int) -> None:
    place = next(iter(widths_of(network.stages)))
    content = tuned_bytes(network.stages, ORIGIN, Growth(narrowed={place: width}))
    with pytest.raises(UnusableWeights, match="damaged"):
        load_tuned(network, content)


def test_a_block_that_is_not_there_is_damage(network: Backbone) -> None:
    content = tuned_bytes(network.stages, ORIGIN, Growth(narrowed={"stage9.0": 8}))
    with pytest.raises(UnusableWeights, match="damaged"):
        load_tuned(network, content)


def test_files_of_before_tell_nothing_of_narrower_blocks() -> None:
    assert "narrowed" not in json.loads(Growth(adapters=8).text)
    assert Growth.parse(Growth(adapters=8).text).narrowed == {}
    assert Growth.parse(Growth(narrowed={"a.0": 8}).text).narrowed == {"a.0": 8}


def test_what_was_measured_comes_back_and_damage_is_nothing() -> None:
    orders = {"a.0": torch.tensor([2, 0, 1]), "b.0": torch.tensor([1, 0])}
    errors = {"a.0": {1.0: 0.0, 0.5: 0.25}, "b.0": {1.0: 0.0, 0.5: 0.125}}
    made = Calibration(orders, errors, frozenset({"0123456789ab"}))

    again = Calibration.parse(made.content())

    assert again is not None
    assert again.errors == errors
    assert all(torch.equal(again.orders[p], order) for p, order in orders.items())
    assert again.fits(["0123456789abcdef", "another image"])
    assert not again.fits(["0123456789abcdef", "another image", "a third one"])
    assert Calibration.parse(made.content()[:-9]) is None
    assert Calibration.parse(b"") is None


def test_costs_between_timed_shares_lie_on_a_line() -> None:
    costs = BlockCosts({"a": {1.0: 4.0, 0.5: 2.0, 0.25: 1.5}}, rest=1.0)
    assert costs.of("a", 0.75) == 3.0
    assert costs.total({}) == 5.0
    assert costs.total({"a": 0.5}) == 3.0
    assert costs.least == 2.5


def test_blocks_never_take_more_than_the_network_that_they_are_in() -> None:
    found = scaled({"a": {1.0: 6.0, 0.5: 3.0}, "b": {1.0: 6.0, 0.5: 4.0}}, whole_ms=10.0)
    assert found.total({}) == pytest.approx(10.0)
    assert found.rest == pytest.approx(1.0)
    assert found.of("b", 0.5) == pytest.approx(4.0 * 9 / 12)
    assert scaled({"a": {1.0: 6.0}}, whole_ms=10.0).rest == pytest.approx(4.0)

"""Networks that few images judged are told apart by what is known of such networks, too."""

from __future__ import annotations

import pytest

from engine.search.elastic.likely import expected_of, likely
from engine.search.elastic.networks import published

NARROW = "net 128: 50 50"
FEWER, FEW, MANY = {"accuracy": 50}, {"accuracy": 200}, {"accuracy": 10**6}


def known(**accuracies: float) -> dict[str, dict[str, float]]:
    return {f"net {name[1:]}": {"accuracy": share} for name, share in accuracies.items()}


def best(found: dict[str, float]) -> str:
    return max(found, key=lambda text: found[text])


def test_by_few_images_a_larger_resolution_is_expected_to_be_better() -> None:
    measured = known(_96=0.81, _128=0.80)
    assert best(expected_of(measured, "net", FEWER, "pooled")) == "net 128"


def test_by_many_images_what_was_measured_counts() -> None:
    measured = known(_96=0.81, _128=0.80)
    found = expected_of(measured, "net", MANY, "stages")
    assert best(found) == "net 96"
    assert found == pytest.approx({"net 96": 0.81, "net 128": 0.80}, abs=1e-3)


def test_what_the_features_lost_counts() -> None:
    measured = {NARROW: {"accuracy": 0.8, "lost": 1.0}, "net 128": {"accuracy": 0.8}}
    assert best(expected_of(measured, "net", FEWER, "pooled")) == "net 128"
    for features in ("pooled", "stages"):
        assert likely(128, 0.0, features) > likely(128, 0.5, features) > likely(64, 0.5, features)
    gain = {kind: likely(128, 0.0, kind) - likely(64, 0.0, kind) for kind in ("pooled", "stages")}
    assert gain["pooled"] > gain["stages"] > 0


def test_another_network_is_believed_sooner() -> None:
    measured = {"net 128": {"accuracy": 0.80}, "other 128": {"accuracy": 0.86}}
    mine = expected_of(measured, "net", FEW, "pooled")
    theirs = expected_of(measured, "other", FEW, "pooled")
    assert mine["other 128"] > theirs["other 128"]
    assert mine["net 128"] > theirs["net 128"]


def test_of_two_that_few_images_find_as_good_the_better_known_is_expected() -> None:
    measured = {"net 128": {"accuracy": 0.8}, "other 128": {"accuracy": 0.81}}
    worse = {"net": 0.75, "other": 0.71}
    assert best(expected_of(measured, "net", FEW, "stages")) == "other 128"
    assert best(expected_of(measured, "net", FEW, "stages", worse)) == "net 128"
    found = expected_of(measured, "net", MANY, "stages", worse)
    assert best(found) == "other 128", "by many images what was measured counts"
    alone = {"other": 0.71}
    told = expected_of(measured, "net", FEW, "stages", alone)
    assert told == expected_of(measured, "net", FEW, "stages"), "nothing is known of one of them"


def test_images_learnt_from_count_too_each_left_out() -> None:
    """They are more, and harder or easier for all alike."""
    measured = {
        NARROW: {"accuracy": 0.77, "left_out": 0.90, "lost": 0.2},
        "net 96": {"accuracy": 0.79, "left_out": 0.86},
    }
    assert best(expected_of(measured, "net", FEW, "stages")) == "net 96"
    assert best(expected_of(measured, "net", {**FEW, "left_out": 800}, "stages")) == NARROW
    found = expected_of(measured, "net", {**MANY, "left_out": 1}, "stages")
    assert found == pytest.approx({NARROW: 0.77, "net 96": 0.79}, abs=1e-3)


def test_what_was_measured_before_they_counted_is_compared_by_what_both_have() -> None:
    measured = {
        "net 96": {"accuracy": 0.80},
        "net 128": {"accuracy": 0.80, "left_out": 0.70},
        "net 160": {"accuracy": 0.80, "left_out": 0.71},
    }
    told = expected_of(measured, "net", {**FEW, "left_out": 10**6}, "stages")
    without = expected_of(measured, "net", FEW, "stages")
    assert told["net 96"] == pytest.approx(without["net 96"])
    assert abs(told["net 128"] - told["net 96"]) < 0.03, "0.70 is no worse than 0.80 of others"


def test_what_was_published_at_more_pixels_is_told_as_if_it_had_been_at_as_many() -> None:
    """76.7 % at 240 pixels: twice as many bring ten points, so that these brought one."""
    found = published(["efficientnet_lite1", "mobilenet_v2", "of my own"])
    assert found == pytest.approx({"efficientnet_lite1": 0.757, "mobilenet_v2": 0.719}, abs=5e-4)


def test_nothing_is_expected_of_nothing() -> None:
    assert expected_of({}, "net", {"accuracy": 10}, "pooled") == {}

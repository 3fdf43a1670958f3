"""A network that comes in one size is made elastic on a project's images, narrowed and used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import BadSetting, Refused, UnusableWeights
from engine.events import Candidate, Progress
from engine.jobs import run
from engine.models.backbones import untrained
from engine.models.elastic.architecture import ElasticArchitecture, is_elastic
from engine.models.features import with_features
from engine.models.growth import growth_of
from engine.session import Session
from engine.storage import subnet_results
from tests.helpers import image_files
from tests.helpers.elastic import (
    KIND,
    NETWORK,
    SIZE,
    at_an_even_pace,
    copy_of,
    done,
    folders,
    learnt,
    quick,
    searched,
    session,
    whole_macs,
)

__all__ = ["folders", "learnt", "quick", "session"]  # fixtures
pytestmark = pytest.mark.usefixtures("one_thread")
NARROWED = f"{NETWORK} {SIZE}: " + " ".join(["50"] * 10)
"""Half of each block's middle."""


@pytest.fixture(scope="module", autouse=True)
def even_pace() -> Iterator[None]:
    """Nothing is timed here; gestures/make_elastic_test.py does that."""
    with at_an_even_pace():
        yield


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, learnt: Path) -> tuple[Path, dict[str, Any]]:
    """The same after a search, and what it found."""
    folder = tmp_path_factory.mktemp("found")
    made = copy_of(learnt, folder)
    result, _ = searched(made)
    made.close()
    return folder / learnt.name, result


@pytest.fixture
def after(tmp_path: Path, found: tuple[Path, dict[str, Any]]) -> Iterator[Session]:
    """A project after a search."""
    made = copy_of(found[0], tmp_path)
    yield made
    made.close()


def test_a_narrower_network_is_found_used_and_taken_back(after: Session) -> None:
    whole, most = after.backbone(), whole_macs(after)

    result, events = searched(after, use=True)

    wanted = ElasticArchitecture.parse(result["architecture"])
    assert wanted.network == NETWORK
    assert min(wanted.shares) < 100
    assert result["macs"] / 1e6 <= 0.97 * most
    assert {e.architecture for e in events if isinstance(e, Candidate)} >= {str(wanted)}
    narrower = after.backbone()
    assert sum(p.numel() for s in narrower.stages for p in s.module.parameters()) < sum(
        p.numel() for s in whole.stages for p in s.module.parameters()
    )
    assert after.network_title() == "MobileNetV3-Small, narrower"
    assert (narrower.width, growth_of(narrower).features) == (whole.width, KIND)
    found, _ = done(after, "candidates")
    assert found["elastic"]
    assert found["ready"]
    assert found["in_use"] == str(wanted)
    assert {row["architecture"] for row in found["rows"]} >= {str(wanted), f"{NETWORK} {SIZE}"}

    done(after, "undo")

    assert after.backbone().digest == whole.digest


def test_a_narrower_network_is_the_same_after_a_restart(after: Session) -> None:
    searched(after, use=True)
    path, narrower = after.require().path, after.backbone()
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    expected = after.extractor()(pixels)
    after.close()
    again = Session()

    done(again, "open_project", path=str(path))

    assert again.backbone().digest == narrower.digest
    assert np.array_equal(again.extractor()(pixels), expected)
    again.close()


def test_the_whole_network_stays_as_it_is_to_the_bit(after: Session) -> None:
    from engine.search.elastic.networks import network_of, root_of

    x, before = torch.randn(2, 3, SIZE, SIZE), after.backbone()
    searched(after, use=True)
    root = root_of(after)
    with torch.inference_mode():
        again = with_features(network_of(after.require(), root, SIZE), KIND)
        assert torch.equal(again.below()(x), before.below()(x))


def test_what_was_measured_is_kept(after: Session, found: tuple[Path, dict[str, Any]]) -> None:
    first = found[1]
    again, events = searched(after)
    assert again["architecture"] == first["architecture"]
    assert again["accuracy"] == first["accuracy"]
    doing = {e.doing for e in events if isinstance(e, Progress)}
    assert not any("elastic" in text or "Fitting" in text for text in doing)


def test_a_search_that_was_stopped_goes_on_and_leaves_the_project_as_it_was(
    session: Session,
) -> None:
    before = session.require().facts
    stopped = run(session, "specialise", {"resolutions": [SIZE], "macs": whole_macs(session)})
    for event in stopped:
        if isinstance(event, Progress) and event.doing.startswith("Fitting"):
            break
    stopped.close()
    assert session.require().facts == before
    found, _ = done(session, "candidates")
    assert found["ready"], "that it was made elastic was kept"

    result, events = searched(session)

    assert result["architecture"]
    assert not any("elastic" in e.doing for e in events if isinstance(e, Progress))


def test_images_of_another_kind_ask_for_another_measurement(after: Session, tmp_path: Path) -> None:
    more = image_files.class_folders(tmp_path / "more", dict.fromkeys("defgh", 30))
    done(after, "learn_folder", paths=[str(more)])
    found, _ = done(after, "candidates")
    assert not found["ready"]


def test_a_target_that_nothing_meets_is_refused_at_once(session: Session) -> None:
    with pytest.raises(Refused, match="No network meets this target: the smallest one takes"):
        done(session, "specialise", latency_ms=0.0001, resolutions=[SIZE])
    known = subnet_results.stored(session.require(), f"calibration|{session.backbone().digest}")
    assert not known, "nothing was measured on images"


def test_limits_of_size_are_kept_or_refused_at_once(after: Session) -> None:
    result, _ = done(after, "specialise", parameters=1.2, resolutions=[SIZE])
    assert result["params"] <= 1.2e6
    with pytest.raises(Refused, match=r"yours has at least [\d,]+ parameters"):
        done(after, "specialise", parameters=0.01, resolutions=[SIZE])


def test_others_that_are_too_large_take_no_part_of_the_budget(session: Session) -> None:
    result, events = searched(session, budget=2)
    tried = {e.architecture for e in events if isinstance(e, Candidate)}
    assert tried == {f"{NETWORK} {SIZE}", result["architecture"]}
    assert min(ElasticArchitecture.parse(result["architecture"]).shares) < 100


def test_a_tuned_network_is_narrowed_and_found_again(session: Session) -> None:
    done(session, "tune", preset="quick", settings={"epochs": 1}, adopt="always")
    tuned = session.backbone()

    result, _ = searched(session, use=True)

    assert result["architecture"].startswith("tuned ")
    assert session.network_title() == "MobileNetV3-Small, narrower, tuned"
    found, _ = done(session, "candidates")
    assert found["in_use"] == result["architecture"]
    again, _ = done(session, "use_subnet", architecture=f"tuned {SIZE}")
    assert again["architecture"] == f"tuned {SIZE}"
    assert session.backbone().digest == tuned.digest


def test_a_narrower_network_is_exported_and_the_project_stays(
    after: Session, found: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    result, before = found[1], after.require().facts
    file = tmp_path / "narrow.onnx"
    settings = {"architecture": result["architecture"], "path": str(file)}
    receipt, _ = done(after, "export_subnet", **settings)
    assert file.is_file()
    assert receipt["classes"] == ["apple", "banana", "cherry"]
    card = file.with_suffix(".md").read_text("utf-8")
    assert "Network: MobileNetV3-Small, narrower, weights" in card
    assert "of MobileNetV3-Small were narrowed on the project's images, without training: `" in card
    assert after.require().facts == before


def test_details_name_each_block_and_class(
    after: Session, found: tuple[Path, dict[str, Any]]
) -> None:
    result = found[1]
    details, _ = done(after, "candidate", architecture=result["architecture"])
    shares = ElasticArchitecture.parse(result["architecture"]).shares
    assert sum(map(len, details["stages"])) == len(shares)
    assert set(details["per_class"]) == {"apple", "banana", "cherry"}
    whole, _ = done(after, "candidate", architecture=f"{NETWORK} {SIZE}")
    widest = [block["expand"] for stage in whole["stages"] for block in stage]
    narrower = [block["expand"] for stage in details["stages"] for block in stage]
    assert all(narrow <= wide for narrow, wide in zip(narrower, widest, strict=True))
    with pytest.raises(Refused, match="not measured"):
        done(after, "candidate", architecture=NARROWED.replace("50", "99"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"searcher": "random"}, "for networks that hold many sizes"),
        ({"table": "pi"}, "for networks that hold many sizes"),
        ({"resolutions": [16]}, "takes no images of these sizes"),
        ({"latency_ms": -1}, "above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(
    session: Session, options: dict[str, Any], words: str
) -> None:
    with pytest.raises((Refused, BadSetting), match=words):
        done(session, "specialise", **options)


def test_a_network_of_another_kind_says_which_can_be_made_smaller(
    session: Session, tmp_path: Path
) -> None:
    other = image_files.weights(tmp_path / "other.safetensors")
    done(session, "use_backbone", weights=str(other), size=SIZE)
    found, _ = done(session, "candidates")
    assert not found["elastic"]
    assert found["fixed"]
    assert "comes in one size" in found["why"]
    with pytest.raises(Refused, match="MobileNet can be made smaller"):
        done(session, "specialise", latency_ms=1)


def test_too_few_images_are_no_fault_of_the_network(session: Session) -> None:
    done(session, "remove_class", name="banana")
    done(session, "remove_class", name="cherry")
    found, _ = done(session, "candidates")
    assert not found["fixed"]
    assert "too little to measure networks with" in found["why"]


@pytest.mark.parametrize("text", ["", "{", "1", '["a", "b"]', '["a", "b", "c"]'])
def test_a_narrowed_network_that_does_not_say_what_it_was_is_told_as_damaged(text: str) -> None:
    from engine.search.elastic.networks import WHOLE, whole_of

    narrowed = replace(untrained(NETWORK, SIZE), facts={WHOLE: text})
    with pytest.raises(UnusableWeights, match="what it was made of"):
        whole_of(narrowed)


def test_an_architecture_is_a_line_of_text() -> None:
    made = ElasticArchitecture("net", 96, (100, 50, 25))
    assert str(made) == "net 96: 100 50 25"
    assert ElasticArchitecture.parse(str(made)) == made
    assert ElasticArchitecture.of("net", 96, [1.0, 1.0]) == ElasticArchitecture("net", 96)
    assert ElasticArchitecture.parse("net 96") == ElasticArchitecture("net", 96)
    assert made.by_place("abc") == {"a": 1.0, "b": 0.5, "c": 0.25}
    for broken in ("", "net", "net x", "net 96:", "net 96: 0 50", "net 96: 101", "96: 3/3"):
        with pytest.raises(BadSetting):
            ElasticArchitecture.parse(broken)
    with pytest.raises(BadSetting, match="has 2 blocks"):
        made.by_place("ab")
    assert is_elastic(str(made))
    assert not is_elastic("96: 35/36 753/346")

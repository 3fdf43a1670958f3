"""Supernets as backbones of a project: recognised in files, settled before learning, searched."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import Refused, UnusableWeights
from engine.events import Candidate, Ended, Event, Notice
from engine.jobs import run
from engine.models.backbones import load_backbone
from engine.models.backbones.base import BACKBONES
from engine.models.backbones.once_for_all import load_supernet
from engine.models.supernet.architecture import Architecture, largest, smallest, uniform
from engine.models.supernet.files import write_weights
from engine.models.supernet.supernet import Supernet
from engine.search.latency import files
from engine.session import Session
from engine.system.download import check
from tests.helpers import image_files

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = 32


def supernet(multiplier: float = 0.25) -> Supernet:
    """With statistics as after training, where subnets have shared them."""
    torch.manual_seed(0)
    made = Supernet(5, multiplier).train()
    rng = np.random.default_rng(0)
    for _ in range(3):
        made.use(uniform(SIZE, *(int(rng.choice(c)) for c in ((3, 5, 7), (3, 4, 6), (2, 3, 4)))))
        with torch.no_grad():
            made(torch.randn(8, 3, SIZE, SIZE))
    made.use(largest(SIZE))
    return made.eval()


@pytest.fixture(scope="module")
def own_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "mine.safetensors"
    write_weights(supernet(), path, {"use_size": SIZE})
    return path


def as_official(path: Path, old: bool, **changes: torch.Tensor) -> Path:
    """A torch file as the official ones are: nested, and under older names where asked."""
    state = {**Supernet(1000, 1.0).state_dict(), **changes}
    if old:
        state = {
            k.replace(".conv.", ".mobile_inverted_conv.", 1) if k.startswith("blocks.") else k: v
            for k, v in state.items()
        }
    torch.save({"state_dict": state}, path)
    return path


@pytest.mark.parametrize("old", [False, True], ids=["newer names", "older names"])
def test_an_official_checkpoint_is_recognised_and_its_subnets_are_the_supernets(tmp_path, old):
    torch.manual_seed(0)
    path = as_official(tmp_path / "ofa_mbv3_d234_e346_k357_w1.0", old)
    backbone = load_backbone(weights=path, size=64)
    assert (backbone.name, backbone.width) == ("ofa_w10", 1280)
    found, licence = load_supernet("ofa_w10", path)
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        whole = found.subnet(largest(64)).features(pixels)
        assert torch.equal(backbone.below()(pixels), whole)
    assert "ImageNet" in licence


def test_what_is_wrong_in_a_supernets_file_is_named(tmp_path, own_file):
    bias = torch.full((16,), float("nan"))
    path = as_official(tmp_path / "nan.pth", old=False, **{"first_conv.bn.bias": bias})
    with pytest.raises(UnusableWeights, match=r"not numbers.*first_conv\.bn\.bias"):
        load_backbone(weights=path)
    path = as_official(tmp_path / "cut.pth", old=False, **{"first_conv.bn.bias": torch.zeros(8)})
    with pytest.raises(UnusableWeights, match=r"first_conv\.bn\.bias is 8 and should be 16"):
        load_backbone(weights=path)
    path.write_bytes(own_file.read_bytes()[:4000])
    with pytest.raises(UnusableWeights):
        load_backbone(weights=path)


def test_a_persons_own_supernet_is_recognised_whatever_its_width(own_file):
    backbone = load_backbone(weights=own_file, size=SIZE)
    assert (backbone.name, backbone.width) == ("supernet", 320)
    assert load_supernet("supernet", own_file)[0].multiplier == pytest.approx(0.25, abs=0.03)


def test_a_fixed_network_has_no_subnets():
    with pytest.raises(Refused, match="comes in one size"):
        load_supernet("mobilenet_v2", None)


def test_official_files_are_checked_by_the_digest_that_git_gives_them(tmp_path):
    content = b"weights"
    digest = "git:" + hashlib.sha1(b"blob 7\0" + content).hexdigest()
    part = tmp_path / "w.part"
    part.write_bytes(content)
    check(part, digest, "w")
    assert part.exists()
    with pytest.raises(UnusableWeights, match="thrown away"):
        check(part, BACKBONES.make("ofa_w10").facts()["digest"], "w")
    assert not part.exists()


# In a project.


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_files.class_folders(
        tmp_path_factory.mktemp("pictures"), {"a": 40, "b": 40, "c": 40}
    )


def done(session: Session, name: str, **settings: object) -> tuple[dict, list[Event]]:
    events = list(run(session, name, settings))
    assert isinstance(events[-1], Ended)
    assert events[-1].how == "done", events[-1].text
    return dict(events[-1].result), events


def refused(session: Session, name: str, **settings: object) -> str:
    *_, ended = run(session, name, settings)
    assert ended.how == "refused", ended
    return ended.text


@pytest.fixture
def session(tmp_path, own_file):
    session = Session()
    done(
        session, "new_project", path=str(tmp_path / "p.espalier"), weights=str(own_file), size=SIZE
    )
    yield session
    session.close()


def features(session: Session) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
    return session.extractor()(pixels)


def test_the_first_learning_takes_a_recalibrated_subnet_and_undo_gives_the_supernet_back(
    session, images
):
    mixed = features(session)
    result, _ = done(session, "learn_folder", paths=[str(images)])
    assert result["accuracy"] > 0.4
    facts = session.require().facts
    assert (facts["backbone"], facts["size"]) == ("subnet", SIZE)
    assert session.backbone().facts["architecture"] == str(largest(SIZE))
    assert np.abs(features(session) - mixed).max() > 1e-3
    done(session, "undo")
    assert session.require().facts["backbone"] == "supernet"
    assert np.array_equal(features(session), mixed)


def test_a_subnet_is_used_learnt_and_taken_back_and_the_supernet_survives(
    session, images, tmp_path
):
    done(session, "learn_folder", paths=[str(images)])
    before = done(session, "scores")[0]
    wanted = uniform(48, 5, 4, 3)
    result, _ = done(session, "use_subnet", architecture=str(wanted))
    assert result["accuracy"] > 0.4
    assert session.require().facts["size"] == 48
    path = session.require().path
    session.close()
    done(session, "open_project", path=str(path))  # orphans are swept here
    supernet, origin = session.supernet()
    assert origin.backbone == "supernet"
    assert supernet.subnet(smallest(48)).width == 320
    done(session, "undo")
    assert done(session, "scores")[0]["accuracy"] == before["accuracy"]
    assert session.backbone().facts["architecture"] == str(largest(SIZE))


def test_a_subnet_is_exported_and_the_project_stays_as_it_is(images, tmp_path):
    session = Session()
    path = str(tmp_path / "e.espalier")
    done(session, "new_project", path=path, backbone="embedded", size=48)
    done(session, "learn_folder", paths=[str(images)])
    before = session.view()
    path = tmp_path / "small.onnx"
    receipt, _ = done(session, "export_subnet", architecture=str(smallest(48)), path=str(path))
    after = session.view()
    session.close()
    assert receipt["top_class_agreement"] == 1.0
    assert path.exists()
    assert after == before


@pytest.fixture
def quick_tables(monkeypatch):
    """Latency tables from little measuring: what is searched here needs no sure figures."""
    from engine.search.latency import measuring

    monkeypatch.setattr(measuring, "SECONDS", 0.3)
    monkeypatch.setattr(measuring, "NETWORKS", 4)
    monkeypatch.setattr("engine.search.search.SECONDS_OF_TIMING", 0.1)


@pytest.mark.usefixtures("quick_tables")
def test_a_search_ends_with_a_winner_that_was_timed(session, images):
    done(session, "learn_folder", paths=[str(images)])
    result, events = done(session, "specialise", latency_ms=1000, budget=5, resolutions=[SIZE])
    told = [event for event in events if isinstance(event, Candidate)]
    assert len(told) == result["measured_candidates"] == 5
    assert result["accuracy"] == max(event.accuracy for event in told)
    assert 0 < result["measured_ms"]["p50"] <= result["measured_ms"]["p95"]
    assert Architecture.parse(result["architecture"]).resolution == SIZE
    listed, _ = done(session, "candidates")
    assert {row["architecture"] for row in listed["rows"]} == {e.architecture for e in told}
    assert [row["architecture"] for row in listed["rows"] if row["front"]] == [
        row["architecture"] for row in result["front"]
    ]
    seen, _ = done(session, "candidate", architecture=result["architecture"])
    assert set(seen["per_class"]) == {"a", "b", "c"}
    assert seen["measured_ms"] == result["measured_ms"]["p50"]
    assert [len(stage) for stage in seen["stages"]] == list(
        Architecture.parse(result["architecture"]).depths
    )
    done(session, "use_subnet", architecture=result["architecture"])
    assert done(session, "candidates")[0]["in_use"] == result["architecture"]


@pytest.mark.usefixtures("quick_tables")
def test_a_search_that_was_stopped_finds_the_same_candidates(session, images):
    done(session, "learn_folder", paths=[str(images)])
    settings = {"latency_ms": 1000, "budget": 6, "resolutions": [SIZE]}
    running, first = run(session, "specialise", settings), []
    for event in running:
        if isinstance(event, Candidate):
            first.append((event.architecture, event.accuracy))
            if len(first) == 3:
                break
    running.close()
    _, events = done(session, "specialise", **settings)
    again = [(e.architecture, e.accuracy) for e in events if isinstance(e, Candidate)]
    assert again[:3] == first
    assert len(again) == 6
    _, events = done(session, "specialise", **settings)
    assert [(e.architecture, e.accuracy) for e in events if isinstance(e, Candidate)] == again


def measured_with(folder: Path, network: Supernet, images: Path) -> list[tuple[str, float]]:
    """What a small search finds with a supernet of one's own: subnets and their accuracies."""
    folder.mkdir()
    weights, session = folder / "mine.safetensors", Session()
    write_weights(network, weights, {"use_size": SIZE})
    path = str(folder / "p.espalier")
    done(session, "new_project", path=path, weights=str(weights), size=SIZE)
    done(session, "add_images", paths=[str(images)])
    _, events = done(session, "specialise", latency_ms=1000, budget=4, resolutions=[SIZE])
    session.close()
    return [(e.architecture, e.accuracy) for e in events if isinstance(e, Candidate)]


@pytest.mark.usefixtures("quick_tables")
def test_accuracies_do_not_depend_on_the_statistics_that_a_supernet_brings(images, tmp_path):
    spoilt = supernet()
    for layer in spoilt.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.add_(3)
            layer.running_var.mul_(50)
    found = measured_with(tmp_path / "as trained", supernet(), images)
    assert measured_with(tmp_path / "spoilt", spoilt, images) == found
    assert len(found) == 4


@pytest.mark.usefixtures("quick_tables")
def test_a_search_says_where_latencies_are_no_longer_as_they_were_measured(session, images):
    done(session, "add_images", paths=[str(images)])
    done(session, "specialise", budget=2, resolutions=[SIZE])
    table = files.find_table(0.25, (SIZE,))
    files.store(replace(table, entries={key: 5 * ms for key, ms in table.entries.items()}))
    _, events = done(session, "specialise", budget=2, resolutions=[SIZE])
    said = [event.text for event in events if isinstance(event, Notice)]
    assert any("runs faster than when its latency was measured" in text for text in said)


@pytest.mark.usefixtures("quick_tables")
def test_the_winner_is_of_the_resolutions_that_were_asked_for(session, images):
    done(session, "learn_folder", paths=[str(images)])
    done(session, "specialise", budget=3, resolutions=[48])
    result, _ = done(session, "specialise", budget=3, resolutions=[SIZE])
    front = [Architecture.parse(row["architecture"]) for row in result["front"]]
    assert {a.resolution for a in front} == {SIZE}


@pytest.mark.usefixtures("quick_tables")
def test_a_target_that_nothing_meets_is_refused_with_the_smallest_networks_latency(session, images):
    done(session, "learn_folder", paths=[str(images)])
    text = refused(session, "specialise", latency_ms=0.001, resolutions=[SIZE])
    assert "the smallest one takes" in text
    assert " ms here" in text
    text = refused(session, "specialise", parameters=0.001, resolutions=[SIZE])
    assert "million parameters" in text


@pytest.mark.usefixtures("quick_tables")
def test_where_the_winner_misses_the_target_the_next_is_taken_and_said(
    session, images, monkeypatch
):
    done(session, "learn_folder", paths=[str(images)])
    answers = iter([9000.0, 1.0, 1.0])
    monkeypatch.setattr(
        "engine.models.timing.time_network",
        lambda *_: dict.fromkeys(("p50", "p95", "low"), next(answers)),
    )
    result, events = done(session, "specialise", latency_ms=1000, budget=4, resolutions=[SIZE])
    assert any("the next one is taken" in e.text for e in events if isinstance(e, Notice))
    assert result["measured_ms"]["p50"] == 1.0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"budget": 1}, "at least 2"),
        ({"latency_ms": -1}, "above 0"),
        ({"latency_ms": float("nan")}, "above 0"),
        ({"resolutions": [33]}, "multiple of 4"),
        ({"searcher": "magic"}, "no searcher"),
        ({"settings": {"rounds": "x"}}, "Rounds"),
    ],
)
def test_what_can_not_be_searched_is_refused(session, images, settings, sentence):
    assert sentence in refused(session, "specialise", **settings)


def test_too_few_images_to_measure_with_are_said(session, tmp_path):
    few = image_files.class_folders(tmp_path / "few", {"a": 3, "b": 3})
    done(session, "add_images", paths=[str(few)])
    assert "too little to measure" in refused(session, "specialise", latency_ms=5)
    assert "too little to measure" in done(session, "candidates")[0]["why"]


def test_a_subnet_that_is_none_is_refused(session, images):
    done(session, "add_images", paths=[str(images)])
    assert "no architecture" in refused(session, "use_subnet", architecture="32: 9")
    assert "was not measured" in refused(session, "candidate", architecture=str(smallest(SIZE)))

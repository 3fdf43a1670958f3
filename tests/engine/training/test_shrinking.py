"""Training a supernet, from end to end on a few made-up images and a very small network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import mobilenet_v2

from engine.events import Ended, Event, Notice, Saved, Step
from engine.images.decode import open_image
from engine.images.preprocess import Preprocessing
from engine.jobs import run
from engine.models.backbone import digest_of
from engine.models.supernet.files import read_weights, write_weights
from engine.session import Session
from tests.helpers import image_files
from tests.helpers.supernets import supernet

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = {"epochs": 2, "batch": 8, "sizes": "32", "save_every": 2, "lr": 0.02}
METHODS = ("sandwich", "progressive")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of two classes, 12 and 4 of each, a supernet to begin from, and one run of each."""
    place = tmp_path_factory.mktemp("shrink")
    image_files.class_folders(place / "data" / "train", {"red": 12, "teal": 12})
    image_files.class_folders(place / "data" / "val", {"red": 4, "teal": 4}, seed=1)
    write_weights(supernet(5), place / "base.safetensors", {"use_size": 32})
    for method in METHODS:
        said = list(events(place, place / method, method=method, score_every=4))
        assert said[-1].how == "done", said[-1].text
        (place / method / "losses.json").write_text(json.dumps(losses(said)))
        scored = [e.done for e in said if isinstance(e, Step) and "smallest" in e.figures]
        assert scored == [4, 6]
        assert [e.what for e in said if isinstance(e, Saved)].count("weights") == 2
    return place


@pytest.fixture(scope="module")
def learnt(place: Path) -> Path:
    """What came of the embedded network after some more steps."""
    assert ended(place, place / "learnt", base="embedded", epochs=4).how == "done"
    return place / "learnt" / "out.safetensors"


def events(place: Path, folder: Path, **settings: object) -> Iterator[Event]:
    paths = {
        "data": str(place / "data"),
        "base": str(place / "base.safetensors"),
        "out": str(folder / "out.safetensors"),
        "work": str(folder / "work"),
    }
    return run(Session(), "shrink", {**paths, **TINY, **settings})


def ended(place: Path, folder: Path, **settings: object) -> Ended:
    *_, last = events(place, folder, **settings)
    assert isinstance(last, Ended)
    return last


def losses(said: list[Event]) -> dict[int, float]:
    return {e.done: e.figures["loss"] for e in said if isinstance(e, Step) and "loss" in e.figures}


def written(folder: Path) -> tuple[str, dict[str, str]]:
    """The weights, each bit of them, and the facts (which lie in the file in any order)."""
    network, facts = read_weights(folder / "out.safetensors")
    return digest_of(network.state_dict()), facts


# The whole way.


@pytest.mark.parametrize("method", METHODS)
def test_the_file_holds_a_supernet_with_the_accuracy_of_three_subnets(place: Path, method: str):
    network, facts = read_weights(place / method / "out.safetensors")
    assert facts["method"] == method
    assert facts["steps"] == "6"
    assert all(0 <= float(facts[name]) <= 1 for name in ("smallest", "middle", "largest"))
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 2)


def test_all_subnets_learn(learnt: Path):
    _, facts = read_weights(learnt)
    assert min(float(facts[name]) for name in ("smallest", "middle", "largest")) > 0.8


@pytest.mark.parametrize(("method", "stop"), [("sandwich", 3), ("progressive", 5)])
def test_stopped_anywhere_it_goes_on_to_the_same_losses_and_weights(
    place: Path, tmp_path: Path, method: str, stop: int
):
    """The run that was not stopped scored on the way besides, which changes nothing."""
    whole = json.loads((place / method / "losses.json").read_text())
    running, before = events(place, tmp_path, method=method), []
    for event in running:
        before.append(event)
        if isinstance(event, Step) and event.done == stop:
            break
    running.close()
    torch.manual_seed(stop)  # nothing may depend on what else this process has drawn
    after = list(events(place, tmp_path, method=method))
    assert min(losses(after)) == 1 + stop // 2 * 2  # from the last checkpoint
    found = losses(before) | losses(after)
    assert found == {int(step): loss for step, loss in whole.items()}
    assert losses(before).items() <= found.items()
    assert written(tmp_path) == written(place / method)


def test_more_epochs_go_on_from_the_checkpoint(place: Path, tmp_path: Path):
    shutil.copytree(place / "sandwich", tmp_path / "more")
    said = list(events(place, tmp_path / "more", epochs=3))
    assert list(losses(said)) == [7, 8, 9]
    assert said[-1].result["steps"] == 9


def test_numbers_out_of_bounds_end_it_and_the_good_model_is_kept(place: Path, tmp_path: Path):
    shutil.copytree(place / "sandwich", tmp_path / "more")
    kept = [tmp_path / "more" / "out.safetensors", tmp_path / "more" / "work" / "shrink.pt"]
    before = [path.read_bytes() for path in kept]
    last = ended(place, tmp_path / "more", epochs=9, lr=1e30, save_every=1)
    assert last.how == "refused"
    assert "lower learning rate" in last.text
    assert [path.read_bytes() for path in kept] == before


def test_a_supernet_goes_on_from_what_was_trained_before(place: Path, learnt: Path, tmp_path: Path):
    """Its classifier is kept, and its channels stay where they are."""
    last = ended(place, tmp_path, base=str(learnt), lr=0, epochs=1)
    assert last.how == "done"
    before, after = (read_weights(path)[0] for path in (learnt, Path(last.result["path"])))
    for name in ("blocks.2.conv.point_linear.conv.conv.weight", "classifier.linear.weight"):
        assert torch.allclose(before.get_parameter(name), after.get_parameter(name), atol=2e-3)


def test_a_teacher_teaches_too_and_leaves_nothing_in_the_file(place: Path, tmp_path: Path):
    torch.manual_seed(0)
    save_file(mobilenet_v2().state_dict(), tmp_path / "teacher.safetensors")
    shutil.copytree(place / "sandwich" / "work", tmp_path / "work")
    (tmp_path / "work" / "shrink.pt").unlink()
    features = np.random.default_rng(0).random((24, 1280)).astype(np.float16)
    np.save(tmp_path / "work" / "train" / "teacher-128.npy", features)
    (tmp_path / "work" / "train" / "teacher-128.json").write_text("24")
    said = list(events(place, tmp_path, teacher=str(tmp_path / "teacher.safetensors")))
    assert said[-1].how == "done", said[-1].text
    plain = read_weights(place / "sandwich" / "out.safetensors")[0].state_dict()
    found = read_weights(tmp_path / "out.safetensors")[0].state_dict()
    assert found.keys() == plain.keys()
    name = "feature_mix_layer.conv.weight"
    assert not torch.equal(found[name], plain[name])


# A project's own images.


def test_a_project_s_own_images_are_taken_by_their_split(place: Path, tmp_path: Path):
    session, folder = Session(), str(place / "data" / "train")
    path = {
        "path": str(tmp_path / "p.espalier"),
        "weights": str(image_files.weights(tmp_path / "n")),
    }
    for name, settings in (
        ("new_project", {**path, "size": 32}),
        ("learn_folder", {"paths": [folder]}),
        (
            "shrink",
            {
                "base": str(place / "base.safetensors"),
                "work": str(tmp_path / "work"),
                "out": str(tmp_path / "out.safetensors"),
                **TINY,
            },
        ),
    ):
        *_, last = run(session, name, settings)
        assert last.how == "done", last.text
    rows = {row["sha256"]: row for row in session.require().db["image"].rows}
    session.close()
    files = json.loads((tmp_path / "work" / "train" / "files.json").read_text())["files"]
    assert sorted(files) == sorted(h for h, row in rows.items() if row["split"] == "train")
    stored = np.load(tmp_path / "work" / "train" / "pictures.npy")
    opened = open_image(Path(rows[files[3]]["path"]), Preprocessing(32, 32))
    assert np.array_equal(stored[3], opened.pixels)


def test_pictures_that_can_not_be_read_are_left_out(place: Path, tmp_path: Path):
    shutil.copytree(place / "data", tmp_path / "data")
    image_files.empty_file(tmp_path / "data" / "train" / "red" / "000.jpg")
    said = list(events(tmp_path, tmp_path, base=str(place / "base.safetensors"), epochs=1))
    notice = next(e for e in said if isinstance(e, Notice))
    assert notice.text.startswith("1 images can't be read")
    assert notice.details == ("red/000.jpg",)
    assert said[-1].how == "done"
    assert len(np.load(tmp_path / "work" / "train" / "pictures.npy")) == 23


def test_the_estimate_writes_nothing(place: Path, tmp_path: Path):
    settings = {"data": str(place / "data"), "base": str(place / "base.safetensors"), **TINY}
    before = sorted(place.rglob("*"))
    for method in METHODS:
        *_, last = run(Session(), "estimate_shrink", {**settings, "method": method})
        assert last.how == "done", last.text
        assert last.result["steps"] == 6
        assert last.result["seconds"] > 0
    assert sorted(place.rglob("*")) == before


# What is refused.


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"data": ""}, "There are no images to train on"),
        ({"data": "/nowhere"}, "There is no folder"),
        ({"base": "/nowhere"}, "There is no file /nowhere"),
        ({"batch": 100}, "fewer than one batch"),
        ({"sizes": "30"}, "Sizes are multiples of 4"),
        ({"epochs": 0}, "Epochs takes a value"),
        ({"lr": float("nan")}, "Learning rate takes a value"),
        ({"teacher": "/nowhere"}, "Give the teacher's weights"),
        ({"method": "magic"}, "There is no tuner called"),
        ({"colour": 1}, "no setting called “colour”"),
        ({"out": "/proc/no/out.safetensors"}, "can't be written"),
        ({"out": "out.bin"}, "ends in .safetensors"),
    ],
)
def test_what_can_not_be_trained_is_refused(
    place: Path, tmp_path: Path, settings: dict, sentence: str
):
    last = ended(place, tmp_path, **settings)
    assert last.how == "refused"
    assert sentence in last.text
    assert not (tmp_path / "work").exists() or "batch" in settings


def test_a_network_of_another_kind_is_refused(place: Path, tmp_path: Path):
    torch.manual_seed(0)
    save_file(mobilenet_v2().state_dict(), tmp_path / "other.safetensors")
    last = ended(place, tmp_path, base=str(tmp_path / "other.safetensors"))
    assert last.how == "refused"
    assert "no once-for-all network" in last.text


def test_a_checkpoint_of_another_recipe_is_refused_and_kept(place: Path, tmp_path: Path):
    shutil.copytree(place / "sandwich", tmp_path / "other")
    checkpoint = tmp_path / "other" / "work" / "shrink.pt"
    before = checkpoint.read_bytes()
    last = ended(place, tmp_path / "other", seed=5)
    assert last.how == "refused"
    assert "other settings" in last.text
    assert checkpoint.read_bytes() == before

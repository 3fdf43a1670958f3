"""Pretraining from end to end on a few made-up images and a teacher with random weights."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import mobilenet_v2

from engine.events import Ended, Event, Saved
from engine.jobs import run
from engine.models.backbone import digest_of
from engine.models.supernet.files import read_weights

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = {"epochs": 2, "batch": 8, "size": 32, "width": 0.1, "teacher_size": 32}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 12 + 4 noisy images, a teacher, and its features already computed."""
    place = tmp_path_factory.mktemp("pretrain")
    random = np.random.default_rng(0)
    for part, count in (("train", 12), ("val", 4)):
        for number, name in enumerate(("dark", "light")):
            folder = place / "data" / part / name
            folder.mkdir(parents=True)
            for at in range(count):
                pixels = random.integers(80 * number, 120 + 80 * number, (64, 64, 3))
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{at}.png")
    torch.manual_seed(0)
    save_file(mobilenet_v2().state_dict(), place / "teacher.safetensors")
    assert ended(place, place / "first").how == "done"
    return place


@pytest.fixture
def work(place: Path, tmp_path: Path) -> Path:
    """A work folder with the caches of images and teacher, and no checkpoint."""
    shutil.copytree(place / "first", tmp_path / "work")
    (tmp_path / "work" / "checkpoint.pt").unlink()
    return tmp_path / "work"


def events(place: Path, work: Path, **settings: object) -> Iterator[Event]:
    paths = {
        "data": str(place / "data"),
        "teacher": str(place / "teacher.safetensors"),
        "work": str(work),
        "out": str(work / "backbone.safetensors"),
    }
    return run(None, "pretrain", {**paths, **TINY, **settings})


def ended(place: Path, work: Path, **settings: object) -> Ended:
    *_, last = events(place, work, **settings)
    assert isinstance(last, Ended)
    return last


def digest(folder: Path) -> str:
    network, _ = read_weights(folder / "backbone.safetensors")
    return digest_of(network.state_dict())


def test_the_file_holds_a_network_with_its_score(place: Path):
    network, facts = read_weights(place / "first" / "backbone.safetensors")
    assert facts["steps"] == "6"
    assert 0 <= float(facts["accuracy"]) <= 1
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 2)


def test_the_same_seed_gives_the_same_weights(place: Path, work: Path):
    assert ended(place, work).how == "done"
    assert digest(work) == digest(place / "first")


def test_another_seed_gives_other_weights(place: Path, work: Path):
    assert ended(place, work, seed=1).how == "done"
    assert digest(work) != digest(place / "first")


def test_stopped_after_an_epoch_it_goes_on_to_the_same_weights(place: Path, work: Path):
    running = events(place, work)
    for event in running:
        if isinstance(event, Saved) and event.what == "checkpoint":
            break
    running.close()
    assert not list(work.glob("*.half"))
    result = ended(place, work).result
    assert result["steps"] == 6
    assert digest(work) == digest(place / "first")


def test_a_finished_training_is_only_scored_again(place: Path, work: Path):
    shutil.copy(place / "first" / "checkpoint.pt", work)
    assert ended(place, work).how == "done"
    assert digest(work) == digest(place / "first")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"batch": 100}, "fewer than one batch"),
        ({"seeds": 1}, "no setting called “seeds”"),
        ({"epochs": "many"}, "Epochs takes a whole number, not “many”"),
        ({"data": "/nowhere"}, "There is no folder"),
        ({"teacher": "/nowhere"}, "Give the teacher's weights"),
    ],
)
def test_what_can_not_be_trained_is_refused(place: Path, work: Path, settings: dict, sentence: str):
    last = ended(place, work, **settings)
    assert last.how == "refused"
    assert sentence in last.text


def test_a_checkpoint_of_another_recipe_is_refused_and_kept(place: Path, work: Path):
    shutil.copy(place / "first" / "checkpoint.pt", work)
    before = (work / "checkpoint.pt").read_bytes()
    last = ended(place, work, seed=5)
    assert last.how == "refused"
    assert "other settings" in last.text
    assert (work / "checkpoint.pt").read_bytes() == before

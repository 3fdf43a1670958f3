"""Adapting on images without classes on the command line, as typed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from tests.helpers import image_files, projects
from tests.helpers.commands import answered, espalier, refused

FEW = ("--set", "batch=6", "--set", "augment=light", "--set", "projection=16", "--epochs", 1)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "engine.system.device.set_threads", lambda window_open: torch.set_num_threads(1)
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(projects.learnt(), tmp_path / "p.espalier"))


def test_a_folder_adapts_the_network_and_both_are_compared(
    home: Path, project: Path, tmp_path: Path
) -> None:
    for number in range(12):
        image_files.image(tmp_path / "found" / "deeper" / f"{number}.jpg", number)
    words = ("adapt", project, tmp_path / "found", *FEW, "--adopt", "always")
    estimate = answered(home, *words, "--estimate")
    assert (estimate["steps"], estimate["pictures"]) == (2, 12)
    assert answered(home, "runs", project)["runs"] == []

    found = answered(home, *words, "--method", "simsiam")

    assert found["adopted"] is True
    assert found["unlabelled"]["images"] == 12
    assert {"before", "after", "difference", "images"} <= found.keys()
    assert answered(home, "score", project)["accuracy"] == found["after"]["accuracy"]
    (row,) = answered(home, "runs", project)["runs"]
    assert (row["tuner"], row["schedule"], row["state"]) == ("simsiam", "last_stages", "adopted")
    told = answered(home, "runs", project, "--run", row["id"])
    assert told["steps_curve"]["step"] == [1, 2]
    assert len(told["steps_curve"]["spread"]) == 2


def test_what_it_says_is_for_people(home: Path, project: Path) -> None:
    said = espalier(home, "adapt", project, *FEW, "--from-nothing", "--adopt", "never")
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines()[0].split()[:4] == ["images", "of", "before", "after"]
    assert "The network in use stays." in said.stdout
    assert said.stdout.splitlines()[-1] == "Learnt from 36 images without classes."
    epochs = espalier(home, "runs", project, "--run", 1)
    assert epochs.returncode == 0, epochs.stderr
    assert len(epochs.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--method", "magic"), "There is no method called “magic”"),
        (("--schedule", "last_stages", "--from-nothing"), "all stages must learn at first"),
        (("--heap",), "No images wait for a class"),
        (("nowhere",), "There is no folder"),
        (("--set", "batch=100"), "fewer than one batch"),
        (("--set", "images=x"), "Images are named"),
    ],
)
def test_what_can_not_be_done_is_refused(
    home: Path, project: Path, words: tuple[str, ...], sentence: str
) -> None:
    """With 2 as the exit code, and nothing left behind."""
    assert sentence in refused(home, "adapt", project, *words)
    assert answered(home, "runs", project)["runs"] == []

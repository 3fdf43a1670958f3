"""Projects with small networks for tests of tuning, made once and copied for each test."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision.models import get_model

from engine.events import Ended, Event, Step
from engine.jobs import run
from engine.session import Session
from tests.helpers import image_files

QUICK, NORMED = "squeezenet1_1", "mobilenet_v3_small"
"""Networks of 15 and 40 ms a step: the first has no norms, the second norms and dropout."""
SIZE = 32
FEW_STEPS = {"batch": 12, "lr": 0.002, "augment": "none"}
"""Settings of a run of three steps an epoch."""


def ended(session: Session, name: str, /, **settings: Any) -> Ended:
    *_, last = run(session, name, settings)
    assert isinstance(last, Ended)
    return last


def done(session: Session, name: str, /, **settings: Any) -> Any:
    last = ended(session, name, **settings)
    assert last.how == "done", last.text
    return last.result


def refused(session: Session, name: str, /, **settings: Any) -> str:
    """The one sentence of a job that must be refused."""
    last = ended(session, name, **settings)
    assert last.how == "refused", (last.how, last.text)
    assert last.text.endswith("."), last.text
    return last.text


@functools.cache
def place() -> Path:
    """A folder for what all tests share; the tests' home is removed at the end."""
    return Path(tempfile.mkdtemp(prefix="tuning-", dir=os.environ["HOME"]))


@functools.cache
def images() -> Path:
    """Two classes for the first step and one for the second; 12 to learn from, 6 held out."""
    root = place() / "pictures"
    for split, count, seed in (("train", 12, 0), ("validation", 6, 1)):
        image_files.class_folders(root / "first" / split, {"red": count, "teal": count}, seed)
        image_files.class_folder(root / "second" / split, "blue", count, 0.67, seed)
    return root


@functools.cache
def weights(name: str) -> Path:
    """Random weights; norms have the statistics of the test's images, as if trained on them."""
    torch.manual_seed(0)
    network = get_model(name, weights=None)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
    with torch.no_grad():
        network.train()(batch_of(sorted(images().rglob("*.jpg"))))
    for norm in norms:
        norm.num_batches_tracked.zero_()
    path = place() / f"{name}.safetensors"
    save_file(network.state_dict(), path)
    return path


def batch_of(files: list[Path]) -> torch.Tensor:
    """Images as float32 (n, 3, SIZE, SIZE)."""
    pixels = np.stack([np.asarray(Image.open(file).resize((SIZE, SIZE))) for file in files])
    return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - 0.45) / 0.22


def learnt(name: str = QUICK) -> Path:
    """A closed project that learnt its classes in two steps."""
    return learnt_with(name)


@functools.cache  # keyed by what is passed, so the default is filled in above
def learnt_with(name: str) -> Path:
    path, session = place() / f"{name}.espalier", Session()
    done(session, "new_project", path=str(path), weights=str(weights(name)), size=SIZE)
    for step in ("first", "second"):
        done(session, "learn_folder", paths=[str(images() / step)], learner="ncm")
    session.close()
    return path


def opened(folder: Path, name: str = QUICK) -> Session:
    """A session with a copy of the project in `folder`."""
    path = folder / "p.espalier"
    shutil.copytree(learnt(name), path)
    session = Session()
    done(session, "open_project", path=str(path))
    return session


def until(work: Iterator[Event], step: int) -> list[Event]:
    """A job's events up to a gradient step; then it is closed, as a pause does it."""
    said = []
    for event in work:
        said.append(event)
        if isinstance(event, Step) and event.done == step and "rate" in event.figures:
            break
    work.close()
    return said


def curve(session: Session, number: int) -> dict[str, Any]:
    """What a run measured, but for seconds and savings, to six digits."""
    found = done(session, "run_details", run=number)
    epochs = [
        {
            k: float(f"{v:.6g}")
            for k, v in epoch.items()
            if k != "seconds" and not k.startswith("saved")
        }
        for epoch in found["epochs_curve"]
    ]
    steps = {
        k: [float(f"{v:.6g}") for v in found["steps_curve"][k]]
        for k in ("step", "loss", "accuracy")
    }
    return {"epochs": epochs, "steps": steps}


def tuned(session: Session, **asked: Any) -> dict[str, Any]:
    """A run of one epoch whose network is not adopted, but for what is asked."""
    given = {"epochs": 1, "settings": FEW_STEPS, "adopt": "never", **asked}
    return done(session, "tune", **given)


def answers(session: Session) -> dict[str, str]:
    """The class that the project sees in each held-out image."""
    return done(session, "score", predictions=True)["predictions"]


def facts(session: Session) -> dict[str, Any]:
    return {k: v for k, v in session.require().facts.items() if k != "made"}


def newest(session: Session) -> dict[str, Any]:
    return done(session, "list_runs")["runs"][0]

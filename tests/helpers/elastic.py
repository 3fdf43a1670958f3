"""A project whose network comes in one size, for tests that make it elastic and search."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Refused
from engine.events import Ended, Event
from engine.jobs import run
from engine.models.backbone import Backbone
from engine.models.elastic import channels
from engine.models.elastic.blocks import blocks_of
from engine.models.elastic.costs import BlockCosts
from engine.models.elastic.passes import SHARES
from engine.search.elastic import bench, folding, networks
from engine.session import Session
from tests.helpers import image_files

SIZE = 32
NETWORK, OTHER = "mobilenet_v3_small", "efficientnet_lite0"
KIND = "moments-roots-mirror"
"""Of features: moments of an earlier stage among them, roots of all, and the mirror image."""


def done(session: Session, job: str, **settings: Any) -> tuple[dict[str, Any], list[Event]]:
    """What a job gives, and what it said."""
    *events, end = run(session, job, settings)
    assert isinstance(end, Ended)
    if end.how != "done":
        raise Refused(end.text)
    return end.result, events


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """One network stands beside the project's own; each is read once, calibrated on small images,
    its channels put in order in few groups, and it is timed for a moment.

    gestures/make_elastic_test.py searches among all that come along, timed as for people.
    """
    read = lru_cache(maxsize=8)(networks.load_backbone)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "FAST", (OTHER,))
        patch.setattr(bench, "SECONDS", 0.05)
        patch.setattr(networks, "load_backbone", lambda *named: copy.deepcopy(read(*named)))
        patch.setattr(folding, "AT", SIZE)
        patch.setattr(channels, "GROUPS", 12)
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fruit")
    return image_files.class_folders(folder, {"apple": 24, "banana": 24, "cherry": 24})


@pytest.fixture(scope="module")
def learnt(
    tmp_path_factory: pytest.TempPathFactory, folders: Path, request: pytest.FixtureRequest
) -> Path:
    """A project of three classes, learnt with a small network of random weights; its features are
    of the kind that asks most (tests of the window have the pooled ones alone), its learner is the
    one that is done soonest (those of the window have the usual one)."""
    folder, made = tmp_path_factory.mktemp("learnt"), Session()
    weights = image_files.weights(folder / "net.safetensors", NETWORK)
    path = folder / "p.espalier"
    kind = {
        "weights": str(weights),
        "size": SIZE,
        "features": getattr(request.module, "FEATURES", KIND),
    }
    done(made, "new_project", path=str(path), **kind)
    done(made, "learn_folder", paths=[str(folders)], learner="ncm")
    made.close()
    return path


def copy_of(project: Path, folder: Path) -> Session:
    shutil.copytree(project, folder / project.name)
    made = Session()
    done(made, "open_project", path=str(folder / project.name))
    return made


@pytest.fixture
def session(tmp_path: Path, learnt: Path) -> Iterator[Session]:
    """A project that nobody has searched."""
    made = copy_of(learnt, tmp_path)
    yield made
    made.close()


def whole_macs(session: Session) -> float:
    """Millions, of the network in use."""
    return bench.sizes_of(session.backbone())["macs"] / 1e6


def searched(session: Session, **settings: Any) -> tuple[dict[str, Any], list[Event]]:
    """A search at one resolution for something narrower than the whole network."""
    most = 0.97 * whole_macs(session)
    return done(session, "specialise", resolutions=[SIZE], macs=most, **settings)


def ms_of(backbone: Backbone) -> float:
    """Milliseconds on a computer that does ten million multiplications in each, for an image and
    its mirror image."""
    return bench.sizes_of(replace(backbone, mirror=True))["macs"] / 1e7


@contextmanager
def at_an_even_pace() -> Iterator[None]:
    """A computer that takes the same time for each multiplication, whatever else runs here."""

    def timed(made: bench.Bench, network: Backbone) -> dict[str, dict[str, float]]:
        ms = ms_of(network)
        return {made.device: {"p50": ms, "p95": ms, "low": ms}}

    def costs(network: Backbone, whole_ms: float, setting: object) -> Iterator[BlockCosts]:
        places = blocks_of(network.stages)
        each = 0.8 * whole_ms / len(places)
        yield BlockCosts({p: {s: s * each for s in SHARES} for p in places}, 0.2 * whole_ms)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.Bench, "timed", lambda made, of: timed(made, of.backbone))
        patch.setattr(bench.Bench, "only_timed", timed)
        patch.setattr(folding, "measured_costs", costs)
        yield

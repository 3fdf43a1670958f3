"""Processes that share each batch, as threads here: the same as one that has it all.

What differs is how sums are rounded: single parts are compared in float64, whole trainings by
their losses.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

from engine.errors import ProcessLost, Refused
from engine.events import Step
from engine.jobs import run
from engine.models.supernet.files import write_weights
from engine.session import Session
from engine.training.augment import Views
from engine.training.distributed import followers
from engine.training.distributed.group import ALONE, ENDS, Group, with_others
from tests.helpers import image_files, projects
from tests.helpers.supernets import supernet
from tests.helpers.together import Threads, led, threads

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
COUNT = 7
"""Images of a batch that two share unequally."""


def test_parts_follow_each_other_and_are_all() -> None:
    for size in (1, 2, 3):
        rows = [n for at in range(size) for n in range(COUNT)[Group(at, size).own(COUNT)]]
        assert rows == list(range(COUNT))


def test_a_batch_too_small_to_be_shared_is_refused() -> None:
    Group(0, 3).check(6)
    with pytest.raises(Refused, match="each needs two at least"):
        Group(0, 3).check(5)


GLOO = "[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed by peer [::1]"


@pytest.mark.parametrize("error", [RuntimeError(GLOO), dist.DistBackendError("NCCL: aborted")])
def test_an_error_of_the_connection_says_that_another_process_is_gone(error: Exception) -> None:
    with pytest.raises(ProcessLost), with_others():
        raise error


def test_a_defect_is_not_taken_for_a_process_that_is_gone() -> None:
    with pytest.raises(RuntimeError, match="same dtype"), with_others():
        torch.ones(2).matmul(torch.ones(2, dtype=torch.long))


class Norms(nn.Module):
    """Norms of images and of features."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.last, self.plain = nn.BatchNorm1d(4), nn.BatchNorm1d(4, affine=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.conv(x)).relu().mean((2, 3))
        return self.plain(self.last(x) ** 2)


def learnt(group: Group, network: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """What a network says of a whole batch in which each image is twice, from this one's part of
    it, with its gradients and the statistics that it keeps."""
    network = network.double().to(memory_format=torch.channels_last)
    given = x.view(2, COUNT, *x.shape[1:])[:, group.own(COUNT)].flatten(0, 1)
    with group.whole_batch(COUNT):
        part = network(given.to(memory_format=torch.channels_last))
    found = group.whole(part, COUNT)
    (found * torch.arange(1.0, 5.0)).pow(3).mean().backward()
    group.add_gradients(network)
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    return [found.detach(), *gradients, *network.buffers()]


def test_norms_give_what_they_give_in_one_process() -> None:
    """Answers, gradients and kept statistics."""
    torch.manual_seed(0)
    x, first = torch.randn(2 * COUNT, 3, 6, 6).double(), Norms()
    alone = learnt(ALONE, copy.deepcopy(first), x)
    assert len(alone) == 1 + 6 + 9
    for size in (2, 3):
        works = [partial(learnt, g, copy.deepcopy(first), x) for g in threads(size)]
        for found in led(works):
            torch.testing.assert_close(found, alone, rtol=1e-9, atol=1e-9)


def dropped(x: torch.Tensor, count: int) -> torch.Tensor:
    """Values and whole images dropped, as by dropout and by stochastic depth."""
    return F.dropout(x, 0.4) * torch.empty(count, 1).bernoulli_(0.7)


def test_what_is_dropped_is_what_one_process_drops() -> None:
    x = torch.randn(COUNT, 20)
    torch.manual_seed(3)
    alone, after, parts = dropped(x, COUNT), torch.get_rng_state(), []
    for group in (Group(place, 2, started=True) for place in range(2)):
        torch.manual_seed(3)
        own = group.own(COUNT)
        with group.whole_batch(COUNT):
            parts.append(dropped(x[own], own.stop - own.start))
        assert torch.equal(torch.get_rng_state(), after)
    assert torch.equal(torch.cat(parts), alone)


# Whole trainings, from what the leader sends to what comes of it.


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> list[Threads]:
    """Two who train together: what a job joins is the first of them."""
    pair, one_at_a_time = threads(2), threading.Lock()
    for module in ("engine.jobs.train_subnets", "engine.training.adopt"):
        monkeypatch.setattr(f"{module}.joined", lambda: pair[0])
    draw = Views.pixels

    def drawn(self: Views, row: int, number: int) -> torch.Tensor:
        with one_at_a_time:  # threads have one source of chance together
            return draw(self, row, number)

    monkeypatch.setattr(Views, "pixels", drawn)
    return pair


def losses(name: str, session: Session, **asked: object) -> list[float]:
    """A job's losses, step by step; it must come to its end."""
    said = list(run(session, name, asked))
    assert said[-1].how == "done", said[-1].text
    steps = (e for e in said if isinstance(e, Step) and "rate" in e.figures)
    return [step.figures["loss"] for step in steps]


def of_both(pair: list[Threads], folder: Path, work: Callable[[], list[float]]) -> list[float]:
    """A job's losses beside one that follows, which learns as many steps."""

    def leads() -> list[float]:
        try:
            return work()
        finally:
            pair[0].say(ENDS)

    def follows() -> list[float]:
        return [step.figures["loss"] for step in followers.follow(pair[1], CPU, folder)]

    folder.mkdir()
    one, other = led([leads, follows])
    assert one == other
    return one


def test_a_supernet_learns_the_same(pair: list[Threads], tmp_path: Path) -> None:
    """In all phases, in which a copy of the largest network teaches."""
    image_files.class_folders(tmp_path / "data" / "train", {"red": 12, "teal": 12})
    image_files.class_folders(tmp_path / "data" / "val", {"red": 4, "teal": 4}, seed=1)
    write_weights(supernet(2), tmp_path / "base.safetensors", {"use_size": 32})

    def shrunk(name: str) -> list[float]:
        places = {n: str(tmp_path / n) for n in ("data", "base.safetensors")}
        asked = {"data": places["data"], "base": places["base.safetensors"]}
        out = {"out": str(tmp_path / name / "out.safetensors"), "sizes": "32", "epochs": 1}
        return losses("shrink", Session(), **asked, **out, method="progressive", batch=8, lr=1e-4)

    together = of_both(pair, tmp_path / "own", lambda: shrunk("together"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.jobs.train_subnets.joined", lambda: ALONE)
        assert together == pytest.approx(shrunk("alone"), rel=1e-3)


@pytest.mark.parametrize(
    ("job", "asked"),
    [
        ("tune", {"settings": {"mixup": 0.3, "batch": 12}}),
        ("tune", {"settings": {"batch": 12, "memory": 8}, "tuner": "rehearsal"}),
        ("tune", {"settings": {"batch": 12}, "schedule": "last_stages"}),
        ("adapt", {"settings": {"batch": 12, "projection": 16}}),
        ("adapt", {"settings": {"batch": 12, "projection": 16}, "method": "simsiam"}),
    ],
)
def test_a_network_is_tuned_and_adapted_the_same(
    pair: list[Threads], tmp_path: Path, job: str, asked: dict[str, object]
) -> None:
    """Blended, taught by the network before, with frozen stages kept; without classes by both
    methods, whose losses look at the whole batch."""
    session = projects.opened(tmp_path)
    given = {**asked, "epochs": 1, "adopt": "never"}
    together = of_both(pair, tmp_path / "own", lambda: losses(job, session, **given))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.training.adopt.joined", lambda: ALONE)
        assert together == pytest.approx(losses(job, session, **given), rel=1e-4)
    session.close()

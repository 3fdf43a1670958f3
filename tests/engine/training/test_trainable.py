"""What progressive shrinking and the sandwich rule promise, step by step, on a small network."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from engine.errors import Diverged
from engine.models.batch_norm import recalibrate
from engine.models.supernet.architecture import largest, smallest
from engine.training.dataset import ImageArray
from engine.training.loop import Cosine, Training, sgd, train
from engine.training.supernet.shrinking import SUPERNET_TUNERS
from engine.training.supernet.trainable import (
    Batch,
    SubnetShare,
    SupernetData,
    SupernetLoss,
    TrainableSupernet,
)
from tests.helpers.supernets import supernet

pytestmark = pytest.mark.usefixtures("one_thread")


def lessons(count: int = 16) -> SupernetData:
    made = np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), np.uint8)
    classes = np.arange(count) % 2
    source = torch.Generator().manual_seed(0)
    images = tuple(torch.randn(8, 3, 32, 32, generator=source) for _ in range(2))
    return SupernetData(ImageArray(made, classes, ("a", "b")), None, images)


def test_the_sandwich_holds_the_largest_the_smallest_and_two_others_at_one_resolution():
    tuner = SUPERNET_TUNERS.make("sandwich", {"batch": 4, "sizes": "32 48 64"})
    (phase,), drawn = tuner.phases(new_classes=True), lessons()
    found = [tuner.drawn_batch(drawn, phase, position) for position in range(12)]
    assert {batch.pixels.shape[-1] for batch in found} == {32, 48, 64}
    for batch in found:
        size = batch.pixels.shape[-1]
        assert batch.subnets[:2] == (largest(size), smallest(size))
        assert len({*batch.subnets}) == 4
        assert {subnet.resolution for subnet in batch.subnets} == {size}
    other = SUPERNET_TUNERS.make("sandwich", {"batch": 4, "sizes": "32 48 64", "seed": 1})
    assert other.drawn_batch(drawn, phase, 7).subnets != found[7].subnets
    again = tuner.drawn_batch(drawn, phase, 7)
    assert again.subnets == found[7].subnets
    assert torch.equal(again.pixels, found[7].pixels)


def test_progressive_shrinking_makes_kernels_then_depths_then_expansions_elastic():
    tuner = SUPERNET_TUNERS.make("progressive", {"batch": 4, "sizes": "32"})
    seen = []
    for phase in tuner.phases(new_classes=True):
        batches = [tuner.drawn_batch(lessons(), phase, position) for position in range(12)]
        subnets = [subnet for batch in batches for subnet in batch.subnets]
        kernels = {k for s in subnets for stage in s.kernels for k in stage}
        expands = {e for s in subnets for stage in s.expands for e in stage}
        depths = {d for s in subnets for d in s.depths}
        seen.append((len(batches[0].subnets), kernels, depths, expands))
    assert seen == [
        (1, {7}, {4}, {6}),
        (1, {3, 5, 7}, {4}, {6}),
        (2, {3, 5, 7}, {3, 4}, {6}),
        (2, {3, 5, 7}, {2, 3, 4}, {6}),
        (4, {3, 5, 7}, {2, 3, 4}, {4, 6}),
        (4, {3, 5, 7}, {2, 3, 4}, {3, 4, 6}),
    ]
    assert len(tuner.phases(new_classes=False)) == 5


def test_each_phase_has_a_rate_that_rises_and_falls():
    plan = SUPERNET_TUNERS.make("progressive", {"batch": 4, "epochs": 10, "lr": 1}).plan(
        400, new_classes=False, shrunk=False
    )
    begins = plan.borders()
    assert begins[0] == 0
    assert begins[-1] == plan.total == 1000
    for begin, end in pairwise(begins):
        rates = [plan.at(position) for position in range(begin, end)]
        assert max(rates) == pytest.approx(1)
        assert rates[-1] < 0.02


def test_scaled_features_change_no_answer_and_are_folded_away():
    network, images = supernet(), lessons().images
    with torch.no_grad():
        network.classifier.linear.weight.normal_(0, 1)
    network.use(largest(32))
    recalibrate(network, images)
    pupil, pixels = TrainableSupernet(network), torch.randn(4, 3, 32, 32)
    before = network(pixels)
    pupil.scale(images)
    batch = Batch(None, pixels, torch.zeros(4), None, (largest(32),))
    answers, _ = pupil.eval()(SubnetShare(batch, 0))
    assert torch.allclose(answers, before, atol=1e-4)
    assert torch.allclose(pupil.finished()(pixels), before, atol=1e-4)
    found = torch.cat([network.features(batch) for batch in images])
    assert torch.allclose(
        ((found - pupil.mean) / pupil.deviation).std(0), torch.ones(128), atol=0.1
    )


def test_channels_are_sorted_once_where_expansions_become_elastic():
    tuner, images = SUPERNET_TUNERS.make("progressive"), lessons().images
    phases, pupil = tuner.phases(new_classes=False), TrainableSupernet(supernet(), master=True)
    layer = pupil.network.blocks[2].conv.point_linear.conv.conv

    def falling() -> bool:
        norms = layer.weight.abs().sum((0, 2, 3))
        return bool((norms[1:] <= norms[:-1] + 1e-6).all())

    assert pupil.enter(phases, 2, images)
    assert not falling()
    assert pupil.enter(phases, 3, images)
    assert falling()
    with torch.no_grad():
        layer.weight.copy_(layer.weight.flip(1))
    assert not pupil.enter(phases, 3, images)
    assert not falling()


def test_the_teacher_is_the_largest_as_it_was_when_the_others_began():
    tuner, drawn = SUPERNET_TUNERS.make("progressive"), lessons()
    pupil = TrainableSupernet(supernet(), master=True)
    pupil.enter(tuner.phases(new_classes=False), 0, drawn.images)
    expected = pupil.calibrated(largest(32), drawn.images)(drawn.images[0])
    with torch.no_grad():
        for weights in pupil.network.parameters():
            weights.mul_(1.5)
    answers = pupil.train().master(drawn.images[0])
    # As far as sums of other order move logits of 3.6; other weights move them by more than 1.
    assert torch.allclose(answers, expected, atol=0.02)
    assert not any(weights.requires_grad for weights in pupil.master.parameters())


def loss_of(method: str, place: int, logits: torch.Tensor, first: torch.Tensor) -> float:
    """The loss of the subnet at a place of a step whose first subnet answered `first`."""
    tuner, drawn = SUPERNET_TUNERS.make(method, {"batch": 4, "sizes": "32"}), lessons()
    phases = tuner.phases(new_classes=False)
    batch = tuner.drawn_batch(drawn, phases[-1], 0)
    lesson = SupernetLoss(TrainableSupernet(supernet(), master=phases[0].copies), None)
    value, _ = lesson((first, None), SubnetShare(batch, 0))
    if place:
        value, _ = lesson((logits, None), SubnetShare(batch, place))
    return float(value)


def test_in_the_sandwich_the_largest_learns_labels_and_the_others_its_answers():
    first, logits = torch.randn(2, 4, 2, generator=torch.Generator().manual_seed(0))
    tuner = SUPERNET_TUNERS.make("sandwich", {"batch": 4, "sizes": "32"})
    classes = tuner.drawn_batch(lessons(), tuner.phases(new_classes=False)[0], 0).classes
    labels = F.cross_entropy(first, classes, label_smoothing=0.1)
    assert loss_of("sandwich", 0, logits, first) == pytest.approx(float(labels))
    soft = -(first.softmax(1) * logits.log_softmax(1)).sum(1).mean()
    assert loss_of("sandwich", 2, logits, first) == pytest.approx(float(soft))


def test_in_progressive_shrinking_all_learn_labels_and_the_frozen_copy_s_answers():
    first, logits = torch.randn(2, 4, 2, generator=torch.Generator().manual_seed(0))
    tuner = SUPERNET_TUNERS.make("progressive", {"batch": 4, "sizes": "32"})
    batch = tuner.drawn_batch(lessons(), tuner.phases(new_classes=False)[-1], 0)
    taught = TrainableSupernet(supernet(), master=True).train().master(batch.pixels).softmax(1)
    for place, answers in ((0, first), (2, logits)):
        labels = F.cross_entropy(answers, batch.classes, label_smoothing=0.1)
        soft = -(taught * answers.log_softmax(1)).sum(1).mean()
        assert loss_of("progressive", place, logits, first) == pytest.approx(
            float(labels + soft), rel=1e-4
        )


# What the loop was given for it.


def linear(rate: float) -> Training:
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    return Training(network, sgd({"": network}, 0.0), Cosine(rate, 0, 10))


def test_gradients_are_averaged_over_the_parts_of_a_step():
    """So two halves of a batch teach what the whole does, and its loss is theirs."""

    def loss(answers: torch.Tensor, part: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        value = (answers - part[:, :2]).square().mean()
        return value, {"loss": value.item()}

    images = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
    whole, halves = linear(0.1), linear(0.1)
    (one,) = train(whole, [images], whole.network, loss)
    (other,) = train(halves, [images], halves.network, loss, lambda batch: batch.split(4))
    assert other.figures["loss"] == pytest.approx(one.figures["loss"])
    assert torch.allclose(whole.network.weight, halves.network.weight, atol=1e-6)
    assert not torch.equal(whole.network.weight, linear(0.1).network.weight)


def test_a_loss_that_is_no_number_changes_no_weight():
    training = linear(0.1)

    def loss(answers: torch.Tensor, part: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        return answers.sum() * float("nan"), {"loss": 0.0}

    with pytest.raises(Diverged):
        list(train(training, [torch.ones(1, 3)], training.network, loss))
    assert torch.equal(training.network.weight, linear(0.1).network.weight)
    assert training.position == 0


def test_weights_that_are_no_number_are_never_saved(tmp_path: Path):
    training = linear(0.1)
    training.save(tmp_path / "checkpoint.pt")
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with torch.no_grad():
        training.network.weight.fill_(float("inf"))
    with pytest.raises(Diverged):
        training.save(tmp_path / "checkpoint.pt")
    assert (tmp_path / "checkpoint.pt").read_bytes() == before

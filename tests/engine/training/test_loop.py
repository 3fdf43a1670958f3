"""The training loop: same seed same weights, going on from a checkpoint, frozen stages."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from engine.errors import UnusableWeights
from engine.models.backbone import Stage, digest_of
from engine.training.loop import Cosine, Stack, Training, adamw, train

TOTAL = 12


def network() -> Stack:
    torch.manual_seed(3)
    part = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(8, 2))
    return Stack([Stage("lower", part), Stage("upper", head)])


class Freezing(Cosine):
    """Freezes `names` in the steps from `begin` to `end`."""

    names, begin, end = frozenset({"lower"}), 0, TOTAL

    def frozen(self, position: int) -> frozenset[str]:
        return self.names if self.begin <= position < self.end else frozenset()


def training(stack: Stack | None = None, kind: type[Cosine] = Cosine) -> Training:
    stack = stack or network()
    return Training(stack, adamw(dict(stack.parts.items()), 0.05), kind(0.01, 3, TOTAL))


def batches(first: int = 0, last: int = TOTAL) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Two classes that differ in brightness, the same for the same position."""
    made = []
    for position in range(first, last):
        source = torch.Generator().manual_seed(position)
        classes = torch.arange(8) % 2
        pixels = torch.randn(8, 3, 6, 6, generator=source) + classes.view(-1, 1, 1, 1)
        made.append((pixels, classes))
    return made


def run(running: Training, supply: list) -> list:
    def loss(logits: torch.Tensor, batch: tuple) -> tuple[torch.Tensor, dict[str, float]]:
        value = F.cross_entropy(logits, batch[1])
        return value, {"loss": value.item()}

    return list(train(running, supply, lambda batch: running.network(batch[0]), loss))


def test_the_loop_learns_and_says_each_step():
    running = training()
    steps = run(running, batches() * 5)
    assert [s.done for s in steps] == list(range(1, 5 * TOTAL + 1))
    assert steps[-1].figures["loss"] < steps[0].figures["loss"]
    assert steps[0].total == TOTAL


def test_the_rate_rises_to_its_top_and_falls_to_nothing():
    schedule = Cosine(0.1, 4, 20)
    rates = [schedule.at(n) for n in range(21)]
    assert rates[:4] == pytest.approx([0.025, 0.05, 0.075, 0.1])
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[12] == pytest.approx(0.05)
    assert rates[20] == pytest.approx(0)


def test_the_same_seed_gives_the_same_weights():
    digests = set()
    for _ in range(2):
        running = training()
        run(running, batches())
        digests.add(digest_of(running.network.state_dict()))
    assert len(digests) == 1


def test_going_on_from_a_checkpoint_changes_no_bit(tmp_path: Path):
    whole = training()
    run(whole, batches())
    before = training()
    run(before, batches(0, 5))
    before.save(tmp_path / "checkpoint.pt", seed=3)
    after = training()
    torch.manual_seed(99)  # the random state comes from the checkpoint: there is dropout
    assert after.load(tmp_path / "checkpoint.pt") == {"seed": 3}
    assert after.position == 5
    run(after, batches(5))
    assert digest_of(after.network.state_dict()) == digest_of(whole.network.state_dict())


def test_a_frozen_stage_keeps_every_bit_and_the_other_moves():
    running = training(kind=Freezing)
    before = {name: digest_of(p.state_dict()) for name, p in running.network.parts.items()}
    run(running, batches())
    after = {name: digest_of(p.state_dict()) for name, p in running.network.parts.items()}
    assert after["lower"] == before["lower"]
    assert after["upper"] != before["upper"]
    assert all(p.grad is None for p in running.network.parts["lower"].parameters())


def test_a_stage_that_freezes_on_the_way_leaves_the_optimiser():
    running = training(kind=Freezing)
    running.schedule.begin = 4
    run(running, batches(0, 4))
    known = set(running.optimiser.state)
    before = digest_of(running.network.parts["lower"].state_dict())
    run(running, batches(4))
    assert digest_of(running.network.parts["lower"].state_dict()) == before
    lower = set(running.network.parts["lower"].parameters())
    assert lower <= known
    assert not lower & set(running.optimiser.state)
    assert all(p.grad is None for p in lower)


def test_a_stage_set_free_again_learns_again():
    running = training(kind=Freezing)
    running.schedule.end = 3
    run(running, batches(0, 3))
    before = digest_of(running.network.parts["lower"].state_dict())
    run(running, batches(3, 6))
    assert digest_of(running.network.parts["lower"].state_dict()) != before


def test_groups_can_learn_at_different_rates():
    stack = network()
    running = training(stack)
    for group in running.optimiser.param_groups[:2]:
        group["share"] = 0.0
    before = [p.detach().clone() for p in stack.parts["lower"].parameters()]
    run(running, batches())
    after = stack.parts["lower"].parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\x80\x02broken"])
def test_a_broken_checkpoint_is_refused_with_a_sentence(tmp_path: Path, content: bytes):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(UnusableWeights, match=r"checkpoint\.pt.*Remove it"):
        training().load(path)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path):
    training().save(tmp_path / "checkpoint.pt")
    other = training(Stack([Stage("only", nn.Linear(2, 2))]))
    with pytest.raises(UnusableWeights, match="another network"):
        other.load(tmp_path / "checkpoint.pt")


def test_nothing_below_a_frozen_stage_is_computed_backward():
    """Also where the stage below it may still learn."""
    stack = Stack([Stage(name, nn.Linear(4, 4)) for name in ("lower", "middle", "upper")])
    stack.freeze(["middle"])
    stack(torch.ones(2, 4)).sum().backward()
    reached = {
        name.split(".")[0] for name, p in stack.parts.named_parameters() if p.grad is not None
    }
    assert reached == {"upper"}

"""Branches leave what was there before as it was, bit for bit, and joined heads keep it so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import BadSetting, Refused
from engine.learners import LEARNERS, Learner
from engine.learners.joining import written_split
from engine.models.backbone import Backbone
from engine.models.backbones import load_backbone, untrained
from engine.models.branches import (
    branches_of,
    classes_of,
    clone_of,
    grown,
    narrowed,
    plain,
    pruned,
    widths_of,
)
from engine.models.growth import Growth, growth_of
from engine.models.onnx_export import write_onnx
from engine.models.provenance import Origin
from engine.models.tuned import load_tuned, tuned_bytes
from engine.training.branching.costs import READ, Recipe, compared, joules, macs_of, parts_of, total
from tests.helpers import image_files, networks
from tests.helpers.features import part, taught

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def original() -> Backbone:
    """A network with sound statistics: random weights alone give features that are all alike."""
    torch.manual_seed(0)
    return settled(untrained("mobilenet_v2", 32))


def settled(backbone: Backbone) -> Backbone:
    """Batch norms that have seen something, so that nothing vanishes on the way up."""
    network = backbone.below().train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network(torch.randn(64, 3, 32, 32))
    network.eval()
    return backbone


def changed(backbone: Backbone, cut: str, seed: int) -> nn.Sequential:
    """A clone that learnt something."""
    clone = clone_of(backbone, cut)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in clone.parameters():
            p.add_(0.05 * p.abs().mean() * torch.randn(p.shape, generator=generator))
    return clone


def shown(count: int = 7) -> torch.Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def answers(backbone: Backbone) -> torch.Tensor:
    return backbone.below().eval()(shown())


CUTS = [("stage3", "stage3"), ("stage3", "stage2"), ("stage2", "stage4"), ("stem", "stage5")]


@pytest.mark.parametrize(("first", "second"), CUTS)
def test_what_was_there_answers_as_before(original: Backbone, first: str, second: str):
    """Also where the second branch begins lower, so that the trunk gets shorter."""
    before = answers(original)
    one = grown(original, first, changed(original, first, 1), [7, 8])
    two = grown(one, second, changed(original, second, 2), [9])
    assert torch.equal(answers(one)[:, : original.width], before)
    assert torch.equal(answers(two)[:, : one.width], answers(one))
    assert not torch.allclose(answers(two)[:, one.width :], answers(one)[:, original.width :])
    assert torch.equal(answers(original), before)


def test_a_branched_backbone_tells_what_it_has(original: Backbone):
    one = grown(original, "stage3", changed(original, "stage3", 1), [7, 8])
    two = grown(one, "stage1", changed(original, "stage1", 2), [9])
    assert two.cuts == ("stem", "stage1", "branches")
    assert one.cuts == ("stem", "stage1", "stage2", "stage3", "branches")
    assert widths_of(two) == (1280, 1280, 1280)
    assert two.width == 3840
    assert classes_of(two) == ((7, 8), (9,))
    assert [branch.cut for branch in branches_of(two)] == ["stage3", "stage1"]
    assert len({original.digest, one.digest, two.digest}) == 3
    assert plain(two).cuts == original.cuts
    assert branches_of(original) == classes_of(original) == ()
    assert widths_of(original) == (1280,)


def test_a_branch_is_taken_out_again(original: Backbone):
    one = grown(original, "stage3", changed(original, "stage3", 1), [7])
    two = grown(one, "stage1", changed(original, "stage1", 2), [9])
    assert pruned(two, 2).digest == one.digest
    assert pruned(two, 2).cuts == one.cuts
    left = pruned(two, 1)
    assert classes_of(left) == ((9,),)
    gone = slice(original.width, 2 * original.width)
    kept = [i for i in range(two.width) if not gone.start <= i < gone.stop]
    assert torch.equal(answers(left), answers(two)[:, kept])
    assert torch.equal(answers(pruned(left, 1)), answers(original))
    with pytest.raises(Refused, match="no branch 3: the network has 2"):
        pruned(two, 3)
    with pytest.raises(Refused, match="the network has none"):
        pruned(original, 1)


def test_nothing_lies_above_the_last_stage(original: Backbone):
    with pytest.raises(Refused, match="Choose a lower cut: stem, stage1"):
        clone_of(original, "features")
    with pytest.raises(BadSetting, match="no stage “attic”"):
        clone_of(original, "attic")


@pytest.mark.parametrize(("adapters", "width"), [(0, 0), (0, 5), (4, 3)])
def test_a_branched_backbone_survives_a_save(tmp_path: Path, adapters: int, width: int):
    file = image_files.weights(tmp_path / "net.safetensors", "mobilenet_v2")
    base = settled(load_backbone("", file, 32))
    origin = Origin("mobilenet_v2", "", 32, base.digest, "")
    if adapters:
        content = tuned_bytes(dressed(base, adapters).stages, origin, Growth(adapters))
        base_tuned = load_tuned(base, content)
    else:
        base_tuned = base
    clone = changed(base_tuned, "stage3", 1)
    if width:
        clone = narrowed(clone, torch.randn(40, 1280), width)
    branched = grown(base_tuned, "stage3", clone, [4, 5], width)
    again = load_tuned(base, tuned_bytes(branched.stages, origin, growth_of(branched)))
    assert again.digest == branched.digest
    assert again.width == 1280 + (width or 1280)
    assert classes_of(again) == ((4, 5),)
    assert torch.equal(answers(again), answers(branched))


def dressed(backbone: Backbone, width: int) -> Backbone:
    from engine.models.adapters import with_adapters

    return with_adapters(backbone, width)


def test_narrowing_keeps_what_varies():
    """Features on a plane of two dimensions are told apart as well by two numbers."""
    torch.manual_seed(0)
    flat = torch.randn(60, 2) @ torch.randn(2, 30) + 5
    layer = narrowed(nn.Sequential(nn.Identity()), flat, 2)
    with torch.no_grad():
        few = layer(flat)
    assert few.shape == (60, 2)
    close = torch.testing.assert_close
    close(apart(few), apart(flat), atol=1e-3, rtol=1e-3)
    few_images = narrowed(nn.Sequential(nn.Identity()), flat[:3], 10)
    assert few_images(flat).shape == (60, 10)


def apart(x: torch.Tensor) -> torch.Tensor:
    """All distances between rows."""
    return (x[:, None] - x[None]).norm(dim=2)


# The exported file.

RUN = """
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
given = numpy.load(sys.argv[2])
numpy.save(sys.argv[3], session.run(None, {session.get_inputs()[0].name: given})[0])
assert "torch" not in sys.modules
"""


def exported(backbone: Backbone, head: nn.Module, folder: Path, name: str) -> np.ndarray:
    """The logits of a network with its head, written as ONNX and run by another process."""
    path, given, found = (folder / f"{name}{end}" for end in (".onnx", ".in.npy", ".out.npy"))
    whole = nn.Sequential(backbone.below(), nn.Unflatten(1, (1, -1)), head).eval()
    write_onnx(whole, shown(2), path, ("pixels", ["logits"]))
    np.save(given, shown().numpy())
    subprocess.run([sys.executable, "-c", RUN, path, given, found], check=True)
    return np.load(found)


def features_of(backbone: Backbone, classes: Sequence[int]) -> dict[int, torch.Tensor]:
    """Features of made-up images, some for each class."""
    found = {}
    for number in classes:
        generator = torch.Generator().manual_seed(number)
        tint = torch.randn(1, 3, 1, 1, generator=generator)
        with torch.no_grad():
            images = tint + torch.randn(8, 3, 32, 32, generator=generator)
            found[number] = backbone.below().eval()(images)[:, None]
    return found


def joined(backbone: Backbone, classes: Sequence[Sequence[int]], wide: bool) -> Learner:
    split = written_split(widths_of(backbone), classes)
    return LEARNERS.make("per_branch", {"split": split, "wide": wide})


@pytest.mark.parametrize("wide", [False, True])
def test_the_exported_file_keeps_old_logits_to_the_last_bit(
    original: Backbone, tmp_path: Path, wide: bool
):
    """Of a real network, and where the second branch begins lower, of one that exports quickly."""
    network, first, second = original, "stage3", "stage3"
    if wide:
        network, first, second = networks.backbone(), "middle", "stem"
    one = grown(network, first, changed(network, first, 1), [3, 4])
    two = grown(one, second, changed(network, second, 2), [5, 6])
    known, more = features_of(one, [1, 2, 3, 4]), features_of(two, [1, 2, 3, 4, 5, 6])
    before = taught(joined(one, [[1, 2], [3, 4]], wide), known)
    after = joined(two, [[1, 2], [3, 4], [5, 6]], wide)
    after.restore(before.memory())
    after = taught(after, part(more, [5, 6]))
    old = exported(one, before.head(), tmp_path, "before")
    new = exported(two, after.head(), tmp_path, "after")
    assert (old.shape[1], new.shape[1]) == (4, 6)
    assert np.array_equal(old.view(np.int32), new[:, :4].copy().view(np.int32))
    assert len(np.unique(old)) == old.size


# Costs.


def test_operations_and_energy_by_hand():
    layer = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    assert macs_of(layer, torch.zeros(1, 3, 10, 10)) == 8 * 3 * 9 * 100
    assert macs_of(nn.Linear(7, 5), torch.zeros(1, 7)) == 35
    assert joules(1e12, 0) == pytest.approx(4.6)
    assert joules(0, 4e12) == pytest.approx(READ * 1e12) == pytest.approx(640)


def test_costs_of_a_branch_beside_training_anew(original: Backbone):
    parts = parts_of(original)
    whole, above = total(parts), total(parts[original.position("stage3") :])
    assert whole.parameters == sum(p.numel() for p in original.below().parameters())
    one = grown(original, "stage1", clone_of(original, "stage1"))
    narrow = narrowed(clone_of(original, "stage3"), torch.randn(9, 1280), 7)
    two = grown(one, "stage3", narrow, [4], 7)
    table = compared(original, two, "stage3", 200, 1000, Recipe(10, 4, 20), 12.5)
    rows = {row["way"]: row for row in table["rows"]}
    branch, tail, anew = (rows[name] for name in ("branch", "upper stages anew", "all anew"))
    assert branch["learn_seconds"] == 12.5
    assert tail["learn_seconds"] is None
    assert (branch["pictures"], tail["pictures"]) == (200, 1000)
    assert tail["learn_macs"] == pytest.approx(5 * branch["learn_macs"])
    assert anew["learn_macs"] == 3 * whole.macs * 1000 * 10
    assert branch["trained_parameters"] == above.parameters < anew["trained_parameters"]
    lower = total(parts[original.position("stage1") :])
    assert branch["macs"] == whole.macs + above.macs + lower.macs + 1280 * 7
    narrowing = 1281 * 7
    assert branch["stored_bytes"] == 4 * (
        whole.parameters + above.parameters + lower.parameters + narrowing
    )
    assert anew["macs"] == whole.macs
    assert rows["a network for each step"]["macs"] == 3 * whole.macs
    assert all(row["learn_joules"] > row["joules"] > 0 for row in rows.values())
    assert "estimate" in table["energy"]
    assert "ISSCC 2014" in table["energy"]


def test_a_branch_costs_no_digest_twice(original: Backbone):
    """Equal weights have equal digests, so that kept activations are found again."""
    first, second = (
        grown(original, "stage3", changed(original, "stage3", 1), [1]) for _ in range(2)
    )
    assert first.digest == second.digest
    assert replace(first).digest == grown(original, "stage3", changed(original, "stage3", 1)).digest

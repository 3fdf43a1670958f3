"""Every tuner against every check, then each one's own claim, on a network of four small stages."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import Refused, UnusableWeights
from engine.models.backbone import Backbone, Stage, digest_of
from engine.models.growth import Growth, growth_of
from engine.models.provenance import Origin
from engine.models.tuned import as_tuned, facts_for, load_tuned, tuned_bytes
from engine.training.dataset import ImageArray
from engine.training.initial_head import regression
from engine.training.loop import Stack
from engine.training.tuner import HEAD, Tuning
from engine.training.tuners import TUNERS
from engine.training.tuners.rehearsal import Rehearsal, align, herded
from tests.helpers import networks

pytestmark = pytest.mark.usefixtures("one_thread")
ALL = sorted(name for name, plugin in TUNERS.items() if issubclass(plugin, Tuning))
QUICK = {"batch": 8, "epochs": 1.0, "lr": 0.05, "augment": "none"}
ORIGIN = Origin("tiny", "", networks.SIZE, "", "")
PIXELS = torch.randn(6, 3, networks.SIZE, networks.SIZE, generator=torch.Generator().manual_seed(4))


def made(name: str, **settings: object) -> Tuning:
    return TUNERS.make(name, {**QUICK, **settings})  # type: ignore[return-value]


def tuned(
    name: str, source: Backbone, schedule: str = "none", new: Sequence[int] = (), **settings: object
) -> tuple[Stack, Backbone]:
    """A stack after one epoch, and the network in use that came of it."""
    tuning = made(name, **settings)
    stack = networks.dressed(tuning, source)
    shown = networks.lessons(tuning, networks.views(networks.corpus()), schedule)
    list(networks.trained(tuning, stack, shown, new))
    trained = copy.deepcopy(stack)
    return trained, networks.undressed(tuning, stack, source)


def state(network: Backbone) -> dict[str, torch.Tensor]:
    return {
        f"{stage.name}|{name}": tensor.clone()
        for stage in network.stages
        for name, tensor in stage.module.state_dict().items()
    }


def moved(before: Backbone, after: Backbone) -> set[str]:
    """The tensors that are no longer the same, bit by bit."""
    old, new = state(before), state(after)
    assert old.keys() == new.keys()
    return {name for name in old if not torch.equal(old[name], new[name])}


# Every tuner.


@pytest.mark.parametrize("name", ALL)
def test_an_epoch_changes_what_the_network_makes_of_pictures(name: str) -> None:
    source = networks.backbone()
    before = networks.features(source, PIXELS)
    _, after = tuned(name, source)
    assert not torch.allclose(networks.features(after, PIXELS), before, atol=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_the_file_gives_what_was_trained(name: str) -> None:
    source = networks.backbone()
    stack, after = tuned(name, source)
    growth = made(name).growth(Growth())
    content = tuned_bytes(after.stages, ORIGIN, growth)
    again = load_tuned(source, content)
    with torch.inference_mode():
        x = PIXELS
        for part_name, part in stack.eval().parts.items():
            x = part(x) if part_name != HEAD else x
    torch.testing.assert_close(networks.features(again, PIXELS), x, rtol=1e-4, atol=1e-5)
    told = as_tuned(after, facts_for(ORIGIN, growth))
    assert (again.digest, again.name, again.facts) == (told.digest, told.name, told.facts)
    assert again.digest != load_tuned(source, tuned_bytes(source.stages, ORIGIN, Growth())).digest


@pytest.mark.parametrize("name", ALL)
def test_the_backbone_it_began_with_is_left_as_it_was(name: str) -> None:
    source = networks.backbone()
    modules = [m for stage in source.stages for m in stage.module.modules()]
    parameters = [p for stage in source.stages for p in stage.module.parameters()]
    before = digest_of(state(source))
    tuned(name, source)
    assert digest_of(state(source)) == before
    assert not any(m.training for m in modules)
    assert all(p.requires_grad and p.grad is None for p in parameters)


@pytest.mark.parametrize("name", sorted(set(ALL) - {"scratch"}))
def test_it_begins_as_the_network_it_is_given(name: str) -> None:
    source = networks.backbone()
    stack = networks.dressed(made(name), source).eval()
    stack.parts[HEAD] = nn.Identity()
    with torch.inference_mode():
        torch.testing.assert_close(stack(PIXELS), networks.features(source, PIXELS))


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    digests = set()
    for noise in (1, 2):
        source = networks.backbone()
        torch.manual_seed(noise)
        tuning = made(name)
        torch.manual_seed(tuning.seed)
        digests.add(digest_of(state(tuned(name, source)[1])))
    assert len(digests) == 1


FIXED = {"adapters": ("0.module.",), "lora": (), "batch_norm": ("0.0.weight", "0.weight")}


@pytest.mark.parametrize("schedule", ["none", "gradual", "freezeout"])
def test_what_a_tuner_fixes_stays_when_stages_freeze_and_thaw(schedule: str) -> None:
    """Convolutions where only norms learn, and the whole network under adapters."""
    source = networks.backbone()
    _, after = tuned("batch_norm", source, schedule)
    kinds = {key: dict(s.module.named_modules()) for key, s in ((s.name, s) for s in source.stages)}
    for key in moved(source, after):
        stage, name = key.split("|")
        assert isinstance(kinds[stage][name.rpartition(".")[0]], nn.BatchNorm2d)
    stack, _ = tuned("adapters", source, schedule)
    under = {
        key.replace("0.module.", ""): tensor
        for key, tensor in stack.parts.state_dict().items()
        if ".0.module." in key
    }
    old = {key.replace("|", "."): tensor for key, tensor in state(source).items()}
    assert under.keys() == old.keys()
    assert all(torch.equal(under[key], old[key]) for key in old)
    assert not any(
        p.requires_grad for key, p in stack.parts.named_parameters() if ".0.module." in key
    )


@pytest.mark.parametrize("name", ["fine_tune", "batch_norm", "lora", "scratch", "rehearsal"])
def test_a_network_with_adapters_can_be_tuned_further(name: str) -> None:
    """All of it, its norms included: nothing of the run before is still held fast."""
    source = networks.backbone()
    _, after = tuned("adapters", source)
    grown = load_tuned(source, tuned_bytes(after.stages, ORIGIN, Growth(adapters=32)))
    _, further = tuned(name, grown)
    still = set(state(grown)) - moved(grown, further)
    if name == "batch_norm":
        assert not [key for key in still if "running_mean" in key]
    elif name == "lora":
        assert not [key for key in still if key.endswith("conv.weight")]
    else:
        assert still == set()
    assert growth_of(further) == Growth(adapters=32)


# Each one's own claim.


def test_adapters_are_put_into_a_network_once() -> None:
    source = networks.backbone()
    _, after = tuned("adapters", source)
    grown = load_tuned(source, tuned_bytes(after.stages, ORIGIN, Growth(adapters=32)))
    with pytest.raises(Refused, match="adapters or branches already"):
        made("adapters").dressed(grown)


def test_low_rank_changes_are_added_in_and_leave_the_shape() -> None:
    """The network in use has the names and shapes of the first, and answers as the trained one."""
    source = networks.backbone()
    stack, after = tuned("lora", source, rank=2)
    pointwise = {"middle|0.weight", "upper|0.weight"}
    assert moved(source, after) == pointwise
    old, new = state(source), state(after)
    assert {k: v.shape for k, v in old.items()} == {k: v.shape for k, v in new.items()}
    for key in pointwise:
        assert torch.linalg.matrix_rank((new[key] - old[key])[:, :, 0, 0], rtol=1e-4) == 2
    stack.parts[HEAD] = nn.Identity()
    with torch.inference_mode():
        torch.testing.assert_close(stack.eval()(PIXELS), networks.features(after, PIXELS))


def test_low_rank_changes_need_convolutions_of_one_pixel() -> None:
    with pytest.raises(Refused, match="no 1x1 convolutions"):
        made("lora").dressed(networks.backbone(pointwise=False))


class Odd(nn.Module):
    """Attention, and weights that belong to no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.scale = nn.Parameter(torch.full((8, 1, 1), 0.3))


def test_from_scratch_no_weight_is_what_it_was() -> None:
    source = networks.backbone()
    source.stages.append(Stage("odd", Odd()))
    for stage, after in zip(source.stages, made("scratch").dressed(source), strict=True):
        for (name, old), new in zip(
            stage.module.named_parameters(), after.module.parameters(), strict=True
        ):
            fresh = name.endswith("bias") or "1.weight" in name  # as a new layer has them
            assert fresh or not torch.isclose(new, old).any(), name


def test_a_file_that_is_cut_short_or_of_another_shape_is_refused() -> None:
    source = networks.backbone()
    content = tuned_bytes(source.stages, ORIGIN, Growth())
    adapted = tuned_bytes(tuned("adapters", source)[1].stages, ORIGIN, Growth(adapters=32))
    other = adapted.replace(b'\\"adapters\\": 32', b'\\"adapters\\": 16')
    assert other != adapted
    for broken in (b"", content[:50], content[:-9], content[:200] + b"\0" * 500, other):
        with pytest.raises(UnusableWeights, match="damaged"):
            load_tuned(source, broken)


# Rehearsal.


def test_herding_keeps_the_mean_as_a_search_through_all_would() -> None:
    x = np.random.default_rng(1).normal(size=(9, 5)) + 1
    order = herded(x)
    assert sorted(order) == list(range(9))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    for count in range(1, 9):
        kept = list(order[: count - 1])
        far = {
            n: np.linalg.norm(unit.mean(0) - unit[[*kept, n]].mean(0))
            for n in set(range(9)) - set(kept)
        }
        assert far[order[count - 1]] == pytest.approx(min(far.values()))
    # For so few, the first three are about as good as the best three.
    best = min(
        np.linalg.norm(unit.mean(0) - unit[list(three)].mean(0))
        for three in itertools.combinations(range(9), 3)
    )
    assert np.linalg.norm(unit.mean(0) - unit[order[:3]].mean(0)) < 3 * best


@pytest.mark.parametrize(
    ("settings", "each"),
    [
        ({"memory": 7}, (3, 3)),
        ({"memory": 0}, (0, 0)),
        ({"memory": 1000}, (10, 5)),
        ({"memory_mb": 0.0006}, (3, 3)),  # 300 bytes a class, of images of 100 bytes
        ({"memory_mb": 0.0001}, (0, 0)),
    ],
)
def test_exemplars_stay_within_the_memory(settings: dict, each: tuple[int, int]) -> None:
    classes = np.repeat([0, 1, 2], [10, 5, 4])
    features = np.random.default_rng(0).normal(size=(19, 6))
    rows = made("rehearsal", **settings).chosen(features, classes, np.full(19, 100), {2})
    assert rows is not None
    found = np.bincount(classes[rows], minlength=3)
    assert tuple(found) == (*each, 4)
    assert list(rows) == sorted(set(rows))


@pytest.mark.parametrize("new", [(), (0, 1, 2)])
def test_rehearsal_needs_old_and_new_classes(new: tuple[int, ...]) -> None:
    classes = np.repeat([0, 1, 2], 4)
    with pytest.raises(Refused, match="no such steps yet"):
        made("rehearsal").chosen(np.zeros((12, 6)), classes, np.ones(12), new)


def test_distillation_keeps_the_answers_on_old_classes() -> None:
    """They change much less while new classes are learnt, without an image of the old ones."""
    change = []
    for strength in (0.0, 1.0):
        tuning = made("rehearsal", distillation=strength, epochs=8.0, lr=0.01)
        stack = networks.dressed(tuning, networks.backbone())
        with torch.inference_mode():
            before = stack.eval()(PIXELS)[:, :2].clone()
        shown = networks.lessons(tuning, networks.views(networks.corpus((0, 0, 12, 12))))
        list(networks.trained(tuning, stack, shown, new=(2, 3)))
        with torch.inference_mode():
            after = stack.eval()(PIXELS)[:, :2]
        said = [logits.log_softmax(1) for logits in (after, before)]
        change.append(float(nn.functional.kl_div(*said, reduction="batchmean", log_target=True)))
    assert change[0] > 5 * change[1]


def test_the_teacher_answers_from_the_pictures_as_before_the_step() -> None:
    """Where stages freeze after they have learnt, what is kept of them is not the teacher's."""
    tuning = made("rehearsal", epochs=2.0)
    shown = networks.lessons(tuning, networks.views(networks.corpus()), "freezeout", t0=0.3)
    table = shown.timetable
    assert isinstance(tuning, Rehearsal)
    assert any(table.settled(p) for p in range(table.total))
    assert not any(tuning.served(table, p) for p in range(table.total))
    frozen = networks.lessons(tuning, networks.views(networks.corpus()), "head_only").timetable
    assert all(tuning.served(frozen, p) == 4 for p in range(frozen.total))
    plain = made("rehearsal", epochs=2.0, distillation=0)
    assert any(plain.served(table, p) for p in range(table.total))


def stack_of_two(tuning: Tuning, images: ImageArray) -> Stack:
    """A network whose head tells the classes 0 and 1 apart and knows nothing of 2 and 3 yet."""
    stack = networks.dressed(tuning, networks.backbone())
    old = np.flatnonzero(images.classes < 2)
    features = networks.features(networks.backbone(), networks.views(images, "none")(old, old * 0))
    known = regression(features.clone(), torch.from_numpy(images.classes[old]))
    head = stack.parts[HEAD]
    with torch.no_grad():
        for new, learnt in ((head.weight, known.weight), (head.bias, known.bias)):
            new.zero_()
            new[:2] = learnt
    return stack


def accuracies(stack: Stack, images: ImageArray) -> tuple[float, float]:
    """Shares that are answered rightly, of the classes 0 and 1, and of 2 and 3."""
    rows = np.arange(len(images))
    with torch.inference_mode():
        said = stack.eval()(networks.views(images, "none")(rows, rows * 0)).argmax(1).numpy()
    right, old = said == images.classes, images.classes < 2
    return float(right[old].mean()), float(right[~old].mean())


def test_the_new_rows_of_the_head_learn_first_alone() -> None:
    """Without an image of the old classes; they are as long as the old rows."""
    tuning = made("rehearsal")
    stack = stack_of_two(tuning, networks.corpus())
    before = copy.deepcopy(stack)
    tuning.begin(
        stack, networks.lessons(tuning, networks.views(networks.corpus((0, 0, 12, 12)))), {2, 3}
    )
    head, old = stack.parts[HEAD], before.parts[HEAD]
    assert torch.equal(head.weight[:2], old.weight[:2])
    assert torch.equal(head.bias[:2], old.bias[:2])
    lengths = head.weight.detach().norm(dim=1)
    assert lengths[:2].mean() == pytest.approx(float(lengths[2:].mean()), rel=1e-5)
    with torch.no_grad():
        head.weight[:2] = 0
        head.bias[:2] = -100
    assert accuracies(stack, networks.corpus((9, 9, 9, 9), seed=1))[1] == 1.0
    rest = {k: v for k, v in stack.state_dict().items() if f".{HEAD}." not in k}
    assert all(torch.equal(v, before.state_dict()[k]) for k, v in rest.items())


def test_alignment_after_a_short_slow_training_does_not_ruin_the_old_classes() -> None:
    """Rows that had begun from nothing were made so long that they drowned the old ones."""
    tuning = made("rehearsal", lr=1e-4, memory=8)
    images, asked = networks.corpus((4, 4, 12, 12)), networks.corpus((9, 9, 9, 9), seed=1)
    stack = stack_of_two(tuning, images)
    assert accuracies(stack, asked)[0] == 1.0
    shown = networks.lessons(tuning, networks.views(images, "none"))
    tuning.begin(stack, shown, {2, 3})
    list(networks.trained(tuning, stack, shown, (2, 3)))
    before = accuracies(stack, asked)
    tuning.concluded(stack.parts[HEAD], {2, 3})
    after = accuracies(stack, asked)
    assert min(*before, *after) > 0.7


def test_alignment_makes_new_rows_as_long_as_old_ones() -> None:
    head = nn.Linear(5, 4)
    with torch.no_grad():
        head.weight[2:] *= 7
    before, bias = head.weight.detach().clone(), head.bias.detach().clone()
    align(head, {2, 3})
    lengths = head.weight.detach().norm(dim=1)
    assert lengths[:2].mean() == pytest.approx(float(lengths[2:].mean()), rel=1e-5)
    assert torch.equal(head.weight[:2], before[:2])
    factor = (head.weight[2:] / before[2:]).flatten()
    torch.testing.assert_close(factor, factor[:1].expand_as(factor))
    torch.testing.assert_close(head.bias[2:] / bias[2:], factor[:1].expand(2))

"""What tells that an image is none of the classes, and how much each kind of evidence counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from engine.learners import LEARNERS, Learner
from engine.learners.confidence import Calibration, calibrate, calibrated
from engine.learners.metrics import ranked_above
from tests.helpers.features import Features, maker, part, taught

WIDE, INSIDE, CLASSES = 40, 10, 6
NOTHING = torch.zeros(0, 1, WIDE), torch.zeros(0, dtype=torch.int64)


def classes_in_a_space(seed: int, images: int = 30) -> Features:
    """Classes that differ a little in all directions, and whose images vary a lot along INSIDE of
    them, all alike: by their directions alone they are hard to tell."""
    fixed, drawn = torch.Generator().manual_seed(3), torch.Generator().manual_seed(seed)
    means = 0.5 * torch.randn(CLASSES, 1, WIDE, generator=fixed)
    wide = torch.cat([torch.full((INSIDE,), 2.5), torch.full((WIDE - INSIDE,), 0.7)])
    x = means + wide * torch.randn(CLASSES, images, WIDE, generator=drawn)
    return dict(enumerate(x[:, :, None]))


def labelled(features: Features) -> tuple[torch.Tensor, torch.Tensor]:
    numbers = [c for c in sorted(features) for _ in features[c]]
    return torch.cat([features[c] for c in sorted(features)]), torch.tensor(numbers)


def fitted(learner: Learner, x: Features) -> Calibration:
    sample = labelled(x)
    return calibrate(learner.head(), *sample, *NOTHING, learner.left_out(*sample))


def pairs(learner: Learner, known: Calibration, near: Features, far: Features) -> float:
    model = calibrated(learner.head(), known)
    with torch.inference_mode():
        a, b = (model(labelled(some)[0])[1].numpy() for some in (near, far))
    return ranked_above(b, a)


def test_more_evidence_tells_classes_that_were_never_learnt_from_those_that_were() -> None:
    x, asked = classes_in_a_space(1), classes_in_a_space(2, 100)
    learner = taught(LEARNERS.make("slda"), part(x, [0, 1, 2, 3]))
    near, far = part(asked, [0, 1, 2, 3]), part(asked, [4, 5])
    alone = calibrate(learner.head(), *labelled(part(x, [0, 1, 2, 3])), *NOTHING)
    weighed = fitted(learner, part(x, [0, 1, 2, 3]))
    assert pairs(learner, weighed, near, far) > pairs(learner, alone, near, far) + 0.03
    with torch.inference_mode():
        found = calibrated(learner.head(), weighed)(labelled(near)[0])[1]
    assert 0.93 < (found <= weighed.threshold).double().mean() < 1


@pytest.mark.parametrize("case", ["ncm-cosine", "slda", "ridge", "auto"])
def test_forgetting_a_class_leaves_what_was_never_to_know_it(case: str) -> None:
    x = classes_in_a_space(1)
    kept = part(x, [0, 1, 2, 3])
    never, forgot = taught(maker(case)(), kept), taught(maker(case)(), part(x, [4]), kept)
    forgot.forget(4, x[4])
    forgot.refit(*labelled(kept))
    one, two = fitted(never, kept).save(), fitted(forgot, kept).save()
    assert "evidence_weights" in one
    assert one.keys() == two.keys()
    for name, array in one.items():
        np.testing.assert_allclose(array, two[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_order_of_learning_does_not_matter() -> None:
    x = part(classes_in_a_space(1), [0, 1, 2, 3])
    halves = [{c: x[c][some] for c in x} for some in (slice(15, 30), slice(15))]
    one, two = taught(LEARNERS.make("slda"), x), taught(LEARNERS.make("slda"), *halves)
    two.refit(*labelled(x))
    for name, array in fitted(one, x).save().items():
        again = fitted(two, x).save()[name]
        np.testing.assert_allclose(array, again, rtol=1e-5, atol=1e-6, err_msg=name)


def test_what_was_learnt_before_keeps_the_distance_that_it_had() -> None:
    x = part(classes_in_a_space(1), [0, 1, 2])
    learner = taught(LEARNERS.make("slda"), x)
    memory = calibrate(learner.head(), *labelled(x), *NOTHING).save()
    assert memory.keys() == {"temperature", "threshold", "directions"}  # as steps of before have it
    known = Calibration.restore(memory)
    assert known.kinds == ()
    features, _ = labelled(classes_in_a_space(2))
    u = torch.nn.functional.normalize(features[:, 0])
    expected = 1 - (u @ torch.tensor(memory["directions"]).T).amax(dim=1)
    with torch.inference_mode():
        found = calibrated(learner.head(), known)(features)[1]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("case", "classes"), [("tilda-1", 4), ("slda", 2)])
def test_without_leaving_out_there_is_one_kind(case: str, classes: int) -> None:
    """TILDA can't leave an image out, and of two classes none can be."""
    x = part(classes_in_a_space(1), list(range(classes)))
    assert fitted(taught(maker(case)(), x), x).kinds == ()


def test_pairs_are_counted_as_others_count_them() -> None:
    rng = np.random.default_rng(0)
    high, low = rng.integers(3, 12, 50).astype(float), rng.integers(0, 9, 70).astype(float)
    truth = np.r_[np.ones(50), np.zeros(70)]
    assert ranked_above(high, low) == pytest.approx(roc_auc_score(truth, np.r_[high, low]))
    assert ranked_above(high, low[:0]) == 0.5

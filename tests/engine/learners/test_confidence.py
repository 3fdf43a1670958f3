"""Confidences that mean what they say, and images that are none of the classes."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from engine.learners import LEARNERS, Learner
from engine.learners.confidence import Calibration, calibrate, calibrated, temperature
from tests.helpers.features import WIDTH, Features, drawn_features, part, taught

LEARNT = [1, 2, 4]


def labelled(features: Features) -> tuple[torch.Tensor, torch.Tensor]:
    classes = sorted(features)
    return (
        torch.cat([features[c] for c in classes]),
        torch.tensor([c for c in classes for _ in features[c]]),
    )


def fitted(name: str, held: int = 30) -> tuple[Learner, Calibration, torch.nn.Module]:
    """A learner of three classes, its calibration, and both as one module."""
    x = part(drawn_features(1, images=100), LEARNT)
    settings = {"size": 100} if name == "ridge" else {}
    learner = taught(LEARNERS.make(name, settings), x)
    test = labelled(part(drawn_features(2, images=held), LEARNT))
    calibration = calibrate(learner.head(), *labelled(x), *test)
    return learner, calibration, calibrated(learner.head(), calibration)


def drawn(seed: int, heat: float, images: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are `heat` times too sure, with classes drawn from their true probabilities."""
    generator = torch.Generator().manual_seed(seed)
    true = 2 * torch.randn(images, 5, generator=generator)
    classes = torch.multinomial(true.softmax(dim=1), 1, generator=generator)[:, 0]
    return true * heat, classes


def expected_calibration_error(
    probabilities: torch.Tensor, places: torch.Tensor, bins: int = 15
) -> float:
    """The mean gap between confidence and accuracy, by confidence (Naeini et al., 2015)."""
    sure, predicted = probabilities.to(torch.float64).max(dim=1)
    right = (predicted == places).to(torch.float64)
    box = (sure * bins).ceil().clamp(1, bins).long() - 1
    gap = torch.zeros(bins, dtype=torch.float64).index_add_(0, box, right - sure)
    return (gap.abs().sum() / max(len(places), 1)).item()


@pytest.mark.parametrize("heat", [0.02, 1.0, 50.0])
def test_temperature_is_found(heat: float) -> None:
    logits, classes = drawn(1, heat)
    assert temperature(logits, classes) == pytest.approx(heat, rel=0.05)
    probabilities = (logits / temperature(logits, classes)).softmax(dim=1)
    assert expected_calibration_error(probabilities, classes) < 0.03


def test_temperature_has_the_least_cross_entropy() -> None:
    """On many images, where smoothing weighs nothing, no neighbour does better."""
    logits, classes = drawn(2, 3.0, images=20_000)
    best = temperature(logits, classes)

    def loss(heat: float) -> float:
        return torch.nn.functional.cross_entropy(logits.double() / heat, classes).item()

    assert loss(best) < min(loss(best * 0.97), loss(best * 1.03))


def test_temperature_stays_finite() -> None:
    right = 10 * torch.eye(3).repeat(20, 1)
    assert 0.5 < temperature(right, torch.arange(3).repeat(20)) < 10  # all right: sure, not certain
    wrong = temperature(right, torch.tensor([1, 2, 0]).repeat(20))
    assert np.isfinite(wrong)
    assert (right / wrong).softmax(dim=1).amax() < 0.35  # all wrong: as good as a guess
    assert temperature(torch.zeros(5, 3), torch.tensor([0, 1, 2, 0, 1])) == 1.0
    assert temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)) == 1.0


def test_expected_calibration_error_by_hand() -> None:
    """Two images at 0.9, one right; two at 0.6, both right: (2 |0.5-0.9| + 2 |1-0.6|) / 4."""
    sure = torch.tensor([0.9, 0.9, 0.6, 0.6])
    probabilities = torch.stack([sure, 1 - sure], dim=1)
    error = expected_calibration_error(probabilities, torch.tensor([0, 1, 0, 0]))
    assert error == pytest.approx(0.4)


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("held", [3, 30])
def test_confidence_is_what_it_says(name: str, held: int) -> None:
    """Also where so few images are held out that training images stand in."""
    learner, _, model = fitted(name, held)
    features, classes = labelled(part(drawn_features(3, images=200), LEARNT))
    with torch.inference_mode():
        probabilities, distance = model(features)
        logits = learner.head()(features)
    assert probabilities.shape == (600, 3)
    assert distance.shape == (600,)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(600))
    assert torch.equal(probabilities.argmax(dim=1), logits.argmax(dim=1))
    where = torch.searchsorted(torch.tensor(LEARNT), classes)
    assert expected_calibration_error(probabilities, where) < 0.1


def test_pictures_of_no_class_are_far() -> None:
    """About 98 % of new images of the classes are known; classes never learnt lie farther."""
    _, calibration, model = fitted("slda")
    known, _ = labelled(part(drawn_features(3, images=300), LEARNT))
    other, _ = labelled(part(drawn_features(3, images=300), [0, 3, 5]))
    near, far = model(known)[1], model(other)[1]
    assert 0.95 < (near <= calibration.threshold).double().mean() < 1
    assert (far > calibration.threshold).double().mean() > 0.15
    assert (far[:, None] > near).double().mean() > 0.8
    assert model(-known)[1].min() > 0
    assert torch.isfinite(model(torch.zeros(1, 1, WIDTH))[1]).all()


def test_threshold_comes_without_held_out_images() -> None:
    x = part(drawn_features(1, images=100), LEARNT)
    head = taught(LEARNERS.make("ncm"), x).head()
    nothing = torch.zeros(0, 1, WIDTH), torch.zeros(0, dtype=torch.long)
    calibration = calibrate(head, *labelled(x), *nothing)
    known, _ = labelled(part(drawn_features(3, images=300), LEARNT))
    near = calibrated(head, calibration)(known)[1]
    assert 0.95 < (near <= calibration.threshold).double().mean() < 1


def test_threshold_leaves_each_image_out() -> None:
    """Of few images, each is near a mean that it is part of: new ones must be known as well."""
    nothing = torch.zeros(0, 1, WIDTH), torch.zeros(0, dtype=torch.long)
    known = []
    for seed in (1, 4, 5):
        x = part(drawn_features(seed, images=5), LEARNT)
        head = taught(LEARNERS.make("ncm"), x).head()
        calibration = calibrate(head, *labelled(x), *nothing)
        near = calibrated(head, calibration)(labelled(part(drawn_features(9, 300), LEARNT))[0])[1]
        known.append((near <= calibration.threshold).double().mean().item())
    assert np.mean(known) > 0.85


def test_one_image_in_each_class_and_none_held_out() -> None:
    """Nothing says how far is far, so everything is known."""
    x = part(drawn_features(1, images=1), LEARNT)
    head = taught(LEARNERS.make("slda"), x).head()
    nothing = torch.zeros(0, 1, WIDTH), torch.zeros(0, dtype=torch.long)
    calibration = calibrate(head, *labelled(x), *nothing)
    assert calibration.threshold >= 1
    probabilities, _ = calibrated(head, calibration)(labelled(x)[0])
    assert torch.isfinite(probabilities).all()


def test_few_images_say_nothing_of_how_far_is_far() -> None:
    """With nine images, of which each lies among its own, new ones would nearly all be unknown."""
    nothing = torch.zeros(0, 1, WIDTH), torch.zeros(0, dtype=torch.long)
    few, ten = (part(drawn_features(1, images=count), LEARNT[:1]) for count in (9, 10))
    new, _ = labelled(part(drawn_features(3, images=300), LEARNT[:1]))
    for x, all_known in ((few, True), (ten, False)):
        head = taught(LEARNERS.make("slda"), x).head()
        calibration = calibrate(head, *labelled(x), *nothing)
        away = calibrated(head, calibration)(new)[1]
        assert bool((away <= calibration.threshold).all()) == all_known


@pytest.mark.parametrize("name", LEARNERS)
def test_a_single_class_is_certain(name: str) -> None:
    x = part(drawn_features(1), [2])
    head = taught(LEARNERS.make(name), x).head()
    calibration = calibrate(head, *labelled(x), *labelled(part(drawn_features(2), [2])))
    probabilities, _ = calibrated(head, calibration)(drawn_features(3)[0])
    assert torch.equal(probabilities, torch.ones(30, 1))


def test_order_of_images_does_not_matter() -> None:
    x, test = labelled(part(drawn_features(1), LEARNT)), labelled(part(drawn_features(2), LEARNT))
    head = taught(LEARNERS.make("slda"), part(drawn_features(1), LEARNT)).head()
    turned = (v.flip(0) for v in (*x, *test))
    one, two = calibrate(head, *x, *test), calibrate(head, *turned)
    assert one.temperature == pytest.approx(two.temperature, rel=1e-9)
    assert one.threshold == pytest.approx(two.threshold, rel=1e-9)
    np.testing.assert_allclose(one.directions, two.directions, rtol=1e-6, atol=1e-7)


def test_saved_and_restored(tmp_path) -> None:
    learner, calibration, model = fitted("slda")
    np.savez(tmp_path / "calibration.npz", **calibration.save())
    restored = Calibration.restore(np.load(tmp_path / "calibration.npz"))
    features = drawn_features(3)[1]
    for a, b in zip(model(features), calibrated(learner.head(), restored)(features), strict=True):
        assert torch.equal(a, b)


def test_exports_to_onnx_with_a_free_batch(tmp_path) -> None:
    _, _, model = fitted("slda")
    path, features = str(tmp_path / "model.onnx"), drawn_features(3)[1]
    free = ({0: torch.export.Dim("batch")},)
    torch.onnx.export(model, (features[:3],), path, dynamo=True, dynamic_shapes=free, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for batch in (features, features[:1]):
        out = session.run(None, {session.get_inputs()[0].name: batch.numpy()})
        for got, expected in zip(out, model(batch), strict=True):
            torch.testing.assert_close(torch.tensor(got), expected)

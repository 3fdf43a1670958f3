"""Every format with every kind of model: written, opened in another process, compared, judged.

The kinds: several heads together, TILDA's vote, a tuned network, one with a branch, and a subnet.
The first and the tuned one give moments of an earlier stage among their features; the first one
gives roots of all, and looks at each image and its mirror image.
All of a kind of runtime are opened in one process, one after the other, by the function that each
export is checked with; whether a single export is one gesture is for tests/gestures.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import Refused
from engine.export import exported as open_file
from engine.export import readers
from engine.export.check import Checked
from engine.export.formats import EXPORTERS, ExportData
from engine.export.graphs.model_onnx import Whole
from engine.export.receipts.measured import receipt_of
from engine.export.receipts.words import summary
from engine.export.write import check_target
from engine.images.decode import open_image
from engine.learners import LEARNERS
from engine.learners.confidence import Calibration, calibrate, calibrated
from engine.learners.joining import written_split
from engine.learners.pooling import Pooled
from engine.learners.promise import Promise
from engine.models.adapters import with_adapters
from engine.models.backbone import Backbone, Model
from engine.models.branches import clone_of, grown
from engine.models.features import with_features
from engine.models.growth import MOMENTS
from engine.models.supernet.architecture import smallest
from engine.models.supernet.files import backbone_of
from engine.models.trunk import Frozen
from engine.system.groups import Groups
from tests.helpers import networks
from tests.helpers.another_process import look
from tests.helpers.features import taught
from tests.helpers.generators import result
from tests.helpers.image_files import image
from tests.helpers.supernets import supernet

NAMES = ("red", "odd \udcff", "two\nlines")
EACH = 8
"""Images of a class to compare on; as many others are learnt from."""
SIZES = ((40, 31), (33, 97), (16, 16), (150, 91))
KINDS = ("chosen", "tilda", "tuned", "branched", "subnet")
FEATURES = {"chosen": f"{MOMENTS}-roots-mirror", "tuned": MOMENTS}
KINDS_OF = {
    "litert": ("chosen", "tilda"),
    "pt2": ("tilda", "tuned", "branched"),
    "pi": ("chosen", "tilda"),
}
"""Where PyTorch's compiler takes ten seconds for each kind: the others differ in nothing that it
sees. The zip holds what `onnx` writes of all kinds."""
CLOSE = {"onnx-fp16": 0.1, "onnx-int8": 2.0}
"""How far a format's distances may lie from the project's, in deviations of these."""
BY_PYTORCH = {"pt2", "safetensors"}
SETTINGS: dict[tuple[str, str], dict[str, Any]] = {
    ("onnx-int8", kind): {
        "layers": 2 if kind == "branched" else 0,
        "points": 10,  # Networks with random weights lose more in 8 bits than trained ones.
        "fastest": kind == "chosen",  # It is timed for seconds.
    }
    for kind in KINDS
}
pytestmark = pytest.mark.usefixtures("one_thread")
there = pytest.mark.parametrize("name", list(EXPORTERS))


def backbone(kind: str) -> Backbone:
    if kind == "subnet":
        return backbone_of("subnet", supernet().subnet(smallest(32)).eval(), 32, "", {})
    found = networks.backbone(pointwise=False)
    torch.manual_seed(1)
    if kind in FEATURES:
        found = with_features(networks.with_last_layer(found), FEATURES[kind])
    if kind == "tuned":
        found = with_adapters(found, 4)
        for stage in found.stages:
            torch.nn.init.normal_(stage.module[1].up.weight, std=0.5)
    if kind == "branched":
        clone = clone_of(found, "stem")
        for weights in clone.parameters():
            weights.data += 0.1 * torch.randn_like(weights)
        found = grown(found, "stem", clone, [2])
    return found


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], np.ndarray]:
    """Images of three colours and many sizes, and their classes; half are to learn from."""
    folder = tmp_path_factory.mktemp("pictures")
    truth = np.arange(2 * len(NAMES) * EACH) % len(NAMES)
    paths = [
        image(folder / f"{n}.png", n, SIZES[n % 4], "PNG", hue=place / len(NAMES))
        for n, place in enumerate(truth)
    ]
    return paths, truth


Ready = tuple[Model, ExportData]


@pytest.fixture(scope="module")
def models(images) -> Mapping[str, Ready]:
    """A model of each kind that learnt half of the images, and the project's own answers."""
    paths, truth = images
    half = len(paths) // 2
    found = {}
    for kind in KINDS:
        network = backbone(kind)
        p = network.preprocessing
        pixels = torch.from_numpy(np.stack([open_image(path, p).pixels for path in paths]))
        learner = learner_for(kind, network)
        with torch.inference_mode():
            features = Frozen.of(network, learner.views)(pixels)
        learnt, classes = features[half:], torch.from_numpy(truth[half:])
        taught(learner, {c: learnt[classes == c] for c in range(len(NAMES))})
        head = head_of(learner)
        said = learner.left_out(learnt, classes)
        known = with_all_evidence(calibrate(head, learnt, classes, *nothing(features), said))
        model = Model(network, calibrated(head, known), NAMES, 1.0, learner.views, known.kinds)
        with torch.inference_mode():
            expected, far = (part.numpy() for part in Whole(model).eval()(pixels[:half]))
        assert (expected.argmax(1) == truth[:half]).mean() > 0.6, kind
        model = replace(model, promise=promise_between(expected), threshold=between(far))
        found[kind] = (
            model,
            ExportData(paths[:half], expected, truth[:half], paths[half:], half, far=far),
        )
    return found


def nothing(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """No images that are held out."""
    return features[:0], torch.zeros(0, dtype=torch.int64)


def with_all_evidence(known: Calibration) -> Calibration:
    """All three kinds count, whatever was chosen; a learner that leaves no image out has one."""
    if known.evidence is None:
        return known
    return replace(known, evidence=replace(known.evidence, weights=np.array([10.0, 5.0, 0.5])))


def between(values: np.ndarray) -> float:
    """A number with values above and below it, and none near."""
    middle = np.sort(values)[len(values) // 4 : -len(values) // 4]
    at = int(np.diff(middle).argmax())
    return float(middle[at : at + 2].mean())


def promise_between(probabilities: np.ndarray) -> Promise:
    """One that lets about half of the answers be given, with none near its threshold."""
    least = (between(probabilities.max(axis=1)),) * len(NAMES)
    return Promise(0.1, least, Groups(("",) * len(NAMES)))


def learner_for(kind: str, network: Backbone) -> Any:
    if kind == "tilda":
        return LEARNERS.make("tilda", {"subspaces": 4, "anchors": 2, "views": 2})
    if kind == "branched":
        split = written_split([network.width // 2] * 2, [[0, 1], [2]])
        return LEARNERS.make("per_branch", {"split": split})
    return LEARNERS.make("auto")


def head_of(learner: Any) -> torch.nn.Module:
    """A learner's head; where it chooses, all of its heads together, whatever it chose."""
    if learner.name != "auto":
        return learner.head()
    heads = learner._heads
    return Pooled([heads.head(place) for place in range(4)], (0.2, 1.5, 0.1, 4.0))


@pytest.fixture(scope="module")
def receipts(models, tmp_path_factory) -> Iterator[Any]:
    """A format's receipts by kind, with the answers that they were made from."""
    folder = tmp_path_factory.mktemp("exports")
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, mp_context=context) as plain,
        ProcessPoolExecutor(1, mp_context=context) as with_pytorch,
    ):
        for process in (plain, with_pytorch):
            process.submit(int)  # started now, each is no leftover of the first test that asks it

        @cache
        def of(name: str) -> dict[str, tuple[Any, Checked, dict[str, Any], Path]]:
            kinds = KINDS_OF.get(name, KINDS)
            made = {kind: written(name, kind, *models[kind], folder) for kind in kinds}
            process = with_pytorch if name in BY_PYTORCH else plain
            asked = [(path, models[kind][1].images) for kind, (_, _, path) in made.items()]
            seen = process.submit(look, asked).result()
            found = {}
            for kind, checked in zip(kinds, seen, strict=True):
                exporter, facts, path = made[kind]
                model, material = models[kind]
                receipt = receipt_of(exporter, model, path, checked, material) | facts
                found[kind] = exporter, checked, receipt, path
            return found

        yield of


def written(name: str, kind: str, model: Model, material: ExportData, folder: Path) -> tuple:
    exporter = EXPORTERS.make(name, SETTINGS.get((name, kind)))
    path = folder / f"{name} {kind}" / f"it's {kind}{exporter.suffix}"
    path.parent.mkdir(exist_ok=True)  # there already where it failed before
    facts, _ = result(exporter.write(model, path, material))
    return exporter, facts, path


def usable(name: str) -> None:
    if reason := EXPORTERS[name].missing():
        pytest.skip(reason)


@there
def test_what_a_format_can_not_do_here_is_said_with_what_to_install(name, tmp_path) -> None:
    exporter = EXPORTERS.make(name)
    path = tmp_path / f"m{exporter.suffix}"
    if reason := exporter.missing():
        assert f'pip install "espalier[{name}]"' in reason
        with pytest.raises(Refused, match="not installed"):
            check_target(exporter, path, False)
    else:
        check_target(exporter, path, False)


@there
def test_every_kind_of_model_is_exported_and_agrees(name, models, receipts) -> None:
    usable(name)
    for kind, (exporter, checked, receipt, path) in receipts(name).items():
        expected = models[kind][1].expected
        exporter.judge(receipt)
        assert receipt["compared"] == len(expected), kind
        assert receipt["largest_difference"] == np.abs(checked.probabilities - expected).max()
        truth = models[kind][1].truth
        right = (checked.probabilities.argmax(1) == truth).mean()
        assert receipt["accuracy_after"] == pytest.approx(right), kind
        assert receipt["compared_in"].endswith("without PyTorch") == (name not in BY_PYTORCH)
        assert len(receipt["sha256"]) == 1 + len(exporter.companions), kind
        assert receipt["bytes"] == sum(file.stat().st_size for file in path.parent.iterdir())
        assert receipt["preprocessing"].startswith("inside the file") == exporter.inside
        json.dumps(receipt)


@there
def test_every_format_carries_the_promise_and_its_receipt_proves_it(name, models, receipts) -> None:
    usable(name)
    for kind, (_, checked, receipt, path) in receipts(name).items():
        model, material = models[kind]
        exported = readers.open_exported(path)
        assert (exported.promise, exported.least) == (0.1, model.least), kind
        given = np.array([exported.naming.answer(p)[0] != "" for p in checked.probabilities])
        sure = material.expected.max(1) >= model.least[0]
        clear = np.abs(material.expected.max(1) - model.least[0]) > receipt["largest_difference"]
        assert (given == sure)[clear].all(), kind
        assert 0 < sure.sum() < len(sure), kind
        given &= checked.distances <= model.threshold
        wrong = given & (checked.probabilities.argmax(1) != material.truth)
        said = [receipt[f"promise_{what}"] for what in ("images", "answers", "wrong")]
        assert said == [len(given), given.sum(), wrong.sum()], kind
        assert f"{given.sum()} of {len(given)} held-out images" in dict(summary(receipt))["Promise"]


@there
def test_every_format_tells_what_is_none_of_these_as_the_project_does(
    name, models, receipts
) -> None:
    usable(name)
    for kind, (_, checked, receipt, _) in receipts(name).items():
        model, material = models[kind]
        assert material.far is not None
        assert len(model.evidence) == (0 if kind in ("tilda", "branched") else 3), kind
        off = np.abs(checked.distances - material.far)
        assert off.max() < CLOSE.get(name, 0.02) * material.far.std(), kind
        same = (checked.distances > model.threshold) == (material.far > model.threshold)
        assert same[np.abs(material.far - model.threshold) > off].all(), kind
        assert receipt["known_same"] == same.sum(), kind
        assert 0 < (material.far > model.threshold).sum() < len(same), kind
        assert f"{same.sum()} of {len(same)}" in dict(summary(receipt))["Same none of these"]


@there
def test_a_file_that_answers_otherwise_is_refused(name, models, receipts) -> None:
    """The same files, had the project's answers been those of other classes."""
    usable(name)
    for kind, (exporter, checked, _, path) in receipts(name).items():
        model, material = models[kind]
        other = replace(material, expected=np.roll(material.expected, 1, axis=1), truth=None)
        with pytest.raises(Refused, match=r"\.$"):
            exporter.judge(receipt_of(exporter, model, path, checked, other))


@there
def test_of_a_large_image_a_file_is_given_what_it_would_keep(name, models, receipts, monkeypatch):
    usable(name)
    monkeypatch.setattr(open_file, "LARGE", 97 * 91)
    path = receipts(name)["chosen" if name != "pt2" else "tuned"][3]
    exported = readers.open_exported(path)
    large = readers.upright(next(p for p in models["chosen"][1].images if "3.png" in p.name))
    whole, given = np.asarray(large), exported.given(large)
    assert whole.shape[:2] == SIZES[3][::-1]
    assert given.shape[:2] < whole.shape[:2]
    (expected, far), (found, distance) = (exported.answer(pixels) for pixels in (whole, given))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(distance, far, rtol=1e-4)

"""Export: one file that answers as the project does, checked elsewhere, or nothing at all."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image
from torch import nn

from engine.errors import Refused, UnusableWeights
from engine.events import Progress
from engine.export.formats import EXPORTERS, ExportData, Receipt
from engine.export.formats.onnx_file import OnnxFile
from engine.export.readers import open_exported, predict_exported
from engine.export.readers.onnx_file import check_onnx_model
from engine.export.write import export_model
from engine.images.decode import open_image
from engine.models.backbone import Backbone, Model
from engine.models.backbones import untrained
from engine.models.extractor import Extractor
from tests.helpers.generators import result
from tests.helpers.image_files import drawn, image

NAMES = ('he said "yes"', "two\nlines", "émoji 😀", "odd \udcff folder")
COUNT = 66


SHARP = 50
"""Makes the answers of random networks as sensitive to pixels as those of trained ones."""


def export_onnx(
    model: Model, path: Path, images: list[Path], expected: np.ndarray, overwrite: bool = False
) -> Generator[Progress, None, Receipt]:
    return export_model(OnnxFile(), model, path, ExportData(images, expected), overwrite)


class LinearHead(nn.Module):
    """Softmax of a linear layer; the distance is what is missing to certainty."""

    def __init__(self, width: int) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.layer = nn.Linear(width, len(NAMES))

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        return SHARP * self.layer(features.mean(1))

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        probabilities = self.logits(features).softmax(1)
        return probabilities, 1 - probabilities.amax(1)


class ViewsHead(LinearHead):
    """Every view counts on its own, the odd ones half."""

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        weights = 1 - 0.5 * (torch.arange(features.shape[1]) % 2).float()
        return SHARP * (self.layer(features) * weights[:, None]).mean(1)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    torch.manual_seed(0)
    return untrained("squeezenet1_1", 64)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """JPEGs of many sizes, some of them many times as large as the network's input."""
    folder = tmp_path_factory.mktemp("pictures")
    sizes = [(96, 72), (300, 200), (231, 333), (900, 700)]
    return [image(folder / f"{n}.jpg", n, sizes[n % 4]) for n in range(COUNT)]


Answers = Callable[[Model, list[Path]], np.ndarray]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What the project answers: its own decoding, extractor and head."""
    folder = tmp_path_factory.mktemp("cache")

    def answers(model: Model, paths: list[Path]) -> np.ndarray:
        p = model.backbone.preprocessing
        pixels = np.stack([open_image(path, p).pixels for path in paths])
        features = Extractor(model.backbone, device="cpu", cache=folder)(pixels, model.views)
        with torch.inference_mode():
            return model.head(torch.from_numpy(features))[0].numpy()

    return answers


@pytest.fixture(scope="module")
def model(backbone: Backbone, images: list[Path], project: Answers) -> Model:
    model = Model(backbone, LinearHead(backbone.width), NAMES, 0.0, digests={"memory": "ab" * 32})
    certain = project(model, images).max(1)
    return replace(model, threshold=float(1 - np.median(certain)))  # half are "none of these"


@pytest.fixture(scope="module")
def exported(
    model: Model, images: list[Path], project: Answers, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict]:
    path = tmp_path_factory.mktemp("export") / "model 'a\".onnx"
    receipt, events = result(export_onnx(model, path, images, project(model, images)))
    assert events[-1].done == events[-1].total == COUNT
    return path, receipt


def test_the_receipt_says_what_was_checked(exported: tuple[Path, dict], model: Model) -> None:
    path, receipt = exported
    assert json.loads(path.with_suffix(".receipt.json").read_text("utf-8")) == receipt
    assert receipt["compared"] == COUNT
    assert receipt["largest_difference"] <= 0.02
    assert receipt["top_class_agreement"] >= 0.95
    assert receipt["bytes"] == path.stat().st_size
    assert 0 < receipt["latency_ms"]["p50"] <= receipt["latency_ms"]["p95"]
    assert receipt["digests"] == {"weights": model.backbone.digest, "memory": "ab" * 32}
    assert receipt["classes"] == list(NAMES)
    assert {"espalier", "torch", "onnx", "onnxruntime", "python"} <= set(receipt["versions"])
    assert sorted(p.name for p in path.parent.iterdir()) == sorted(
        [path.name, *(f"model 'a\".{end}" for end in ("py", "md", "receipt.json", "receipt.html"))]
    )


def test_the_file_says_what_it_is(exported: tuple[Path, dict], model: Model) -> None:
    path, _ = exported
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    assert tuple(json.loads(facts["class_names"])) == NAMES
    assert float(facts["threshold"]) == model.threshold
    assert facts["weights_sha256"] == model.backbone.digest
    assert "ImageNet" in facts["licence"]
    assert "shorter side to 64" in facts["preprocessing"]
    assert facts["program"].startswith("Espalier")
    assert [output.name for output in session.get_outputs()] == ["probabilities", "distance"]
    onnx.checker.check_model(str(path), full_check=True)


def test_pictures_of_any_size_in_any_number(exported: tuple[Path, dict]) -> None:
    session = ort.InferenceSession(str(exported[0]), providers=["CPUExecutionProvider"])
    for count, size in ((1, (41, 300)), (3, (200, 100))):
        batch = np.stack([np.asarray(drawn(n, size)) for n in range(count)])
        probabilities, distance = session.run(None, {"pictures": batch})
        assert probabilities.shape == (count, len(NAMES))
        assert distance.shape == (count,)
        np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)


def test_predicting_with_the_file_answers_as_the_project(
    exported: tuple[Path, dict], model: Model, project: Answers, tmp_path: Path
) -> None:
    large = image(tmp_path / "large.jpg", 5, (2400, 1601))
    bad = tmp_path / "bad.jpg"
    bad.write_text("no image")
    found = predict_exported(exported[0], [large, bad])
    expected = project(model, [large])[0]
    answer = found[str(large)]
    assert list(answer["classes"]) == list(NAMES)
    np.testing.assert_allclose(list(answer["classes"].values()), expected, atol=0.02)
    assert answer["known"] == (answer["distance"] <= model.threshold)
    assert "reason" in found[str(bad)]


def test_the_script_beside_it_answers_the_same_without_pytorch(
    exported: tuple[Path, dict], images: list[Path], tmp_path: Path
) -> None:
    path, _ = exported
    turned = Image.open(images[1])
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    turned.save(tmp_path / "upright.png")
    grey = Image.new("LA", (80, 80), (90, 0))
    grey.save(tmp_path / "clear.png")
    Image.new("RGB", (80, 80), "white").save(tmp_path / "white.png")
    deep = np.asarray(drawn(4).convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    drawn(4).convert("L").save(tmp_path / "flat.png")
    names = ("turned", "upright", "clear", "white", "deep", "flat")
    files = [*images[:8], *(tmp_path / f"{name}.png" for name in names)]
    script = path.with_suffix(".py")
    without = "import sys; sys.modules['torch'] = sys.modules['engine'] = None; import runpy; "
    run = f"sys.argv = sys.argv[1:]; runpy.run_path({str(script)!r})"
    done = subprocess.run(
        [sys.executable, "-c", without + run, str(script), *map(str, files)],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        check=True,
    )
    told = predict_exported(path, files)
    text = done.stdout.replace("two\nlines", "two lines")
    lines = [line.split("\t") for line in text.splitlines()]
    assert [line[0] for line in lines] == [str(file) for file in files]
    for file, (_, probability, name) in zip(files, lines, strict=True):
        answer = told[str(file)]
        best = max(answer["classes"], key=answer["classes"].get)
        assert float(probability) == pytest.approx(answer["classes"][best], abs=1e-3)
        shown = best.encode("utf-8", "backslashreplace").decode().replace("\n", " ")
        assert name == (shown if answer["known"] else "none of these")
    assert {line[2] for line in lines} > {"none of these"}  # both kinds of answers were seen
    for one, other in ((-6, -5), (-4, -3), (-2, -1)):
        assert lines[one][1:] == lines[other][1:]


def test_the_script_is_short(exported: tuple[Path, dict]) -> None:
    script = exported[0].with_suffix(".py").read_text("utf-8")
    assert len(script.splitlines()) <= 40


def test_a_head_of_many_views(
    backbone: Backbone, images: list[Path], project: Answers, tmp_path: Path
) -> None:
    model = Model(backbone, ViewsHead(backbone.width), NAMES, 0.5, views=4)
    expected = project(model, images[:5])
    receipt, _ = result(export_onnx(model, tmp_path / "m.onnx", images[:5], expected))
    assert receipt["largest_difference"] <= 0.02
    assert "5 images only" in receipt["compared_note"]
    one_view = replace(model, views=1)  # the views matter, so the check can fail
    assert np.abs(project(one_view, images[:5]) - expected).max() > 1e-3


def test_a_file_that_does_not_agree_is_not_kept(
    model: Model, images: list[Path], project: Answers, tmp_path: Path
) -> None:
    expected = project(model, images[:6])
    expected[3, 0] += 0.03
    with pytest.raises(Refused, match=r"does not agree.*0\.03"):
        result(export_onnx(model, tmp_path / "m.onnx", images[:6], expected))
    expected[3, 0] = np.nan
    with pytest.raises(Refused, match="does not agree"):
        result(export_onnx(model, tmp_path / "m.onnx", images[:6], expected))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_replaced_only_when_asked(
    model: Model, images: list[Path], project: Answers, tmp_path: Path
) -> None:
    path, few = tmp_path / "m.onnx", images[:2]
    path.write_text("mine")
    with pytest.raises(Refused, match="already exists"):
        result(export_onnx(model, path, few, project(model, few)))
    assert path.read_text() == "mine"
    result(export_onnx(model, path, few, project(model, few), overwrite=True))
    assert path.stat().st_size > 10_000
    result(export_onnx(model, path, few, project(model, few), overwrite=True))
    path.with_suffix(".py").write_text("print('mine')")
    with pytest.raises(Refused, match=r"m\.py"):
        result(export_onnx(model, path, few, project(model, few), overwrite=True))
    assert path.with_suffix(".py").read_text() == "print('mine')"


@pytest.mark.parametrize(
    "name",
    ["m.txt", "absent/m.onnx", "folder.onnx", f"{'x' * 240}.onnx", f"{'x' * 300}.onnx", "\0.onnx"],
)
def test_places_that_can_not_be_written(model: Model, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(Refused) as refusal:
        result(export_onnx(model, tmp_path / name, [], np.empty((0, 4)), overwrite=True))
    assert str(refusal.value).endswith(".")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.onnx"]


def test_with_no_picture_left_nothing_is_exported(model: Model, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="any image"):
        result(export_onnx(model, tmp_path / "m.onnx", [tmp_path / "gone.jpg"], np.ones((1, 4))))
    assert list(tmp_path.iterdir()) == []


def children() -> set[str]:
    return {process.name for process in multiprocessing.active_children()}


def test_a_cancelled_export_leaves_nothing(
    model: Model, images: list[Path], project: Answers, tmp_path: Path
) -> None:
    work = export_onnx(model, tmp_path / "m.onnx", images, project(model, images))
    while next(work).done < 1:
        assert len(list(tmp_path.iterdir())) <= 1
    assert "espalier-check" in children()
    work.close()
    assert list(tmp_path.iterdir()) == []
    assert "espalier-check" not in children()


def test_the_checking_process_imports_no_pytorch() -> None:
    code = (
        "import sys, engine.export.check, engine.export.readers.onnx_file; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_exporter_is_registered() -> None:
    assert "onnx" in [view.name for view in EXPORTERS.describe()]
    assert EXPORTERS.make("onnx").suffix == ".onnx"


def refusal(path: Path) -> str:
    with pytest.raises(UnusableWeights) as error:
        check_onnx_model(path)
    assert path.name in str(error.value)
    assert str(error.value).endswith(".")
    return str(error.value)


def small_onnx(path: Path, op: str = "Relu", weights: str = "") -> Path:
    """An ONNX file of one node; `weights` is where its weights are said to lie."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    wanted = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    nodes = [helper.make_node(op, ["x"], ["z"]), helper.make_node("Add", ["z", "w"], ["y"])]
    w = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    if weights:
        w.ClearField("float_data")
        w.data_location = TensorProto.EXTERNAL
        w.external_data.add(key="location", value=weights)
    graph = helper.make_graph(nodes, "g", [given], [wanted], [w])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    return path


def test_onnx_files_from_elsewhere(exported: tuple[Path, dict], tmp_path: Path) -> None:
    path = tmp_path / "foreign.onnx"
    assert "can't be opened" in refusal(path)
    path.write_bytes(b"")
    assert "empty" in refusal(path)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert "git-lfs" in refusal(path)
    path.write_bytes(b"<html>404</html>")
    assert "web page" in refusal(path)
    for junk in (b"\x00" * 500, np.random.default_rng(0).bytes(5000), b"hello" * 50):
        path.write_bytes(junk)
        assert "no ONNX file" in refusal(path)
    content = exported[0].read_bytes()
    for share in (0.02, 0.5, 0.999):
        path.write_bytes(content[: int(share * len(content))])
        refusal(path)
    assert "Frobnicate" in refusal(small_onnx(path, "Frobnicate"))
    (tmp_path.parent / "secret.bin").write_bytes(b"\0" * 8)
    for outside in ("../secret.bin", str(tmp_path.parent / "secret.bin"), "a/../../secret.bin"):
        assert "outside" in refusal(small_onnx(path, weights=outside))
    assert "not beside it" in refusal(small_onnx(path, weights="absent.bin"))
    (tmp_path / "beside.bin").write_bytes(b"\0" * 8)
    check_onnx_model(small_onnx(path, weights="beside.bin"))


def test_a_good_onnx_file_that_is_not_espaliers_can_not_say_what_pictures_show(
    tmp_path: Path,
) -> None:
    path = small_onnx(tmp_path / "foreign.onnx")
    check_onnx_model(path)
    with pytest.raises(UnusableWeights, match="not exported by Espalier"):
        open_exported(path)

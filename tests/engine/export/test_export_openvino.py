"""OpenVINO's format: resizing as matrix products, the same answers, and files that are refused."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from PIL import Image

from engine.errors import Refused, UnusableWeights
from engine.export.formats import ExportData, Receipt
from engine.export.formats.openvino_ir import OpenvinoFiles
from engine.export.graphs.preprocess_matrix import matrix_graph
from engine.export.readers import open_exported, predict_exported
from engine.export.write import export_model
from engine.images.decode import open_image
from engine.images.preprocess import Preprocessing, preprocess
from engine.models.backbone import Model
from engine.models.backbones import untrained
from tests.engine.export.test_export import NAMES, ViewsHead
from tests.helpers.generators import result
from tests.helpers.image_files import drawn, image

needs_openvino = pytest.mark.skipif(
    bool(OpenvinoFiles.missing()), reason=OpenvinoFiles.missing() or "never"
)


@pytest.mark.parametrize("how", ["bilinear", "bicubic"])
def test_two_matrix_products_resize_as_pillow_does(how: str) -> None:
    p = Preprocessing(64, 70, how)
    graph = matrix_graph(p, 18)
    graph.ir_version = 10
    session = ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    for number, size in enumerate([(96, 72), (300, 201), (333, 901), (40, 51), (70, 70)]):
        image = drawn(number, size)
        found = session.run(None, {"pictures": np.asarray(image)[None]})[0][0]
        away = np.abs(found.astype(int) - preprocess(image, p))
        assert away.max() <= 2
        assert (away > 0).mean() < 0.02  # ties between two levels


def test_a_missing_library_is_said_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    model = Model(None, None, NAMES, 0.5)
    with pytest.raises(Refused, match=r"not installed.*espalier\[openvino\]"):
        result(export_model(OpenvinoFiles(), model, tmp_path / "m.xml", ExportData([], None)))
    (tmp_path / "m.xml").write_text("<?xml?>")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(UnusableWeights, match=r"m\.xml needs OpenVINO.*espalier\[openvino\]"):
        open_exported(tmp_path / "m.xml")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    sizes = [(96, 72), (300, 200), (231, 333), (64, 64)]
    return [image(folder / f"{n}.png", n, sizes[n % 4], "PNG") for n in range(8)]


@pytest.fixture(scope="module")
def exported(
    images: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Receipt, np.ndarray]:
    """A model of four views, its receipt, and the project's answers."""
    torch.manual_seed(0)
    backbone = untrained("squeezenet1_1", 64)
    model = Model(backbone, ViewsHead(backbone.width), NAMES, 0.4, views=4)
    pixels = np.stack([open_image(path, backbone.preprocessing).pixels for path in images])
    from engine.export.graphs.model_onnx import Whole

    with torch.inference_mode():
        expected = Whole(model).eval()(torch.from_numpy(pixels))[0].numpy()
    path = tmp_path_factory.mktemp("export") / "model 'a\".xml"
    material = ExportData(images, expected)
    receipt, _ = result(export_model(OpenvinoFiles(), model, path, material))
    return path, receipt, expected


@needs_openvino
def test_it_answers_as_the_project_without_pytorch(
    exported: tuple[Path, Receipt, np.ndarray], images: list[Path]
) -> None:
    path, receipt, expected = exported
    assert receipt["largest_difference"] < 0.02
    assert receipt["compared_in"].endswith("without PyTorch")
    assert receipt["versions"]["openvino"]
    assert set(receipt["sha256"]) == {path.name, path.with_suffix(".bin").name}
    told = predict_exported(path, images)
    for picture_, probabilities in zip(images, expected, strict=True):
        answer = told[str(picture_)]
        assert tuple(answer["classes"]) == NAMES
        np.testing.assert_allclose(list(answer["classes"].values()), probabilities, atol=0.02)
        assert answer["known"] == (answer["distance"] <= 0.4)
    several = np.stack([np.asarray(Image.open(images[n])) for n in (0, 4)])
    probabilities, distances = open_exported(path).answers(several)
    np.testing.assert_allclose(probabilities, expected[[0, 4]], atol=0.02)
    assert distances.shape == (2,)


@needs_openvino
def test_the_script_answers_the_same(
    exported: tuple[Path, Receipt, np.ndarray], images: list[Path]
) -> None:
    path, _, expected = exported
    done = subprocess.run(
        [sys.executable, path.with_suffix(".py"), *images[:2]],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    lines = done.stdout.replace("two\nlines", "two lines").splitlines()
    found = [float(line.split("\t")[1]) for line in lines]
    np.testing.assert_allclose(found, expected[:2].max(1), atol=0.02)


def refusal(path: Path) -> str:
    with pytest.raises(UnusableWeights) as error:
        open_exported(path)
    assert path.stem in str(error.value)
    assert str(error.value).endswith(".")
    return str(error.value)


@needs_openvino
def test_files_that_are_damaged_or_from_elsewhere(
    exported: tuple[Path, Receipt, np.ndarray], tmp_path: Path
) -> None:
    import openvino
    from openvino import opset13

    text, weights = (exported[0].with_suffix(end).read_bytes() for end in (".xml", ".bin"))
    path, beside = tmp_path / "copied.xml", tmp_path / "copied.bin"
    assert "copied.xml can't be opened" in refusal(path)
    path.write_bytes(text)
    assert "one folder" in refusal(path)
    beside.write_bytes(weights)
    assert open_exported(path).class_names == NAMES
    beside.write_bytes(weights[:-8] + b"damaged!")
    assert "does not belong" in refusal(path)
    beside.write_bytes(weights[:1000])
    assert "cut short" in refusal(path)
    beside.write_bytes(weights)
    for junk in (b"", b"hello" * 50, b"<!DOCTYPE html><html></html>", text[: len(text) // 2]):
        path.write_bytes(junk)
        assert "no network of OpenVINO" in refusal(path)
    given = opset13.parameter([2], openvino.Type.f32)
    openvino.save_model(openvino.Model([opset13.relu(given)], [given]), path)
    assert "not exported by Espalier" in refusal(path)


@needs_openvino
def test_a_file_of_weights_that_is_there_is_not_written_over(
    exported: tuple[Path, Receipt, np.ndarray], tmp_path: Path
) -> None:
    (tmp_path / "m.bin").write_text("mine")
    model = Model(None, None, NAMES, 0.5)
    with pytest.raises(Refused, match=r"m\.bin already exists"):
        result(export_model(OpenvinoFiles(), model, tmp_path / "m.xml", ExportData([], None)))
    assert (tmp_path / "m.bin").read_text() == "mine"

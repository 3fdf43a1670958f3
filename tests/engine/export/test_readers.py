"""Exported files that come from anywhere: what can't answer as it says is refused in a sentence."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from engine.errors import UnusableWeights
from engine.export.endings import READERS
from engine.export.exported import told_by
from engine.export.readers import open_exported, predict_exported

NAMES = ["red", "green", "blue"]


def file(path: Path, names: object = NAMES, threshold: str = "0.5", **changes: object) -> Path:
    """An ONNX file of three classes: how red, green and blue an image is.

    `offset` is added to the probabilities, `shape` is what they are brought to.
    """
    offset = helper.make_tensor("offset", TensorProto.FLOAT, [], [changes.get("offset", 0.0)])
    shape = np.array(changes.get("shape", [-1, 3]), np.int64)
    nodes = [
        helper.make_node("Cast", ["pictures"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Add", ["means", "offset"], ["moved"]),
        helper.make_node("Reshape", ["moved", "shape"], ["probabilities"]),
        helper.make_node("ReduceMean", ["means"], ["distance"], axes=[1], keepdims=0),
    ]
    weights = [offset, onnx.numpy_helper.from_array(shape, "shape")]
    given = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", "h", "w", 3])
    outputs = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, None),
        helper.make_tensor_value_info("distance", TensorProto.FLOAT, ["n"]),
    ]
    graph = helper.make_graph(nodes, "colours", [given], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    told = {name: str(changes[name]) for name in ("promise", "least", "within") if name in changes}
    props = {"class_names": json.dumps(names), "threshold": threshold, **told}
    helper.set_model_props(model, props)
    onnx.save(model, path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UnusableWeights) as error:
        open_exported(path)
    assert path.name in str(error.value)
    assert str(error.value).endswith(".")
    return str(error.value)


def test_what_a_file_says_is_what_its_network_gives(tmp_path: Path) -> None:
    exported = open_exported(file(tmp_path / "m.onnx"))
    assert exported.class_names == tuple(NAMES)
    probabilities, distances = exported.answers(np.full((2, 5, 7, 3), (3, 6, 9), np.uint8))
    assert probabilities.tolist() == [[3, 6, 9]] * 2
    assert distances.tolist() == [6, 6]
    assert exported.promise == 0, "files of before promise nothing"
    assert exported.naming.answer(probabilities[0]) == ("blue", 9)


def test_a_promise_in_a_file_says_which_answers_are_none(tmp_path: Path) -> None:
    path = file(tmp_path / "m.onnx", promise="0.02", least="[0, 0, 0.75]")
    exported = open_exported(path)
    assert (exported.promise, exported.least) == (0.02, (0, 0, 0.75))
    for probabilities, sure in (([0, 0.1, 0.7], False), ([0, 0, 0.8], True), ([0.4, 0, 0], True)):
        name, _ = exported.naming.answer(np.array(probabilities, np.float32))
        assert bool(name) == sure
    image = tmp_path / "nearly black.png"
    Image.new("RGB", (9, 9), (0, 0, 1)).save(image)
    told = predict_exported(path, [image])[str(image)]
    assert (told["sure"], told["promise"]) == (True, 0.02)
    never = predict_exported(file(path, promise="0.02", least="[0, 0, 2]"), [image])[str(image)]
    assert not never["sure"]


@pytest.mark.parametrize(
    "said",
    [
        {"names": "red"},
        {"names": []},
        {"names": ["red", "red", "blue"]},
        {"names": ["red", 2, "blue"]},
        {"names": ["red", "\ud800", "blue"]},
        {"names": {"red": 1, "green": 2, "blue": 3}},
        {"threshold": "nan"},
        {"threshold": "far"},
        {"least": "[0.5, 0.5]"},
        {"least": "[0.5, NaN, 0.5]"},
        {"least": "0.5"},
        {"least": '["much", 0, 0]'},
        {"promise": "some"},
        {"within": "[1, 2, 3]"},
        {"within": '["warm"]'},
        {"within": json.dumps(["a/" * 10_000] * 3)},
        {"within": '{"red": 1, "green": 2, "blue": 3}'},
    ],
)
def test_a_file_that_says_what_can_not_be_is_none_of_espaliers(tmp_path: Path, said) -> None:
    assert "not exported by Espalier" in refusal(file(tmp_path / "m.onnx", **said))


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": ["red", "green"]},
        {"offset": float("nan")},
        {"offset": float("inf")},
        {"shape": [3, -1]},
        {"shape": [-1]},
        {"shape": [7, 7]},
    ],
    ids=str,
)
def test_a_network_that_fails_or_gives_no_answers_is_damaged(tmp_path: Path, wrong) -> None:
    assert "can't be run: it is damaged" in refusal(file(tmp_path / "m.onnx", **wrong))


def test_a_network_that_fails_only_for_some_pictures_says_so_then(tmp_path: Path) -> None:
    exported = open_exported(file(tmp_path / "m.onnx", shape=[1, 3]))
    with pytest.raises(UnusableWeights, match=r"m\.onnx can't be run"):
        exported.answers(np.zeros((2, 5, 7, 3), np.uint8))


@pytest.mark.parametrize("ending", [e for e in READERS if e != ".xml"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / f"folder{ending}"
    folder.mkdir()
    assert "is no file" in refusal(folder)
    assert "Check its name" in refusal(tmp_path / f"absent{ending}")
    if sys.platform != "win32":
        os.mkfifo(tmp_path / f"pipe{ending}")
        assert "is no file" in refusal(tmp_path / f"pipe{ending}")


def test_names_of_files_that_no_system_takes_are_refused(tmp_path: Path) -> None:
    path = file(tmp_path / "m.onnx")
    model = onnx.load(path)
    for name in ("x" * 5000, "a\0b"):
        model.graph.initializer[0].data_location = TensorProto.EXTERNAL
        del model.graph.initializer[0].external_data[:]
        entry = model.graph.initializer[0].external_data.add()
        entry.key, entry.value = "location", name
        path.write_bytes(model.SerializeToString())
        assert "can't be run: it is damaged" in refusal(path)


def test_a_large_image_is_not_given_to_a_file_that_does_not_say_how_to_shrink_it(tmp_path) -> None:
    path = tmp_path / "large.png"
    Image.new("1", (8000, 6001)).save(path)
    model = file(tmp_path / "m.onnx")
    reason = predict_exported(model, [path])[str(path)]["reason"]
    assert reason.startswith("This image has more than 48 megapixels, and m.onnx does not say")
    assert reason.endswith(".")


@pytest.mark.parametrize(
    "sizes",
    [
        '{"size": 3.5, "resize": 8, "interpolation": "bilinear"}',
        '{"size": 8, "resize": 4, "interpolation": "bilinear"}',
        '{"size": 8, "resize": 99999999, "interpolation": "bilinear"}',
        '{"size": 8, "resize": 8, "interpolation": "nearest"}',
        '{"size": 8}',
        "[8, 8]",
        "no sizes",
    ],
)
def test_a_file_whose_sizes_can_not_be_is_none_of_espaliers(tmp_path: Path, sizes: str) -> None:
    facts = {"class_names": json.dumps(NAMES), "threshold": "0.5", "sizes": sizes}
    with pytest.raises(UnusableWeights, match="not exported by Espalier"):
        told_by(lambda pixels: (pixels, pixels), facts, tmp_path / "m.onnx")

"""PyTorch's own formats: exact preprocessing, plain files, and nothing foreign that is run."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import UnusableWeights
from engine.export.formats import EXPORTERS, ExportData
from engine.export.graphs.preprocess_torch import Picture
from engine.export.readers import open_exported
from engine.export.readers.pt2_file import calculates
from engine.images.preprocess import Preprocessing, preprocess
from engine.models.backbone import Model
from tests.engine.export.test_export import LinearHead
from tests.helpers import networks
from tests.helpers.generators import result
from tests.helpers.image_files import drawn

NAMES = ("a", "b", "c", "odd \udcff")
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    "p", [Preprocessing(64, 73), Preprocessing(48, 55, "bicubic"), Preprocessing(96, 96)]
)
def test_preprocessing_in_pytorch_is_pillows_to_the_last_bit(p: Preprocessing) -> None:
    module = Picture(p)
    for size in [(200, 150), (151, 203), (90, 90), (37, 61), (500, 31), (7, 1), (224, 299)]:
        image = drawn(3, size)
        found = module(torch.from_numpy(np.array(image)[None]))[0]
        np.testing.assert_array_equal(found.numpy(), preprocess(image, p))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A file of each format in a folder of its own."""
    network = networks.backbone()
    model = Model(network, LinearHead(networks.WIDTH).eval(), NAMES, 0.5)
    made = {}
    for name in ("pt2", "safetensors"):
        exporter = EXPORTERS.make(name)
        made[name] = tmp_path_factory.mktemp(name) / f"m{exporter.suffix}"
        result(exporter.write(model, made[name], ExportData([], np.empty((0, 4)))))
        script = exporter.script(made[name].name)
        made[name].with_suffix(".py").write_text(script, "utf-8")
    return made.__getitem__


@pytest.mark.parametrize("name", ["pt2", "safetensors"])
def test_no_file_tells_where_it_was_made(exported, name: str) -> None:
    path = exported(name)
    here = str(Path(__file__).parents[3]).encode()
    for file in path.parent.iterdir():
        content = [file.read_bytes()]
        if name == "pt2" and file == path:
            with zipfile.ZipFile(path) as packed:
                content = [packed.read(inside) for inside in packed.namelist()]
        assert not any(here in part for part in content), file.name


def refusal(path: Path) -> str:
    with pytest.raises(UnusableWeights) as error:
        open_exported(path)
    assert path.stem in str(error.value)
    assert str(error.value).endswith(".")
    return str(error.value)


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def repacked(path: Path, to: Path, change: Callable[[str, bytes], bytes], **more: bytes) -> Path:
    """A .pt2 file again, its parts changed, and more parts in it."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, content in more.items():
            new.writestr(f"archive/{name}", content)
    return to


def guarded(sprung: Path) -> Callable[[str, bytes], bytes]:
    """Brings a condition on what is given, which PyTorch would run as it is."""
    guards = f"\"guards_code\": [\"open('{sprung}', 'w')\"]".encode()
    return lambda name, content: content.replace(b'"guards_code": []', guards)


def parts(archive: Path) -> tuple[bytes, bytearray]:
    """What lies in an archive, and the list of it."""
    raw = archive.read_bytes()
    size, start = struct.unpack("<II", raw[-10:-2])
    return raw[:start], bytearray(raw[start : start + size])


def pickled(name: str, content: bytes) -> bytes:
    return content.replace(b'"use_pickle": false', b'"use_pickle": true')


def evaluated(sprung: Path) -> Callable[[str, bytes], bytes]:
    """Brings a formula that leaves a file behind."""
    formula = f"\"expr_str\": \"open('{sprung}', 'w') or ".encode()
    return lambda name, content: content.replace(b'"expr_str": "', formula)


def calling(target: str) -> Callable[[str, bytes], bytes]:
    """Makes it call something else than an operation on tensors."""
    known = b'"target": "torch.ops.aten.relu.default"'

    def change(name: str, content: bytes) -> bytes:
        assert known in content or not name.endswith("model.json")
        return content.replace(known, f'"target": "{target}"'.encode())

    return change


FOREIGN = (
    "torch.ops.aten.from_file.default",
    "torch.hub.load",
    "torch.ops.aten.add.__class__",
    "_operator.methodcaller",
    "math.floor",
    "torch.ops.higher_order.cond",
)
"""What a program must not call."""
PICKLES = (
    "data/constants/custom_obj_0",
    "data/constants/opaque_obj_0",
    "data/aotinductor/model/x.so",
    "data/weights/model.pt",
)
"""Parts that PyTorch would unpickle or run."""


def test_programs_that_could_run_anything_are_not_loaded(exported, tmp_path: Path) -> None:
    path, to, sprung = exported("pt2"), tmp_path / "foreign.pt2", tmp_path / "sprung"
    trap = pickle.dumps(Trap(sprung), protocol=2)

    def sampled(name: str, content: bytes) -> bytes:
        return trap if name.endswith("model.pt") else content

    changes = pickled, sampled, evaluated(sprung), guarded(sprung), *map(calling, FOREIGN)
    for change in changes:
        assert "could run any code" in refusal(repacked(path, to, change))
    for name in PICKLES:
        repacked(path, to, lambda _, content: content, **{name: trap})
        assert "could run any code" in refusal(to)
    assert not sprung.exists()
    repacked(path, to, lambda _, content: content)
    assert open_exported(to).class_names == NAMES


@pytest.mark.parametrize(
    ("formula", "calm"),
    [
        ("Max(1, ((128*s0)//Min(s0, s1)))", True),
        ("s0**2 + 9223372036854775807", True),
        ("9**9**9**9", False),
        ("Pow(9, 99)", False),
        ("s0 + 99999999999999999999", False),
        ("open('x')", False),
        ("s0.real", False),
    ],
)
def test_formulas_of_sizes_are_small_and_of_known_names(formula: str, calm: bool) -> None:
    assert calculates({"graph": [{"as_expr": {"expr_str": formula}}]}) == calm


@pytest.mark.parametrize(
    ("guard", "known"),
    [
        ("L['pictures'].size()[0] <= 64", True),
        ("L['pictures'].size()[1] == L['pictures'].size()[2]", True),
        ("L['pictures'].__class__", False),
        ("9**9**9**9 > 1", False),
        ('print("x")', False),
        ("1\n  import os", False),
    ],
)
def test_conditions_of_a_program_are_on_sizes(guard: str, known: bool) -> None:
    assert calculates({"graph_module": {}, "guards_code": [guard]}) == known


def test_a_program_is_run_from_the_list_of_files_that_was_checked(exported, tmp_path) -> None:
    """An archive with two lists of what it holds: each kind of reader may take another."""
    path, to = exported("pt2"), tmp_path / "two lists.pt2"
    sprung = tmp_path / "sprung"

    files, listed = parts(repacked(path, tmp_path / "trap.pt2", guarded(sprung)))
    plain, other = parts(repacked(path, tmp_path / "plain.pt2", lambda _, content: content))
    # The end says where the trap's list begins, and PyTorch goes there. Python's zipfile takes the
    # list right before the end, and thinks that other bytes were put before the whole archive.
    place = 0
    while place < len(other):
        here = struct.unpack_from("<I", other, place + 42)[0]
        struct.pack_into("<I", other, place + 42, len(files) - len(plain) + here)
        place += 46 + sum(struct.unpack_from("<HHH", other, place + 28))
    with zipfile.ZipFile(path) as whole:
        counts = 2 * [len(whole.namelist())]
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, *counts, len(listed), len(files), 0)
    to.write_bytes(files + listed + plain + other + end)
    with zipfile.ZipFile(to) as seen:
        assert str(sprung).encode() not in seen.read("archive/models/model.json")
    assert str(sprung).encode() in torch._C.PyTorchFileReader(str(to)).get_record(
        "models/model.json"
    )
    assert open_exported(to).class_names == NAMES
    assert not sprung.exists()


def test_programs_that_are_damaged_or_from_elsewhere(exported, tmp_path: Path) -> None:
    content, to = exported("pt2").read_bytes(), tmp_path / "copied.pt2"
    for junk in (b"hello" * 50, content[: len(content) // 2], b"PK\x03\x04" + b"\0" * 99):
        to.write_bytes(junk)
        assert "no program of PyTorch" in refusal(to)
    to.write_bytes(b"<html>404</html>")
    assert "web page" in refusal(to)
    program = torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(1, 2),))
    torch.export.save(program, to)
    assert "not exported by Espalier" in refusal(to)


def copied(path: Path, to: Path) -> Path:
    for ending in (".safetensors", ".json"):
        shutil.copy(path.with_suffix(ending), to.with_suffix(ending))
    return to


@pytest.mark.parametrize(
    "line",
    [
        "x0 = __import__('os').getcwd()",
        "x0 = aten.from_file.default('x')",
        "x0 = torch.load('x')",
        "x0 = operator.methodcaller('x')",
        "x0 = w.__class__",
        "x0 = (lambda: 1)()",
        "x0 = [x for x in w]",
        "import os",
        "found = open('x')",
        "x0 = aten.add.Tensor.__class__",
        "w = 1; del w",
        "x0 = aten.zeros.default([100000, 100000])",
    ],
)
def test_cards_that_do_more_than_calculate_are_refused(exported, tmp_path, line: str) -> None:
    path = copied(exported("safetensors"), tmp_path / "copied.safetensors")
    card = json.loads(path.with_suffix(".json").read_text("utf-8"))
    card["network"].insert(0, line)
    path.with_suffix(".json").write_text(json.dumps(card), "utf-8")
    assert "no operation on tensors" in refusal(path)


def test_weights_that_are_damaged_or_from_elsewhere(exported, tmp_path: Path) -> None:
    path = copied(exported("safetensors"), tmp_path / "copied.safetensors")
    card = path.with_suffix(".json")
    assert open_exported(path).class_names == NAMES
    content, told = path.read_bytes(), card.read_text("utf-8")
    path.write_bytes(content[:-4] + b"\0\0\0\0")
    assert "does not belong to copied.json" in refusal(path)
    path.write_bytes(content)
    card.write_text(told[: len(told) // 2])
    assert "cut short" in refusal(path)
    for other in ("{}", "[1]", '{"facts": 1}'):
        card.write_text(other)
        assert "not exported by Espalier" in refusal(path)
    card.write_text(told.replace("aten.conv2d.default(", "aten.conv2d.default(w, ", 1))
    assert "can't be run: it is damaged" in refusal(path)
    card.unlink()
    assert "one folder" in refusal(path)

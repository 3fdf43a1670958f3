"""Weights files: good ones in every form are recognised, bad ones end in their own sentence."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import struct
import zipfile
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save, save_file
from torch import nn

from engine.errors import UnusableWeights
from engine.models import pickled
from engine.models.backbones import load_backbone

State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def weights() -> State:
    torch.manual_seed(0)
    return torchvision.models.squeezenet1_1().state_dict()


@pytest.fixture(autouse=True)
def opened_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pickles are opened in this process, since another takes seconds to start; tests/gestures/
    hostile_test.py goes through that one, as do the tests here that are marked."""
    if request.node.get_closest_marker("guarded") is None:
        monkeypatch.setattr(pickled, "call", lambda work, *given, **_: work(print, *given))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "weights.pth"


def refusal(file: Path) -> str:
    with pytest.raises(UnusableWeights) as error:
        load_backbone(weights=file)
    text = str(error.value)
    assert text.endswith(".")
    assert file.name in text
    return text


class RunsCode:
    """What a harmful file holds: opening it would make the marker file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple:
        return os.system, (f"echo > {self.marker}",)


def test_every_form_of_the_same_weights_gives_the_same_backbone(
    weights: State, tmp_path: Path
) -> None:
    half = {k: v.half() for k, v in weights.items()}
    whole = {k: v.float() for k, v in half.items()}
    own = dict(half)  # a classifier of 3 classes, as a person's own training leaves it
    own["classifier.1.weight"], own["classifier.1.bias"] = torch.zeros(3, 512, 1, 1), torch.zeros(3)
    none = {k: v for k, v in half.items() if not k.startswith("classifier")}
    torch.save(whole, tmp_path / "a.pth")
    torch.save({"epoch": 3, "state_dict": half}, tmp_path / "b.pt")
    torch.save({f"module.{k}": v for k, v in own.items()}, tmp_path / "c.pth")
    torch.save(none, tmp_path / "d.pth", _use_new_zipfile_serialization=False)
    save_file(half, tmp_path / "e.safetensors")
    save_file(none, tmp_path / "name-without-ending")
    parameters = {k: torch.nn.Parameter(v) for k, v in whole.items()}
    torch.save(parameters, tmp_path / "f.pth")  # as of dict(net.named_parameters())
    deep = "module." * 2000  # wrapped again and again
    torch.save({deep + k: v for k, v in half.items()}, tmp_path / "g.pth")
    found = [load_backbone(weights=path) for path in sorted(tmp_path.iterdir())]
    assert {b.name for b in found} == {"squeezenet1_1"}
    assert len({b.digest for b in found}) == 1
    assert next(found[0].below().parameters()).dtype == torch.float32


@pytest.mark.parametrize("begins", [b"\x80", b"PK"], ids=["as a pickle", "as a zip file"])
def test_a_safetensors_file_whose_header_is_so_long_that_it_begins_like_another_kind(
    weights: State, tmp_path: Path, begins: bytes
) -> None:
    wanted = int.from_bytes(begins, "little")
    usual = int.from_bytes(save(weights, {"note": ""})[:8], "little")
    more = (wanted - usual) % 256 ** len(begins)
    content = save(weights, {"note": "x" * more})
    assert content.startswith(begins)
    (tmp_path / "blob").write_bytes(content)
    assert load_backbone(weights=tmp_path / "blob").name == "squeezenet1_1"


def test_densenets_published_file_uses_older_names(file: Path) -> None:
    state = torchvision.models.densenet121().state_dict()
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", key): value
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, file)
    backbone = load_backbone(weights=file)
    assert backbone.name == "densenet121"
    found = backbone.stages[1].module[0].denselayer1.conv2.weight
    torch.testing.assert_close(found, state["features.denseblock1.denselayer1.conv2.weight"])


@pytest.mark.guarded
@pytest.mark.parametrize("plain_pickle", [False, True])
def test_a_pickle_that_runs_code_is_refused_and_nothing_runs(
    weights: State, file: Path, tmp_path: Path, plain_pickle: bool
) -> None:
    marker = tmp_path / "marker"
    content = {**weights, "more": RunsCode(marker)}
    if plain_pickle:
        file.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, file)
    refusal(file)
    assert not marker.exists()
    with file.open("rb") as stream:  # the file is as harmful as it should be
        pickle.load(stream) if plain_pickle else torch.load(stream, weights_only=False)
    assert marker.exists()


def test_the_sentence_names_what_a_pickle_would_have_run(weights: State, file: Path) -> None:
    torch.save({**weights, "more": RunsCode(Path("marker"))}, file)
    text = refusal(file)
    assert "would run code" in text
    assert f"{os.system.__module__}.system" in text


def test_a_whole_pickled_module(file: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(2, 2)), file)
    text = refusal(file)
    assert "whole pickled" in text
    assert "state_dict" in text


def test_torchscript(file: Path) -> None:
    with pytest.warns(FutureWarning, match="deprecated"):
        torch.jit.script(nn.Linear(2, 2)).save(str(file))
    assert "TorchScript" in refusal(file)


def test_git_lfs_pointer(file: Path) -> None:
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 13\n")
    assert "git-lfs" in refusal(file)


def test_html_error_page(file: Path) -> None:
    file.write_text("\n<!DOCTYPE html><html><body>404</body></html>")
    assert "web page" in refusal(file)


def test_empty_missing_and_other_files(file: Path) -> None:
    assert "can't be opened" in refusal(file)
    file.write_bytes(b"")
    assert "empty" in refusal(file)
    file.write_bytes(b"RIFF....WAVE and so on")
    assert "no weights file" in refusal(file)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_torch_file(weights: State, file: Path, zipped: bool, share: float) -> None:
    torch.save(weights, file, _use_new_zipfile_serialization=zipped)
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    assert "damaged" in refusal(file)


def test_a_zip_file_of_something_else(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "zip" in refusal(file)


def test_a_zip_file_that_unpacks_to_far_more(weights: State, file: Path) -> None:
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, b"\0" * len(old.read(name)))
    assert "zip" in refusal(file)


def test_truncated_safetensors(weights: State, file: Path) -> None:
    content = save(weights)
    file.write_bytes(content[: len(content) // 2])
    assert "cut short" in refusal(file)
    file.write_bytes(content[:100])
    assert "cut short" in refusal(file)


def test_safetensors_with_a_huge_or_lying_header(file: Path) -> None:
    file.write_bytes(struct.pack("<Q", 1 << 60) + b"{" + b" " * 100)
    assert f"{1 << 60:,}" in refusal(file)
    lies = {"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}
    header = json.dumps(lies).encode()
    file.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 4)
    assert "does not describe" in refusal(file)
    header = b'{"a": ["no", "such", "thing"]}'
    file.write_bytes(struct.pack("<Q", len(header)) + header)
    assert "does not describe" in refusal(file)


def test_missing_misshapen_and_strange_weights_are_named_five_at_most(
    weights: State, file: Path
) -> None:
    state = dict(weights)
    del state["features.0.bias"]
    state["features.3.squeeze.weight"] = torch.zeros(7, 64, 1, 1)
    state["features.99.bias"] = torch.zeros(2)
    torch.save(state, file)
    text = refusal(file)
    assert "SqueezeNet" in text
    assert "features.3.squeeze.weight is 7×64×1×1 and should be 16×64×1×1" in text
    assert "features.0.bias is missing" in text
    assert "features.99.bias does not belong" in text
    for name in list(state)[:12]:
        state.pop(name)
    torch.save(state, file)
    text = refusal(file)
    assert text.count("is missing") + text.count("should be") + text.count("not belong") == 5
    assert "more)" in text


def test_a_network_that_is_not_known(file: Path) -> None:
    torch.save(nn.Linear(3, 4).state_dict(), file)
    text = refusal(file)
    assert "no network that is known" in text
    assert "MobileNetV2" in text


def test_weights_of_another_network_than_the_one_asked_for(weights: State, file: Path) -> None:
    torch.save(weights, file)
    with pytest.raises(UnusableWeights, match="do not fit ResNet-18"):
        load_backbone("resnet18", file)


def test_a_smaller_network_whose_weights_all_fit_a_larger_one(file: Path) -> None:
    torch.save(torchvision.models.resnet18().state_dict(), file)
    assert load_backbone(weights=file).name == "resnet18"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_named(weights: State, file: Path, value: float) -> None:
    state = {k: v.clone() for k, v in weights.items()}
    state["features.0.weight"][3, 1, 0, 2] = value
    torch.save(state, file)
    text = refusal(file)
    assert "features.0.weight" in text
    assert "NaN" in text


def test_a_classifier_that_is_no_number_does_not_matter(weights: State, file: Path) -> None:
    state = {**weights, "classifier.1.bias": torch.full((1000,), float("nan"))}
    torch.save(state, file)
    assert load_backbone(weights=file).name == "squeezenet1_1"


def test_files_with_no_weights_by_name(file: Path) -> None:
    for content in ([1, 2, 3], {"epoch": 3}, torch.zeros(3)):
        torch.save(content, file)
        assert "no weights by name" in refusal(file)


@pytest.mark.parametrize(
    "odd",
    [
        torch.zeros(64).to_sparse(),
        torch.zeros(64, dtype=torch.complex64),
        torch.zeros(64, dtype=torch.bool),
        torch.zeros(64, device="meta"),
    ],
    ids=["sparse", "complex", "bool", "meta"],
)
def test_weights_that_are_no_plain_numbers(weights: State, file: Path, odd: torch.Tensor) -> None:
    torch.save({**weights, "features.0.bias": odd}, file)
    assert "no usual numbers (features.0.bias)" in refusal(file)


def test_a_small_file_that_claims_a_giant_tensor(weights: State, file: Path) -> None:
    giant = torch.zeros(1).expand(1 << 20, 1 << 20)
    torch.save({**weights, "features.0.weight": giant}, file)
    assert "features.0.weight is 1048576×1048576" in refusal(file)


def test_where_nothing_can_be_kept_a_file_is_opened_all_the_same(
    weights: State, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no folder").write_text("in the way of the program's folder")
    monkeypatch.setattr(pickled, "cache_folder", lambda: tmp_path / "no folder")
    torch.save(weights, file)
    assert load_backbone(weights=file).name == "squeezenet1_1"


def test_what_was_written_again_is_not_opened_twice(
    weights: State, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickled, "cache_folder", lambda: tmp_path)
    torch.save(weights, file)
    digest = load_backbone(weights=file).digest
    with monkeypatch.context() as none:
        none.setattr(pickled, "call", None)
        assert load_backbone(weights=file).digest == digest
    for number in range(pickled.KEPT + 1):
        torch.save({"w": torch.full((2,), float(number))}, file)
        refusal(file)
    assert len(list((tmp_path / pickled.FORM).iterdir())) == pickled.KEPT

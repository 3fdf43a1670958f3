"""Activations by ONNX Runtime: those of PyTorch, cached as a file, with PyTorch as the fallback."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import BadSetting
from engine.images.preprocess import Preprocessing
from engine.models.backbone import Backbone, Stage
from engine.models.backbones import untrained
from engine.models.extractor import Extractor
from engine.models.trunk import Normalise, view
from engine.system import cpu
from engine.system import device as devices

SIZE = 64


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    torch.manual_seed(0)
    return untrained("squeezenet1_1", SIZE)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    shape = (19, SIZE, SIZE, 3)  # no multiple of any batch
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def thread_count() -> Iterator[None]:
    yield
    devices.set_threads(window_open=False)


def by_pytorch(backbone: Backbone, pixels: np.ndarray, views: int = 1, cut: str = "") -> np.ndarray:
    with torch.inference_mode():
        x = Normalise(backbone.preprocessing)(torch.from_numpy(pixels))
        seen = [backbone.below(cut)(view(x, number)) for number in range(views)]
    return torch.stack(seen, 1).numpy()


def agree(found: np.ndarray, expected: np.ndarray) -> bool:
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    return np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("views", [1, 5])
def test_activations_are_those_of_pytorch(
    backbone: Backbone, pixels: np.ndarray, folder: Path, views: int
) -> None:
    extractor = Extractor(backbone, device="cpu", cache=folder)
    found = extractor(pixels, views)
    assert found.shape == (19, views, backbone.width)
    assert agree(found, by_pytorch(backbone, pixels, views))
    assert extractor.notices == []


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x1_0"])
def test_networks_with_batch_norms_and_shuffled_channels_as_well(
    name: str, pixels: np.ndarray, folder: Path
) -> None:
    backbone = untrained(name, SIZE)
    extractor = Extractor(backbone, device="cpu", cache=folder)
    assert agree(extractor(pixels), by_pytorch(backbone, pixels))
    assert extractor.notices == []


def test_a_picture_has_the_same_activations_in_any_company(
    backbone: Backbone, pixels: np.ndarray, folder: Path
) -> None:
    extractor = Extractor(backbone, device="cpu", cache=folder)
    together = extractor(pixels)
    alone = np.concatenate([extractor(pixels[i : i + 1]) for i in range(len(pixels))])
    np.testing.assert_allclose(alone, together, rtol=1e-5, atol=1e-6)
    assert extractor(pixels[:0]).shape == (0, 1, backbone.width)


def test_a_cut_below_the_top_gives_maps(
    backbone: Backbone, pixels: np.ndarray, folder: Path
) -> None:
    found = Extractor(backbone, "stage1", "cpu", folder)(pixels[:3])
    assert agree(found, by_pytorch(backbone, pixels[:3], cut="stage1"))
    assert found.ndim == 5


def test_the_key_names_weights_cut_and_preprocessing(backbone: Backbone, folder: Path) -> None:
    key = Extractor(backbone, device="cpu", cache=folder).key
    assert key == Extractor(backbone, "features", "cpu", folder).key
    other_cut = Extractor(backbone, "stage1", "cpu", folder).key
    other_size = Extractor(untrained("squeezenet1_1", 96), "", "cpu", folder).key
    torch.manual_seed(1)
    other_weights = Extractor(untrained("squeezenet1_1", SIZE), "", "cpu", folder).key
    assert len({key, other_cut, other_size, other_weights}) == 4


def test_the_exported_part_is_kept_and_used_again(
    backbone: Backbone, pixels: np.ndarray, tmp_path: Path
) -> None:
    first = Extractor(backbone, device="cpu", cache=tmp_path)(pixels)
    (file,) = tmp_path.iterdir()
    made = file.stat().st_mtime_ns
    broken = copy.deepcopy(backbone)  # would give other numbers, were it asked
    nn.init.zeros_(broken.stages[0].module[0].weight)
    again = Extractor(broken, device="cpu", cache=tmp_path)(pixels)
    np.testing.assert_array_equal(again, first)
    assert [path.stat().st_mtime_ns for path in tmp_path.iterdir()] == [made]


def test_a_damaged_file_in_the_cache_is_made_again(
    backbone: Backbone, pixels: np.ndarray, tmp_path: Path
) -> None:
    first = Extractor(backbone, device="cpu", cache=tmp_path)(pixels)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    extractor = Extractor(backbone, device="cpu", cache=tmp_path)
    np.testing.assert_array_equal(extractor(pixels), first)
    assert extractor.notices == []
    assert file.stat().st_size > 1000


class Stubborn(nn.Module):
    """Something that ONNX has no word for."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = x.mean((2, 3))
        square = pooled[:, :, None] * pooled[:, None, :] + torch.eye(3)
        return torch.linalg.eigvalsh(square)


class Untraceable(nn.Module):
    """Something that only the exporter built on torch.export has words for."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.renorm(x.mean((2, 3)), 2, 0, 0.5)


def odd(module: nn.Module) -> Backbone:
    return Backbone("odd", [Stage("all", module)], Preprocessing(8, 9), 3, "d" * 64)


def pytorch_answers(network: Backbone, folder: Path) -> bool:
    """Whether it was PyTorch that computed, as a notice then says; the numbers agree anyway."""
    extractor = Extractor(network, device="cpu", cache=folder)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    assert agree(extractor(pixels), by_pytorch(network, pixels))
    extractor(pixels)
    kept = list(folder.iterdir())
    if not extractor.notices:
        assert kept
        return False
    (notice,) = extractor.notices
    assert notice.level == "warning"
    assert "PyTorch" in notice.text
    assert kept == []
    return True


def test_where_the_export_fails_pytorch_does_the_work_and_a_notice_says_so(tmp_path: Path) -> None:
    assert pytorch_answers(odd(Stubborn()), tmp_path)


def test_what_can_not_be_traced_is_exported_by_what_it_does(tmp_path: Path) -> None:
    assert not pytorch_answers(odd(Untraceable()), tmp_path)


def test_where_a_part_of_the_exporter_is_missing_pytorch_does_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_onnxscript(*_: object, dynamo: bool, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'onnxscript'")

    monkeypatch.setattr(torch.onnx, "export", without_onnxscript)
    assert pytorch_answers(odd(Untraceable()), tmp_path)


def test_without_a_folder_it_works_as_well(backbone: Backbone, pixels: np.ndarray) -> None:
    extractor = Extractor(backbone, device="cpu")
    assert agree(extractor(pixels[:2]), by_pytorch(backbone, pixels[:2]))
    assert extractor.notices == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_a_graphics_card_gives_the_same_within_rounding(
    backbone: Backbone, pixels: np.ndarray
) -> None:
    cuda = Extractor(copy.deepcopy(backbone), device="cuda")(pixels, 2)
    assert agree(cuda, by_pytorch(backbone, pixels, 2))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadSetting, match="no device “cuda”"):
        devices.choose("cuda")


def test_devices() -> None:
    assert devices.choose("cpu") == torch.device("cpu")
    assert devices.choose("auto").type in devices.DEVICES
    assert devices.describe(torch.device("cpu")).startswith("Processor, ")
    with pytest.raises(BadSetting, match="Choose one of: auto"):
        devices.choose("abacus")


def test_an_open_window_keeps_one_core_for_itself(thread_count: None) -> None:
    alone = devices.set_threads(window_open=False)
    assert alone == cpu.available_cores() == torch.get_num_threads() == devices.threads()
    beside = devices.set_threads(window_open=True)
    assert beside == max(1, alone - 1) == torch.get_num_threads() == devices.threads()

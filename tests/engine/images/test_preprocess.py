"""One definition of preprocessing: as torchvision's, the same from drafts, the same in ONNX."""

from __future__ import annotations

import io

import numpy as np
import onnxruntime as ort
import pytest
import torch
from PIL import Image
from torchvision.transforms import functional as tv

from engine.export.graphs.preprocess_onnx import picture_graph
from engine.images.preprocess import Preprocessing, preprocess
from engine.models.onnx_export import OPSET
from engine.models.trunk import VIEWS, Normalise, view
from tests.helpers.image_files import drawn

BILINEAR = Preprocessing(64, 73)
BICUBIC = Preprocessing(48, 55, "bicubic")
SIZES = [(200, 150), (151, 203), (90, 90), (37, 61), (500, 31), (7, 1), (224, 299)]


def textured(size: tuple[int, int]) -> Image.Image:
    """A drawn image with fine noise on it, so that a shift by half a pixel shows."""
    noise = np.random.default_rng(1).normal(0, 12, (size[1], size[0], 3))
    clear = np.asarray(drawn(3, size), float)
    return Image.fromarray((clear + noise).clip(0, 255).astype(np.uint8))


def differences(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    far = np.abs(one.astype(float) - other.astype(float))
    return far.max(), far.mean()


@pytest.mark.parametrize("p", [BILINEAR, BICUBIC])
@pytest.mark.parametrize("size", SIZES)
def test_it_is_what_torchvision_does(size: tuple[int, int], p: Preprocessing) -> None:
    image = textured(size)
    mode = tv.InterpolationMode(p.interpolation)
    expected = tv.center_crop(tv.resize(image, p.resize, mode, antialias=True), p.size)
    most, mean = differences(preprocess(image, p), np.asarray(expected))
    assert most <= 1
    assert mean < 0.02


@pytest.mark.parametrize("size", [(1003, 751), (750, 1001)])
def test_a_draft_gives_what_the_whole_picture_gives(size: tuple[int, int]) -> None:
    file = io.BytesIO()
    textured(size).save(file, "JPEG", quality=92)
    whole, draft = Image.open(file), Image.open(file)
    draft.draft(None, (2 * BILINEAR.resize, 2 * BILINEAR.resize))
    assert max(draft.size) < max(whole.size) / 2
    _, mean = differences(preprocess(whole, BILINEAR), preprocess(draft, BILINEAR, size))
    assert mean < 0.6
    _, without = differences(preprocess(whole, BILINEAR), preprocess(draft, BILINEAR))
    assert without > 1.2 * mean  # the original's size is needed for it


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (8, 400), (64, 73)])
def test_any_shape_gives_the_networks_size(size: tuple[int, int]) -> None:
    pixels = preprocess(Image.new("RGB", size, (10, 200, 30)), BILINEAR)
    assert pixels.shape == (64, 64, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == (10, 200, 30)).all()


# Of 96 of 224 pixels, a fiftieth lies half way between two levels.
@pytest.mark.parametrize("p", [BILINEAR, BICUBIC, BILINEAR.at(96).whole(), BICUBIC.at(75)])
def test_the_exported_graph_does_the_same_to_pictures_of_any_size(p: Preprocessing) -> None:
    graph = picture_graph(p, OPSET)
    graph.ir_version = 10
    session = ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    for size in SIZES:
        image = textured(size)
        batch = np.stack([np.asarray(image), np.asarray(image)[::-1]])
        found = session.run(None, {"pictures": batch})[0]
        assert found.shape == (2, p.size, p.size, 3)
        np.testing.assert_array_equal(found[0], preprocess(image, p))
        np.testing.assert_array_equal(found[1], preprocess(Image.fromarray(batch[1]), p))


def test_normalising_is_torchvisions() -> None:
    pixels = preprocess(textured((90, 80)), BILINEAR)
    expected = tv.normalize(tv.to_tensor(pixels), BILINEAR.mean, BILINEAR.std)
    found = Normalise(BILINEAR)(torch.from_numpy(pixels)[None])[0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_views_are_the_picture_its_middle_and_corners_each_also_mirrored() -> None:
    size = 32
    down, across = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    x = torch.stack([down, across, down + across]).float()[None]
    views = [view(x, number) for number in range(VIEWS)]
    assert all(v.shape == x.shape for v in views)
    torch.testing.assert_close(views[0], x)
    for even, odd in zip(views[::2], views[1::2], strict=True):
        torch.testing.assert_close(odd, even.flip(-1))
    # The first channel is the row, the second the column, so a view's mean says where it lies.
    middle = (size - 1) / 2
    shift = size / 16
    where = {2: (0, 0), 4: (-1, -1), 6: (-1, 1), 8: (1, -1), 10: (1, 1)}
    for number, (row, column) in where.items():
        means = views[number].mean((0, 2, 3))
        assert means[0] == pytest.approx(middle + row * shift, abs=0.01)
        assert means[1] == pytest.approx(middle + column * shift, abs=0.01)
        assert views[number].std() < x.std()

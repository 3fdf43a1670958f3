"""The sample images: the project draws them itself, always the same, and they are a fair test."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.events import Progress
from engine.images.decode import CheckedImage, open_many
from engine.images.drawing import Canvas, affine, combine, paint, smooth
from engine.images.folders import find_images
from engine.images.near_duplicates import groups
from engine.images.sample import draw_sample


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Progress]]:
    folder = tmp_path_factory.mktemp("sample")
    return folder, list(draw_sample(folder))


@pytest.fixture(scope="module")
def opened(drawn: tuple[Path, list[Progress]]) -> dict[str, list[CheckedImage]]:
    classes = find_images([drawn[0] / "learn"]).classes
    found = {name: [path for path, _ in files] for name, files in classes.items()}
    return {name: [p for _, p in open_many(paths, None)] for name, paths in found.items()}


def test_it_tells_how_far_it_is(drawn: tuple[Path, list[Progress]]) -> None:
    folder, events = drawn
    assert [event.done for event in events] == list(range(1, len(events) + 1))
    assert {event.total for event in events} == {len(events)}
    assert len(list(folder.rglob("*.jpg"))) == len(events)


def test_there_are_enough_classes_and_pictures_for_a_split(
    opened: dict[str, list[CheckedImage]],
) -> None:
    assert len(opened) >= 8
    assert all(40 <= len(images) <= 60 for images in opened.values())


def test_every_class_has_pictures_to_try(drawn: tuple[Path, list[Progress]], opened) -> None:
    found = find_images([drawn[0] / "try"])
    assert set(found.classes) == set(opened)
    assert list((drawn[0] / "strangers").glob("*.jpg"))


def test_the_pictures_are_all_different(opened: dict[str, list[CheckedImage]]) -> None:
    images = [image for some in opened.values() for image in some]
    assert len({image.sha256 for image in images}) == len(images)
    assert len(groups([image.phash for image in images])) < len(images) / 100


def test_the_mean_colour_alone_does_not_tell_the_classes(drawn, opened) -> None:
    colours, classes = [], []
    for number, name in enumerate(opened):
        for path in sorted((drawn[0] / "learn" / name).iterdir()):
            colours.append(np.asarray(Image.open(path), np.float32).mean((0, 1)))
            classes.append(number)
    colours, classes = np.array(colours), np.array(classes)
    apart = ((colours[:, None] - colours[None]) ** 2).sum(2) + np.eye(len(colours)) * 1e9
    assert (classes[apart.argmin(1)] == classes).mean() < 0.35


def test_it_is_the_same_again_and_draws_over_what_is_there(drawn, tmp_path: Path) -> None:
    for _ in range(2):
        list(islice(draw_sample(tmp_path), 15))
    again = sorted(tmp_path.rglob("*.jpg"))
    assert len(again) == 15
    for path in again:
        assert path.read_bytes() == (drawn[0] / path.relative_to(tmp_path)).read_bytes()


def painted(*parts: dict) -> np.ndarray:
    """The mask of parts drawn with a colour called x, as shares of 1."""
    canvas = Canvas(200, (0, 0, 0))
    paint(canvas, parts, {"x": (255, 0, 0)}, np.random.default_rng(0))
    return np.asarray(canvas.mask) / 255


BOX = {"polygon": [[-0.1, -0.1], [0.1, -0.1], [0.1, 0.1], [-0.1, 0.1]], "fill": "x", "jitter": 0}


def test_shapes_lie_where_the_recipe_says() -> None:
    mask = painted({"parts": [BOX], "at": [0.5, -0.5]})
    assert mask[50, 150] == 1
    assert mask.mean() == pytest.approx(0.01, rel=0.15)


def test_groups_repeat_mirror_and_turn() -> None:
    one = painted({"parts": [BOX], "at": [0.5, 0]}).sum()
    assert painted({"parts": [BOX], "at": [0.5, 0], "mirror": True})[100, 50] == 1
    assert painted({"parts": [BOX], "at": [-0.6, 0], "times": [4, 4], "step": [0.4, 0]}).sum() == (
        pytest.approx(4 * one, rel=0.05)
    )
    petals = [{"parts": [BOX], "at": [0.5, 0]}]
    assert painted({"parts": petals, "times": [5, 5], "round": True}).sum() == (
        pytest.approx(5 * one, rel=0.05)
    )
    assert painted({"parts": [BOX], "chance": 0}).sum() == 0


def test_a_curve_goes_through_its_points() -> None:
    points = np.array([[-0.5, 0], [0, -0.5], [0.5, 0], [0, 0.5]])
    curve = smooth(points, closed=True)
    assert all(np.abs(curve - point).sum(1).min() < 1e-9 for point in points)


def test_places_combine_inside_out() -> None:
    turn, move = affine((0, 0), 90, (1, 1)), affine((1, 0), 0, (2, 2))
    where = combine(move, turn) @ np.array([1, 0, 1])
    assert where == pytest.approx([1, 2])

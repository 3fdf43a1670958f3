"""Brightness, sharpness and colour of an image, whatever it shows."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from engine.images.quality import LEAST, qualities
from engine.images.thumbnail import as_jpeg
from tests.helpers.image_files import drawn


def measured(image: Image.Image) -> tuple[float, float, float]:
    return qualities(as_jpeg(image))


def test_a_field_of_one_colour() -> None:
    """By hand, with the weights of luma; of 350 parts red has 150 more than blue."""
    grey = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    brightness, sharpness, colour = measured(Image.new("RGB", (40, 30), (200, 100, 50)))
    assert brightness == pytest.approx(grey / 255, abs=0.01)
    assert sharpness == pytest.approx(np.log10(LEAST), abs=0.5)
    assert colour == pytest.approx(150 / 350, abs=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_each_tells_what_it_is_of(seed: int) -> None:
    image = drawn(seed, (160, 120))
    plain = measured(image)
    dark = measured(ImageEnhance.Brightness(image).enhance(0.6))
    blurred = measured(image.filter(ImageFilter.GaussianBlur(4)))
    red, green, blue = image.split()
    warm = Image.merge("RGB", (red, green, blue.point(lambda value: value * 0.6)))
    assert dark[0] < plain[0] - 0.05
    assert dark[1] == pytest.approx(plain[1], abs=0.1)
    assert blurred[1] < plain[1] - 0.2
    assert blurred[0] == pytest.approx(plain[0], abs=0.02)
    assert measured(warm)[2] > plain[2] + 0.02


def test_an_image_of_a_few_pixels() -> None:
    assert np.isfinite(measured(Image.new("RGB", (2, 30)))).all()

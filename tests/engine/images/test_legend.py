"""The legend below an image with its reasons."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from engine.images.legend import GREY, NARROW, WIDE, colours, densest, figure, with_legend
from engine.images.letters import can_write, face, lines_of
from engine.images.overlay import AGAINST, FOR, overlay

MEANING = "What each of 196 places adds to the logit of {}, 5.21."
HOW = "The places explain 93 % of the answer."


def legend(image: Image.Image, name: str = "moth", told: tuple[str, ...] = (HOW,)) -> np.ndarray:
    made = with_legend(image, name, 0.125, MEANING, told)
    return np.asarray(made)


@pytest.mark.parametrize(
    ("size", "width"), [((120, 60), NARROW), ((900, 30), 900), ((50, 1000), 80)]
)
def test_it_is_wide_enough_to_be_read(size: tuple[int, int], width: int) -> None:
    made = with_legend(Image.new("RGB", size), "moth", 0.1, MEANING, [HOW])
    assert made.width == width
    assert made.height > round(width * size[1] / size[0])
    assert round(width * size[1] / size[0]) <= WIDE


def test_its_ends_are_the_colours_of_the_densest_places() -> None:
    scale = np.asarray(colours(201, 10))
    seen = Image.new("RGB", (8, 8), (GREY,) * 3)
    for end, value, colour in ((-1, 1.0, FOR), (0, -1.0, AGAINST)):
        over = overlay(np.full((2, 2), value), 8)
        shown = seen.copy()
        shown.paste(over, (0, 0), over)
        wanted = np.asarray(shown)[4, 4].astype(int)
        assert np.abs(scale[5, end].astype(int) - wanted).max() <= 1
        assert densest(colour) == "#" + "".join(f"{part:02x}" for part in scale[5, end])
    assert scale[5, 100].tolist() == [GREY] * 3, "what adds nothing has no colour"


def test_the_class_the_meaning_and_the_share_are_written() -> None:
    image = Image.new("RGB", (NARROW, 100), "black")
    plain = legend(image)
    assert plain.shape == legend(image, "mole").shape
    for other in (legend(image, "mole"), legend(image, told=(HOW.replace("93", "94"),))):
        assert (other != plain).any()
        assert (other[:100] == 0).all(), "the image stays as it is"


def test_a_name_that_cant_be_written_is_told_otherwise() -> None:
    image = Image.new("RGB", (NARROW, 100))
    assert not can_write("蛾")
    assert (legend(image, "蛾") == legend(image, "the answer")).all()


def test_long_names_stay_inside() -> None:
    made = legend(Image.new("RGB", (NARROW, 100)), "a hawk-moth with a very long name " * 4)
    assert (made[100:, -8:] == 255).all()
    assert (made[100:, :8] == 255).all()


def test_lines_are_no_wider_than_their_room() -> None:
    own = face(20)
    lines = lines_of("Mostly the upper left speaks for the moth.", own, 120)
    assert len(lines) > 2
    assert all(own.getlength(line) <= 120 for line in lines)
    assert " ".join(lines) == "Mostly the upper left speaks for the moth."


def test_figures_keep_what_matters() -> None:
    assert [figure(n) for n in (5227.49, 12.44, 0.0523, -830.2)] == [
        *("5,227", "12.4", "0.0523", "-830")
    ]

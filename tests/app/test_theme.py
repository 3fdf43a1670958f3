"""The two themes can be read: contrast, sharp icons, one style sheet for both."""

from __future__ import annotations

import re

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QComboBox

from app import theme
from app.shell.window import make_application


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in QColor(colour).getRgbF()[:3]
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("tokens", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("text", "surface"),
        ("text", "ground"),
        ("text", "accent_soft"),
        ("muted", "surface"),
        ("muted", "ground"),
        ("muted", "sunken"),
        ("accent", "surface"),
        ("accent", "accent_soft"),
        ("on_accent", "accent"),
        ("warning", "surface"),
        ("text", "warning_soft"),
        ("danger", "surface"),
    ],
)
def test_text_has_the_contrast_of_wcag_aa(tokens: theme.Tokens, ink: str, ground: str) -> None:
    assert contrast(getattr(tokens, ink), getattr(tokens, ground)) >= 4.5


@pytest.mark.parametrize("tokens", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_the_style_sheet_names_only_what_is_there(tokens: theme.Tokens) -> None:
    sheet = theme.style_sheet(tokens)
    assert "$" not in sheet
    for path in re.findall(r"url\((.*?)\)", sheet):
        assert (theme.RESOURCES / "icons" / path.rsplit("/", 1)[1]).is_file()


def test_every_icon_is_drawn_in_the_colour_asked_for(qapp: QApplication) -> None:
    for file in (theme.RESOURCES / "icons").glob("*.svg"):
        image = theme.image(file.stem, "#ff0000", 48).toImage()
        colours = {
            image.pixelColor(x, y).rgb()
            for x in range(48)
            for y in range(48)
            if image.pixelColor(x, y).alpha() == 255
        }
        assert colours, f"{file.name} draws nothing"
        if file.stem not in ("espalier", "check"):
            assert colours == {QColor("#ff0000").rgb()}, file.name


def test_icons_are_sharp_at_200_per_cent(qapp: QApplication) -> None:
    sizes = {size.width() for size in theme.icon("learn").availableSizes()}
    assert sizes == {20, 40}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_no_corner_shows_behind_a_drop_down_list(qtbot: object, mode: str) -> None:
    make_application()
    theme.use(mode)
    choice = QComboBox()
    theme.dress(choice)
    qtbot.addWidget(choice)
    choice.addItems(["ONNX", "OpenVINO"])
    choice.show()
    choice.showPopup()
    frame = choice.view().window()
    qtbot.waitUntil(frame.isVisible)

    image = frame.grab().toImage()
    wide, high = image.width() - 1, image.height() - 1
    corners = [image.pixelColor(x, y) for x in (0, wide) for y in (0, high)]

    choice.hidePopup()
    assert corners == [image.pixelColor(wide // 2, 0)] * 4, "its own line, to the corner"
    theme.use("light")

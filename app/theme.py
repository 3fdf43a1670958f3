"""Colours, icons and the style sheet, all made from a few tokens for light and for dark."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from string import Template
from weakref import WeakKeyDictionary, WeakSet

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget
from shiboken6 import isValid

GRID = 8
"""All distances are multiples (or halves) of this many pixels."""

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
MODES = ("system", "light", "dark")
DRAWN = "#808a84"
"""The stroke of the icon files, exchanged for the theme's colour."""


@dataclass(frozen=True)
class Tokens:
    """The colours of one theme, by what they are for."""

    ground: str
    surface: str
    sunken: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    accent_soft: str
    hover: str
    warning: str
    warning_soft: str
    danger: str


LIGHT = Tokens(
    ground="#f6f6f3",
    surface="#ffffff",
    sunken="#efefeb",
    line="#dedfd9",
    text="#1d2320",
    muted="#5f6a64",
    accent="#2a7553",
    on_accent="#ffffff",
    accent_soft="#deeee5",
    hover="#eaece7",
    warning="#8f5b0a",
    warning_soft="#fbf0dc",
    danger="#a83a2a",
)
DARK = Tokens(
    ground="#161918",
    surface="#1e2221",
    sunken="#121514",
    line="#343a38",
    text="#e7ebe9",
    muted="#9ba6a0",
    accent="#58b487",
    on_accent="#0c1a13",
    accent_soft="#24382e",
    hover="#2a302e",
    warning="#e2b15c",
    warning_soft="#352c1b",
    danger="#ec8b7c",
)


class Look:
    """The theme that is in use; `use` changes it for the whole application."""

    mode = "system"
    tokens = LIGHT


# Qt's own list of all widgets would be simpler, but it also names those that are being deleted.
ICONS: WeakKeyDictionary[QAbstractButton, tuple[str, str]] = WeakKeyDictionary()
"""The drawing and its colour for each button whose icon follows the theme."""


DRESSED: WeakSet[QWidget] = WeakSet()
"""What wears the style sheet, with all that is within it."""


def dress(widget: QWidget) -> None:
    """Gives a window, with all that comes into it later, the style sheet; it follows the theme.

    The application as a whole wears none: then each widget would be styled anew, with all that it
    holds, whenever it is put into another, which was two thirds of the time to make the pages.
    """
    DRESSED.add(widget)
    widget.setStyleSheet(style_sheet(Look.tokens))


def tokens() -> Tokens:
    return Look.tokens


def colour(name: str, alpha: int = 255) -> QColor:
    """A colour of the theme by its token's name."""
    found = QColor(getattr(Look.tokens, name))
    found.setAlpha(alpha)
    return found


def use(mode: str) -> None:
    """Takes `system`, `light` or `dark`; unknown words mean `system`."""
    Look.mode = mode if mode in MODES else "system"
    hints = QGuiApplication.styleHints()
    scheme = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
    hints.setColorScheme(scheme.get(Look.mode, Qt.ColorScheme.Unknown))
    refresh()


def refresh() -> None:
    """Applies the theme again, after the mode or the system's colours changed."""
    system_is_dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    dark = Look.mode == "dark" or (Look.mode == "system" and system_is_dark)
    Look.tokens = DARK if dark else LIGHT
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    app.setPalette(palette(Look.tokens))
    for widget in list(DRESSED):
        if isValid(widget):
            widget.setStyleSheet(style_sheet(Look.tokens))
    for button, (name, token) in list(ICONS.items()):
        if isValid(button):
            button.setIcon(icon(name, token, button.iconSize().width()))


def palette(t: Tokens) -> QPalette:
    """The palette that goes with the tokens, for all that the style sheet does not paint."""
    made = QPalette()
    role = QPalette.ColorRole
    for names, value in (
        ((role.Window,), t.ground),
        ((role.Base, role.ToolTipBase, role.Button), t.surface),
        ((role.AlternateBase,), t.sunken),
        ((role.Text, role.WindowText, role.ButtonText, role.ToolTipText), t.text),
        ((role.PlaceholderText,), t.muted),
        ((role.Highlight, role.Accent, role.Link), t.accent),
        ((role.HighlightedText,), t.on_accent),
        ((role.Mid,), t.line),
    ):
        for name in names:
            made.setColor(name, QColor(value))
    for name in (role.Text, role.WindowText, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, name, QColor(t.muted))
    return made


@lru_cache(maxsize=2)
def style_sheet(t: Tokens) -> str:
    text = (RESOURCES / "styles" / "espalier.qss").read_text(encoding="utf-8")
    return Template(text).substitute(asdict(t), icons=(RESOURCES / "icons").as_posix())


@lru_cache(maxsize=256)
def drawing(name: str, tint: str, thin: bool = False) -> QByteArray:
    text = (RESOURCES / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    text = text.replace('stroke-width="1.6"', 'stroke-width="0.9"') if thin else text
    return QByteArray(text.replace(DRAWN, tint).encode())


def image(name: str, tint: str, pixels: int) -> QPixmap:
    """One of our drawings as a square pixmap of so many device pixels."""
    pixmap = QPixmap(pixels, pixels)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(drawing(name, tint, pixels >= 96)).render(painter, QRectF(0, 0, pixels, pixels))
    painter.end()
    return pixmap


def icon(name: str, token: str = "muted", pixels: int = 20) -> QIcon:
    """A drawing as an icon in a colour of the theme, in the accent while it is checked.

    It is drawn once and at twice the size asked for, so that it is sharp at 200 %.
    """
    return tinted(name, token, pixels, Look.tokens)


@lru_cache(maxsize=256)
def tinted(name: str, token: str, pixels: int, t: Tokens) -> QIcon:
    made = QIcon()
    for mode, state, tint in (
        (QIcon.Mode.Normal, QIcon.State.Off, getattr(t, token)),
        (QIcon.Mode.Normal, QIcon.State.On, t.accent),
        (QIcon.Mode.Disabled, QIcon.State.Off, t.line),
    ):
        for size in (pixels, 2 * pixels):
            made.addPixmap(image(name, tint, size), mode, state)
    return made


def put_icon(button: QAbstractButton, name: str, token: str = "muted", pixels: int = 20) -> None:
    """Sets an icon that follows the theme."""
    ICONS[button] = name, token
    button.setIconSize(QSize(pixels, pixels))
    button.setIcon(icon(name, token, pixels))


def application_icon() -> QIcon:
    made = QIcon()
    for pixels in (16, 32, 64, 256):
        made.addPixmap(image("espalier", DRAWN, pixels))
    return made

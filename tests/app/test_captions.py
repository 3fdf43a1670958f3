"""Captions: what matters stays, however long a class is called."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QApplication

from app.widgets.captions import Caption, Name, fitted, lines_of
from app.widgets.mend import caption

LONG = "Acherontia atropos (death's-head hawkmoth)"


@pytest.fixture
def metrics(qapp: QApplication) -> QFontMetrics:
    return QFontMetrics(QFont(qapp.font()))


def painted(text: str, metrics: QFontMetrics, room: int) -> list[str]:
    lines = [fitted(parts, metrics, room) for parts in lines_of(text)]
    assert all(metrics.horizontalAdvance(line) <= room for line in lines)
    return lines


def test_short_captions_stay_as_they_are(metrics: QFontMetrics) -> None:
    text = caption({"class": "hat", "predicted": "cap", "confidence": 0.834})
    assert text == "hat, taken for\ncap 83 %"
    assert painted(text, metrics, 400) == ["hat, taken for", "cap 83 %"]


def test_of_long_names_the_middle_goes_and_the_share_stays(metrics: QFontMetrics) -> None:
    row = {"class": LONG, "predicted": LONG + " 2", "confidence": 0.834}
    room = metrics.horizontalAdvance("Acherontia hawk…moth 83 %")
    first, second = painted(caption(row), metrics, room)
    assert first.startswith("A")
    assert first.endswith(" →"), "which stands for “, taken for”"
    assert second.endswith("2 83 %")
    assert "…" in first
    assert "…" in second
    (kept,) = painted(caption({**row, "predicted": LONG, "kept": True}), metrics, room)
    assert kept.endswith(" 83 % ✓")


def test_a_short_name_beside_a_long_one_is_whole(metrics: QFontMetrics) -> None:
    parts = (Name("hat"), " / ", Name(LONG))
    made = fitted(parts, metrics, metrics.horizontalAdvance("hat / Acherontia hawkmoth"))
    assert made.startswith("hat / A")
    assert made.endswith(")")


def test_a_plain_text_is_a_name() -> None:
    assert [list(parts) for parts in lines_of("a\nb")] == [["a"], ["b"]]
    assert all(isinstance(part, Name) for parts in lines_of("a") for part in parts)
    assert Caption.of(("a", "b"), ("c",)) == "ab\nc"

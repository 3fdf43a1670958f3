"""Cells that a spreadsheet would run are text, and come back as they were."""

from __future__ import annotations

import pytest

from engine.system.cells import cell_text, text_cell

RUN = (
    "=1+1",
    "+1+1",
    "-1+1",
    "-5+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "+a",
    "-",
)
PLAIN = ("moth", "-1", "+1.5", "-.5", "1,000", "-1,5", "'tis", "", "'", "a=1", "5-3", "''")


@pytest.mark.parametrize("text", RUN)
def test_what_would_be_run_has_a_mark_before_it(text: str) -> None:
    assert text_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", PLAIN)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert text_cell(text) == text
    assert cell_text(text) == text


@pytest.mark.parametrize("text", [*RUN, *PLAIN, *(f"'{t}" for t in RUN), *(f"''{t}" for t in RUN)])
def test_each_text_comes_back(text: str) -> None:
    assert cell_text(text_cell(text)) == text

"""Text in cells of tables: what a spreadsheet would run as a formula stays text, and comes back.

Whoever made a file chose the names in it.

>>> text_cell("=1+1"), text_cell("-1"), text_cell("moth")
("'=1+1", '-1', 'moth')
>>> cell_text(text_cell("=1+1")), cell_text("'tis"), cell_text(text_cell("'=1"))
('=1+1', "'tis", "'=1")
"""

from __future__ import annotations

import re

FORMULA = re.compile(r"'*(?:[=@\t\r\n]|[+-](?!\.?\d[\d.,]*\Z))")
"""How a cell begins that a spreadsheet would run; plain numbers with a sign are none. Quotation
marks before it count along, so that what was marked as text can be told from what began so."""


def text_cell(text: str) -> str:
    """Text as a cell holds it: what would be run gets “'” before it."""
    return f"'{text}" if FORMULA.match(text) else text


def cell_text(cell: str) -> str:
    """The text of a cell that `text_cell` made, or anybody."""
    return cell[1:] if cell[:1] == "'" and FORMULA.match(cell) else cell

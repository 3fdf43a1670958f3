"""What a receipt says of a promise whose file answers otherwise than the project."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.export.check import Checked
from engine.export.formats import ExportData
from engine.export.receipts.measured import kept
from engine.export.receipts.words import promise
from engine.learners.promise import Promise
from engine.system.groups import Groups

IMAGES = 120


def receipt(flipped: int) -> dict[str, Any]:
    """Of two classes with 120 held-out images, all sure and right by the project; the file answers
    so many of them wrongly."""
    truth = np.arange(IMAGES) % 2
    project = np.where(np.eye(2)[truth] > 0, 0.99, 0.01)
    by_file = project.copy()
    by_file[:flipped] = by_file[:flipped, ::-1]
    groups = Groups(("", ""))
    made = Promise(0.05, (0.9, 0.9), groups)
    model = SimpleNamespace(promise=made, threshold=9.0, groups=groups, least=made.least)
    found = Checked(list(range(IMAGES)), by_file, np.zeros(IMAGES), [1.0], 0, {}, False)
    data = ExportData([Path("a.jpg")] * IMAGES, project, truth, held_out=IMAGES)
    return kept(model, found, data)  # type: ignore[arg-type]  # all that it looks at


@pytest.mark.parametrize(("flipped", "shown"), [(0, True), (1, True), (4, False)])
def test_more_wrong_answers_than_the_project_has_must_show_it_themselves(
    flipped: int, shown: bool
) -> None:
    """By Clopper and Pearson 1 wrong of 120 shows at most 3.9 %, and 4 show 7.5."""
    said = receipt(flipped)
    assert (said["promise_wrong"], said["promise_shown"]) == (flipped, shown)
    assert ("does not show it of this file" in promise(said)) is not shown

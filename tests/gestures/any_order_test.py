"""Anything in any order: images lie where they were put, and undo brings back every row.

`make drills` does the same for 10,000 steps, each time others.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

from tests.helpers import projects
from tests.helpers.any_order import AnyOrder

TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=6,
    stateful_step_count=25,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_a_class_is_not_merged_into_itself(tmp_path: Path) -> None:
    with closing(projects.opened(tmp_path)) as session:
        before = session.view().classes
        said = projects.refused(session, "merge_classes", name="red", into="red")
        assert "into itself" in said
        assert session.view().classes == before

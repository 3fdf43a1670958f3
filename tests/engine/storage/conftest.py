"""A project that the tests of this folder begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.storage.project import Project
from tests.helpers.project_rows import FACTS


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project.create(tmp_path / "moths", **FACTS)
    yield made
    made.close()

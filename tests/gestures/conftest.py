"""Fixtures for tests of the command line: a home of its own, and small weights in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import image_files


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def home_weights(home: Path) -> Path:
    """Made in this process, which has PyTorch anyway (tests of the window have `weights`)."""
    return image_files.weights(home / "net.safetensors")

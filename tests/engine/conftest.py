"""Fixtures for tests of the engine: one thread, and a small project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.jobs import run
from engine.session import Session
from tests.helpers import image_files


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small networks are slower on several threads, and much slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """An empty project with a small network of random weights, at 32 pixels."""
    session = Session()
    weights = str(image_files.weights(tmp_path / "net.safetensors"))
    path = str(tmp_path / "p.espalier")
    *_, ended = run(session, "new_project", {"path": path, "weights": weights, "size": 32})
    assert ended.how == "done", ended.text
    yield session
    session.close()

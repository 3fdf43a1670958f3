"""A project with a heap, made once for all that sort it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.heap import near
from engine.session import Session
from tests.helpers import image_files
from tests.helpers.projects import done
from tests.helpers.sorting import COUNT, NAMES


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_files.plain_folders(tmp_path_factory.mktemp("folders"), NAMES, COUNT)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, folders: Path) -> Path:
    """A project with a heap of all images."""
    place = tmp_path_factory.mktemp("filled")
    session = Session()
    weights = image_files.weights(place / "net.safetensors")
    done(session, "new_project", path=str(place / "p"), weights=str(weights), size=32)
    done(session, "add_unsorted", paths=[str(folders)])
    session.close()
    return place / "p.espalier"


@pytest.fixture
def session(tmp_path: Path, filled: Path, one_thread: None) -> Iterator[Session]:
    path = shutil.copytree(filled, tmp_path / "p.espalier")
    session = Session()
    done(session, "open_project", path=str(path))
    yield session
    session.close()


@pytest.fixture
def few_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 60 images so few say enough for what waits to have a part in the suggestions."""
    monkeypatch.setattr(near, "ROUND_WIDTH", 6)

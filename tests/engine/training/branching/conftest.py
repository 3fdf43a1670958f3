"""Projects without and with a branch, made once and copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.session import Session
from tests.helpers import image_files
from tests.helpers.branching import copied, done, folders, grow


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_files.class_folders(tmp_path_factory.mktemp("photos"), dict.fromkeys("abcdef", 20))


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    """A project that has learnt two classes without a branch."""
    home = tmp_path_factory.mktemp("started")
    with closing(Session()) as session:
        weights = str(image_files.weights(home / "net.safetensors"))
        path = home / "p.espalier"
        done(session, "new_project", path=str(path), weights=weights, size=32)
        done(session, "learn_folder", paths=folders(photos, "ab"))
    return path


@pytest.fixture(scope="module")
def branched(started: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a branch for two more classes, whose head leaves the earlier one as it was."""
    with closing(Session()) as session:
        session.open(path := copied(started, tmp_path_factory.mktemp("branched")))
        grow(session, photos, "cd", join="calibrated")
    return path


@pytest.fixture
def session(started: Path, tmp_path: Path) -> Iterator[Session]:
    """A copy of the project without a branch."""
    with closing(Session()) as session:
        session.open(copied(started, tmp_path))
        yield session


@pytest.fixture
def grown_session(branched: Path, tmp_path: Path) -> Iterator[Session]:
    """A copy of the project with a branch."""
    with closing(Session()) as session:
        session.open(copied(branched, tmp_path, "grown"))
        yield session

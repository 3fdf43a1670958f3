"""Where the program keeps what is not part of a project: weights, log and caches."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def data_folder() -> Path:
    """The user's data folder; ESPALIER_HOME takes its place where it is set. Made when missing."""
    home = os.environ.get("ESPALIER_HOME")
    folder = Path(home) if home else Path(platformdirs.user_data_dir("espalier", appauthor=False))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cache_folder() -> Path:
    """The user's cache folder: all in it can be deleted and is made again."""
    home = os.environ.get("ESPALIER_HOME")
    if home:
        folder = Path(home) / "cache"
    else:
        folder = Path(platformdirs.user_cache_dir("espalier", appauthor=False))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def weights_folder() -> Path:
    """Where downloaded weights lie, and where a person puts files fetched by hand."""
    folder = data_folder() / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""What a person names to be watched: a camera's number, an address, a film, or a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from engine.errors import Refused

Kind = Literal["camera", "address", "film", "folder"]
CAMERA: Kind = "camera"
ADDRESS: Kind = "address"
FILM: Kind = "film"
FOLDER: Kind = "folder"

SCHEMES = ("http", "https", "rtsp", "rtsps")
FILMS = (
    *(".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"),
    *(".wmv", ".ts", ".mts", ".m2ts", ".3gp", ".ogv", ".flv"),
)
"""How films' names end."""
EXTRA = (
    'Cameras and films are read by OpenCV, which is not installed: pip install "espalier[camera]". '
    "A folder can be watched without it."
)


@dataclass(frozen=True)
class Place:
    """Where frames come from. `title` is what a person reads: an address without its password."""

    kind: Kind
    where: str
    title: str


def is_film(path: str | Path) -> bool:
    """Whether a name ends as films do."""
    return Path(path).suffix.lower() in FILMS


def place_named(text: str) -> Place:
    """What `text` names. Raises Refused where it names nothing, or the extra is missing."""
    text = text.strip()
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if text.isdecimal():
        place = Place(CAMERA, str(int(text)), f"camera {int(text)}")
    elif scheme:
        place = address(text, scheme)
    elif os.path.isdir(text):
        return Place(FOLDER, os.path.abspath(text), f"“{text}”")
    elif os.path.isfile(text):
        place = film(text)
    else:
        raise Refused(
            f"There is no film or folder “{text}”. Name one, the number of a camera (0 is the "
            "first), or an address that begins with rtsp:// or http://."
        )
    if find_spec("cv2") is None:
        raise Refused(EXTRA)
    return place


def address(text: str, scheme: str) -> Place:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        host = None
    if scheme not in SCHEMES or not host:
        raise Refused(
            f"“{text}” is no address of a camera. Such addresses begin with rtsp:// or http://."
        )
    port = f":{parts.port}" if parts.port else ""
    return Place(ADDRESS, text, f"“{scheme}://{host}{port}{parts.path}”")


def film(text: str) -> Place:
    path = Path(text)
    if not is_film(path):
        raise Refused(
            f"“{path.name}” is no film by its name. Films end in {', '.join(FILMS[:5])} and the "
            "like."
        )
    return Place(FILM, os.path.abspath(path), f"“{path.name}”")

"""Where a label file says that an image lies, and how it is said.

>>> from pathlib import PurePosixPath
>>> written("/moths/a/1.jpg", "/moths"), written("/other/1.jpg", "/moths")
('a/1.jpg', '/other/1.jpg')
"""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
OF_FILE = "file://"


def written(path: str, folder: str) -> str:
    """A path as files say it: relative to `folder` where it lies below, with POSIX's slashes."""
    begin = folder if folder.endswith(os.sep) else folder + os.sep
    if path.startswith(begin):
        path = path[len(begin) :]
    return path.replace(os.sep, "/") if os.sep != "/" else path


def place_of(text: str, folder: str) -> str:
    """The absolute path that a text means, seen from `folder`."""
    if text.startswith(OF_FILE):
        address = urlsplit(text)
        text = url2pathname(unquote(address.path) if os.name != "nt" else address.path)
    place = os.path.normpath(os.path.join(folder, text))
    if "\\" in text and os.sep == "/" and not os.path.lexists(place):
        # A computer with Windows wrote it; here such a sign can be a part of a name, too.
        place = os.path.normpath(os.path.join(folder, text.replace("\\", "/")))
    return place


def is_address(text: str) -> bool:
    """Whether a text means something on the web."""
    return ADDRESS.match(text) is not None and not text.startswith(OF_FILE)

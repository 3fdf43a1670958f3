"""What the window remembers between two days: one JSON file, read forgivingly."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from engine.system.files import replace_file
from engine.system.paths import data_folder

log = logging.getLogger(__name__)

RECENT = 8


def settings_file() -> Path:
    """Where the settings lie; nowhere at all where the person's folder can't be made."""
    try:
        return data_folder() / "window.json"
    except OSError as error:
        log.info("the settings last until the window is closed: %s", error)
        return Path(os.devnull) / "window.json"


class Preferences:
    """Values by name, kept in window.json. A file that can't be read counts as empty."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or settings_file()
        self.values = self.read()

    def read(self) -> dict[str, Any]:
        """What the file holds; a broken file is set aside, so that nothing is lost for good."""
        try:
            values = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            log.info("the settings file %s can't be read (%s); starting afresh", self.path, error)
            self.set_aside()
            return {}
        return values if isinstance(values, dict) else {}

    def set_aside(self) -> None:
        try:
            self.path.replace(self.path.with_suffix(".broken.json"))
        except OSError as error:
            log.info("the broken settings file stays where it is: %s", error)

    def get(self, name: str, default: Any) -> Any:
        """The value, where it has the default's type; otherwise the default."""
        value = self.values.get(name, default)
        return value if type(value) is type(default) else default

    def put(self, name: str, value: Any) -> None:
        if self.values.get(name) != value:
            self.values[name] = value
            self.write()

    def write(self) -> None:
        """Replaces the file as a whole. Where that fails, the settings last until the end."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.path, json.dumps(self.values, indent=1).encode(), shared=True)
        except OSError as error:
            log.info("the settings can't be kept: %s", error)

    @property
    def recent(self) -> list[str]:
        """The projects that were open last, newest first; those that are gone are left out."""
        paths = [p for p in self.get("recent", []) if isinstance(p, str)]
        return [p for p in paths if Path(p).is_dir()][:RECENT]

    @property
    def names(self) -> dict[str, str]:
        """How the projects that were open last are called, which their folders need not tell."""
        kept = self.get("names", {})
        return {p: n for p, n in kept.items() if isinstance(p, str) and isinstance(n, str)}

    def opened(self, path: str, name: str = "") -> None:
        """Keeps a project as the newest, under the name that it has now."""
        recent = [path, *(p for p in self.recent if p != path)][:RECENT]
        known = self.names | ({path: name} if name else {})
        self.put("recent", recent)
        self.put("names", {p: n for p, n in known.items() if p in recent})

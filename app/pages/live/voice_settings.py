"""How things are said, as the window remembers it: words for each project, the voice for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.presenting import FASTEST, SLOWEST, SPEED
from app.shell.preferences import Preferences

VOICE, SPOKEN = "voice", "spoken"


class VoiceSettings:
    """Reads forgivingly: what was kept and is of no use counts as not set."""

    def __init__(self, preferences: Preferences) -> None:
        self.preferences = preferences

    def get(self, name: str, default: Any) -> Any:
        value = self.preferences.get(VOICE, {}).get(name, default)
        return value if type(value) is type(default) else default

    def put(self, **values: Any) -> None:
        self.preferences.put(VOICE, {**self.preferences.get(VOICE, {}), **values})

    def switched(self, name: str) -> bool:
        return self.get(name, False)

    def switch(self, name: str, on: bool) -> None:
        self.put(**{name: on})

    @property
    def voice(self) -> str:
        return self.get("name", "")

    @property
    def speed(self) -> int:
        """In words a minute."""
        return min(max(self.get("speed", SPEED), SLOWEST), FASTEST)

    @property
    def volume(self) -> int:
        """In hundredths."""
        return min(max(self.get("volume", 100), 0), 100)

    @property
    def unsure(self) -> bool:
        return self.get("unsure", False)

    def manner(self) -> dict[str, Any]:
        """As the job “say” takes it."""
        return {"voice": self.voice, "speed": self.speed, "volume": self.volume / 100}

    def words(self, path: str) -> dict[str, str]:
        """What is said for classes of a project, where it is not their names."""
        kept = self.preferences.get(SPOKEN, {}).get(path)
        pairs = kept.items() if isinstance(kept, dict) else ()
        return {name: words for name, words in pairs if isinstance(words, str)}

    def rename(self, path: str, now: Mapping[str, str]) -> None:
        """Words follow classes whose names are others now."""
        self.put_words(path, {now.get(n, n): words for n, words in self.words(path).items()})

    def put_words(self, path: str, words: dict[str, str]) -> None:
        kept = {**self.preferences.get(SPOKEN, {}), path: words}
        self.preferences.put(SPOKEN, {path: some for path, some in kept.items() if some})

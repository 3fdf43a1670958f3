"""Passwords of rules: apart from the other settings, in a file that only its owner can read."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from app.shell.preferences import settings_file
from engine.system.files import put_in_place

log = logging.getLogger(__name__)

NAME, KEY = "passwords.json", "password"
Rule = dict[str, Any]


class Passwords:
    """A password for each address. The file is not encrypted: whoever can read it could read what
    encrypts it, too, unless each system's own keeper were asked, and not every one has one."""

    @property
    def path(self) -> Path:
        return settings_file().with_name(NAME)

    def all(self) -> dict[str, str]:
        """Those of all rules; none where the file can't be read."""
        try:
            kept = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        pairs = kept.items() if isinstance(kept, dict) else ()
        return {address: word for address, word in pairs if isinstance(word, str)}

    def put_into(self, rules: list[Rule]) -> list[Rule]:
        """Rules as they are done, with their passwords."""
        known = self.all()
        return [{**rule, KEY: known[rule["to"]]} if rule["to"] in known else rule for rule in rules]

    def taken_out(self, rules: list[Rule]) -> list[Rule]:
        """Rules as they are kept, without."""
        return [{name: value for name, value in rule.items() if name != KEY} for rule in rules]

    def keep(self, rules: list[Rule], addresses: Collection[str]) -> None:
        """Keeps those of `rules`; of others no more than those of `addresses`, which rules have."""
        before = self.all()
        fresh = {rule["to"]: rule[KEY] for rule in rules if KEY in rule}
        now = {to: word for to, word in {**before, **fresh}.items() if to in addresses}
        if now != before:
            self.write(now)

    def write(self, passwords: dict[str, str]) -> None:
        """Replaces the file as a whole; where that fails, they last until the window is closed."""
        half = self.path.with_name(f"{NAME}.{os.getpid()}.half")
        try:
            half.unlink(missing_ok=True)
            if passwords:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                with os.fdopen(os.open(half, flags, 0o600), "w", encoding="utf-8") as file:
                    json.dump(passwords, file, indent=1)
                put_in_place(half, self.path)
            else:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            log.info("passwords can't be kept: %s", error)

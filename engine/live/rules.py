"""Rules: when sure of a class, do something. Set on the command line, on the page, or in a file."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.errors import BadSetting, Refused
from engine.live.mqtt import check_mqtt, without_password
from engine.system.words import listed

ANY = "*"
"""Stands for every class."""
REST, LEAST = 10.0, 0.9
COPY, CSV, RUN, POST, MQTT = "copy", "csv", "run", "post", "mqtt"
ACTIONS = {
    COPY: "copies the image into a folder",
    CSV: "adds a line to a CSV file",
    RUN: "calls a program",
    POST: "sends the class to a web address",
    MQTT: "publishes the class by MQTT",
}
FACES = {"class": "name"}
"""What a field is called in a file of rules, where Python has the word for itself."""


@dataclass(frozen=True)
class Rule:
    """When the answer is the class `name`, at least `least` probable, `do` with `to`; then not
    again for `rest` seconds. `image`: what is posted or published holds the image as well.
    `password` is for MQTT; no text shows it."""

    name: str
    do: str
    to: str
    rest: float = REST
    least: float = LEAST
    image: bool = False
    password: str = field(default="", repr=False)

    @property
    def title(self) -> str:
        return f"{'any class' if self.name == ANY else self.name}: {self.do} {self.to}"

    @property
    def leaves(self) -> bool:
        """Whether something leaves this computer by it, or may."""
        return self.do in (POST, MQTT, RUN)


def rule_of(told: Mapping[str, Any]) -> Rule:
    """A rule from plain values, as a file or the window gives them. Raises BadSetting."""
    words = {FACES.get(key, key): value for key, value in dict(told).items()}
    known = [field.name for field in fields(Rule)]
    if strange := sorted(set(words) - set(known)):
        raise BadSetting(
            f"A rule has no “{strange[0]}”. It has class, do, to, rest, least, image and (for "
            "MQTT) password."
        )
    texts = [words.get(key) for key in ("name", "do", "to")]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise BadSetting("A rule says for which class it is, what to do, and where to: all three.")
    numbers = [words.get("rest", REST), words.get("least", LEAST)]
    if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
        raise BadSetting("The rest and the least probability of a rule are numbers.")
    if words["do"] == MQTT:
        words["to"], inside = without_password(words["to"])
        words["password"] = words.get("password") or inside
    rule = Rule(**words)
    if rule.do not in ACTIONS:
        raise BadSetting(f"A rule can't “{rule.do}”. It can {listed(list(ACTIONS), 9)}.")
    if not 0 <= rule.rest < float("inf") or not 0 <= rule.least <= 1:
        raise BadSetting(
            "A rule rests for 0 seconds or more, and its least probability is from 0 to 1."
        )
    check_address(rule)
    return rule


def check_address(rule: Rule) -> None:
    """Raises BadSetting where a rule sends something to what is no address."""
    if rule.do == MQTT:
        check_mqtt(rule)
    elif rule.password:
        raise BadSetting("Only a rule that publishes by MQTT has a password.")
    if rule.do != POST:
        return
    try:
        parts = urlsplit(rule.to)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise BadSetting(f"“{rule.to}” is no web address. It begins with http:// or https://.")


def rules_in(path: str) -> list[dict[str, Any]]:
    """The rules in a JSON file, a list of objects; none of no file. Raises Refused."""
    if not path:
        return []
    try:
        told = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Refused(f"“{path}” can't be read ({why}). Check its name.") from error
    except (ValueError, RecursionError) as error:
        raise Refused(f"“{path}” is no JSON file ({error}). Mend it.") from error
    if not isinstance(told, list) or not all(isinstance(rule, dict) for rule in told):
        raise Refused(
            f"“{path}” is no list of rules, as in "
            '[{"class": "moth", "do": "copy", "to": "caught"}].'
        )
    return told


def check_names(rules: Sequence[Rule], names: Collection[str]) -> None:
    """Raises Refused where a rule waits for a class that is never answered."""
    for rule in rules:
        if rule.name != ANY and rule.name not in names:
            raise Refused(
                f"The model knows no class “{rule.name}”, so the rule “{rule.title}” would never "
                f"do anything. It knows {listed(list(names), 8)}."
            )


def check_spoken(spoken: Collection[str], names: Collection[str]) -> None:
    """Raises Refused where something is to be said of a class that is never answered."""
    for name in spoken:
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f"The nearest is “{near[0]}”." if near else f"It knows {listed(list(names), 8)}."
            raise Refused(
                f"The model knows no class “{name}”, so its words would never be said. {hint}"
            )

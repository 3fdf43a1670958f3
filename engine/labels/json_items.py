"""JSON whose long lists are read one member at a time, so that only their text is in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import Any

from engine.labels.formats import NotThisFormat

SPACE = re.compile(r"[ \t\n\r]*")
BETWEEN = re.compile(r"[ \t\n\r]*,[ \t\n\r]*")
NUMBERS = (int, float)
decode = json.JSONDecoder(strict=False).raw_decode


def items(text: str) -> Iterator[tuple[str, Any]]:
    """What a list holds, with empty keys, or an object: of its lists each member for itself.

    Raises NotThisFormat where the text breaks off or is no JSON.
    """
    try:
        at = skip(text, 0)
        if text[at : at + 1] == "[":
            yield from members("", text, at)
        else:
            yield from values(text, at)
    except json.JSONDecodeError as error:
        late = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        what = "breaks off" if late else "is no JSON from there on"
        raise NotThisFormat(f"{what} in line {error.lineno:,}. Save it anew") from error
    except (RecursionError, ValueError) as error:
        raise NotThisFormat("is no JSON that can be read. Save it anew") from error


def values(text: str, at: int) -> Iterator[tuple[str, Any]]:
    """The keys and values of the object at `at`; of lists the members."""
    at = expect("{", text, at)
    while text[at : at + 1] != "}":
        key, at = decode(text, at)
        at = expect(":", text, skip(text, at))
        if text[at : at + 1] == "[":
            at = yield from members(key, text, at)
        else:
            value, at = decode(text, at)
            yield key, value
        at = after(text, at, "}")


def members(key: str, text: str, at: int) -> Generator[tuple[str, Any], None, int]:
    """The members of the list at `at`; returns where it ends."""
    at = expect("[", text, at)
    while text[at : at + 1] != "]":
        value, at = decode(text, at)
        yield key, value
        comma = BETWEEN.match(text, at)
        at = comma.end() if comma else after(text, at, "]")
    return at + 1


def after(text: str, at: int, end: str) -> int:
    """What follows a value: behind a comma, or at the end of what holds it."""
    if comma := BETWEEN.match(text, at):
        return comma.end()
    at = skip(text, at)
    if text[at : at + 1] != end:
        raise json.JSONDecodeError(f"No {end}", text, at)
    return at


def expect(sign: str, text: str, at: int) -> int:
    """Where what follows `sign` begins."""
    if text[at : at + 1] != sign:
        raise json.JSONDecodeError(f"No {sign}", text, at)
    return skip(text, at + 1)


def skip(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def text_of(value: Any) -> str:
    """A text or a number as text; empty for what is neither."""
    if type(value) is str:
        return value
    return str(value) if isinstance(value, NUMBERS) else ""


def written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def listed(values: Iterator[dict[str, Any]]) -> Iterator[str]:
    """The members of a list, one a line."""
    between = ""
    for value in values:
        yield between + written(value)
        between = ",\n"
    yield "\n" if between else ""

"""XML read as it comes, without document types: no entity is ever resolved, nothing else opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from engine.labels.formats import NotThisFormat

PART = 1 << 16
LARGEST = 16 << 20
LONGEST = 1 << 20
"""Bytes that one tag may have."""
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Signs that XML can't hold."""


class Listener(Protocol):
    """Hears elements begin."""

    def start(self, name: str, attributes: dict[str, str]) -> None: ...


def parser_for(listener: Listener, spaces: str | None = None) -> expat.XMLParserType:
    """A parser that tells `listener`, also each `end` and the `text` between where it hears them.

    With `spaces`, names begin with their namespace and that.
    """
    parser = expat.ParserCreate(namespace_separator=spaces)
    parser.buffer_text = True
    parser.StartElementHandler = listener.start
    parser.EndElementHandler = getattr(listener, "end", None)
    parser.CharacterDataHandler = getattr(listener, "text", None)
    parser.StartDoctypeDeclHandler = refuse_type
    return parser


def refuse_type(*_: object) -> None:
    raise NotThisFormat("declares a document type, which could name other files. Take that out")


def parse(path: Path, parser: expat.XMLParserType) -> Iterator[None]:
    """Feeds a file to a parser; stops after each part, for what was heard to be taken."""
    fed = 0
    with path.open("rb") as file:
        while part := file.read(PART):
            feed(parser, part, False)
            fed += len(part)
            if fed - parser.CurrentByteIndex > LONGEST:
                raise NotThisFormat("has a tag of more than 1 MB")
            yield
    feed(parser, b"", True)
    yield


def parse_whole(path: str, parser: expat.XMLParserType) -> None:
    """Feeds a small file to a parser at once."""
    with open(path, "rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise NotThisFormat("is larger than 16 MB, which no sidecar is")
    feed(parser, content, True)


def feed(parser: expat.XMLParserType, part: bytes, last: bool) -> None:
    try:
        parser.Parse(part, last)
    except expat.ExpatError as error:
        raise broken(error) from error
    except (LookupError, ValueError) as error:
        raise NotThisFormat("is in an encoding that is not known here. Save it as UTF-8") from error


def broken(error: expat.ExpatError) -> NotThisFormat:
    """The words for XML that is none, or that breaks off."""
    late = ("no element found", "unclosed token", "unclosed CDATA section")
    said = expat.ErrorString(error.code) or ""
    if "encoding" in said:
        return NotThisFormat("is in an encoding that is not known here. Save it as UTF-8")
    what = "breaks off" if said in late else "is no XML from there on"
    return NotThisFormat(f"{what} in line {error.lineno:,}. Save it anew")


def attribute(value: str) -> str:
    """A value with its quotation marks; line ends in it are kept."""
    return quoteattr(value)


def content(value: str) -> str:
    return escape(value, {"\r": "&#13;"})


def cant_hold(*values: str) -> str:
    """Why XML can't hold one of these; empty where it can."""
    if any(map(NO_XML.search, values)):
        return "XML can't hold a control character in its name. Rename it."
    return ""

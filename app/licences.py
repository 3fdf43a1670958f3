"""What the program is made of: the licences of its parts and the digests of its weights.

In a bundle the licences were gathered when it was made; elsewhere they are those installed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INDEX = ROOT / "licences" / "index.json"
"""Written when a bundle is made (packaging/parts.py); absent where the program is installed."""

TEXTS = re.compile(r"(licen[cs]e|copying|notice|copyright)[^/.]*(\.(txt|md|rst))?$", re.IGNORECASE)
SHORT = 60
DEPTH = 3
UNSAID = "Its package holds no licence text."


@dataclass(frozen=True)
class Part:
    """One thing that somebody else made, or the program itself, and on what terms."""

    name: str
    version: str
    licence: str
    text: str


def all_parts(index: Path = INDEX) -> list[Part]:
    """What is bundled, or what is installed where this is no bundle."""
    if index.is_file():
        return [Part(**facts) for facts in json.loads(index.read_text(encoding="utf-8"))]
    return installed()


def installed(names: Collection[str] | None = None) -> list[Part]:
    """The installed packages, or those named, in the order of the alphabet and each once."""
    found = {d.name.lower(): d for d in distributions() if names is None or d.name in names}
    return [part_of(found[name]) for name in sorted(found)]


def part_of(package: Distribution) -> Part:
    text = "\n\n".join(licence_texts(package)) or UNSAID
    return Part(package.name, package.version, licence_name(package), text)


def licence_name(package: Distribution) -> str:
    """The licence in a few words, from wherever the package says it."""
    facts = package.metadata
    told = [facts[name] for name in ("License-Expression", "License") if name in facts]
    said = next((words for words in told if words not in ("", "UNKNOWN")), "")
    if said:
        line = said.strip().splitlines()[0]
        return line if len(line) <= SHORT else f"{line[:SHORT]} …"
    kinds = [c for c in facts.get_all("Classifier") or [] if c.startswith("License ::")]
    return ", ".join(c.rsplit(" :: ", 1)[1] for c in kinds) or "see its text"


def licence_texts(package: Distribution) -> list[str]:
    """The licence files that a package brings with it, beside its facts or on its top level."""
    found = [
        f
        for f in package.files or []
        if (".dist-info" in f.parts[0] or len(f.parts) <= DEPTH)
        and ("licenses" in f.parts or TEXTS.search(f.name))
        and f.suffix not in (".py", ".pyc")
    ]
    texts = [Path(str(f.locate())) for f in found]
    return [t.read_text(encoding="utf-8", errors="replace") for t in texts if t.is_file()]


def as_index(parts: list[Part]) -> str:
    """The parts as a bundle keeps them."""
    return json.dumps([asdict(part) for part in parts], ensure_ascii=False, indent=1)


def digests() -> dict[str, str]:
    """The sha256 of each file of embedded weights."""
    files = sorted((ROOT / "resources").glob("*.safetensors"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

"""The program's modules, for tests that go through all of them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted(p for top in ("app", "engine") for p in (ROOT / top).rglob("*.py"))


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

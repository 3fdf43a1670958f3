"""The parts of a bundle: which files stay, whose they are, and on what terms they are given."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import bundle

sys.path.insert(0, str(bundle.ROOT))
from app.licences import UNSAID, Part, as_index, part_of
from engine import __version__

HERE = Path(__file__).resolve().parent
QT_TEXTS = ("LGPL-3.0.txt", "GPL-3.0.txt")
QT_PACKAGES = ("pyside6_essentials", "pyside6-essentials", "shiboken6")
QT_NOTE = (
    "Qt and its Python bindings are used under the LGPL 3. They lie as libraries of their own in "
    "this program's folder and can be replaced there. Their source: https://download.qt.io; what "
    "Qt holds of others: https://doc.qt.io/qt-6/licenses-used-in-qt.html.\n\n"
)
Row = tuple[str, str, str]
"""One file: its place in the bundle, where it comes from, and its kind."""


def version() -> str:
    return __version__


def kept(rows: Iterable[Row]) -> list[Row]:
    """The files that stay; a link stays where what it leads to does."""
    return [
        row
        for row in rows
        if not bundle.left_out(row[0]) and not (row[2] == "SYMLINK" and bundle.left_out(row[1]))
    ]


def facts_and_licences(analysis: Any, work: Path) -> list[Row]:
    """Each bundled package's METADATA, and one file with the licences of everything."""
    rows = [*analysis.pure, *analysis.binaries, *analysis.datas]
    sources = {str(Path(row[1]).resolve()) for row in rows if row[1] and row[2] != "SYMLINK"}
    packages = sorted(owners(sources), key=lambda package: package.name.lower())
    found: list[Row] = []
    for package in packages:
        found += [(str(f), str(f.locate()), "DATA") for f in package.files or [] if is_facts(f)]
    index = work / "index.json"
    parts = [*(with_texts(package) for package in packages), *others(sources)]
    index.write_text(as_index(parts), encoding="utf-8")
    return [*found, ("licences/index.json", str(index), "DATA")]


def is_facts(file: Path) -> bool:
    """Whether this is what `importlib.metadata` reads a package's version from."""
    return file.name == "METADATA" and file.parent.suffix == ".dist-info"


def owners(sources: set[str]) -> Iterator[Distribution]:
    """The installed packages of which at least one file is among the sources, and PyInstaller:
    its bootloader starts the program."""
    for package in distributions():
        # Joined by hand: to resolve each of 100,000 files would take half a minute.
        base = Path(str(package.locate_file(""))).resolve()
        files = (f"{base}{os.sep}{f}" for f in package.files or [])
        name = package.name.lower()
        if name in ("pyinstaller", "espalier") or any(f in sources for f in files):
            yield package


def with_texts(package: Distribution) -> Part:
    """A package's licence; Qt's, which its packages name and do not hold, is added."""
    part = part_of(package)
    if package.name.lower() not in QT_PACKAGES:
        return part
    texts = [(HERE / "licences" / name).read_text(encoding="utf-8") for name in QT_TEXTS]
    return Part(part.name, part.version, part.licence, QT_NOTE + "\n\n".join(texts))


def others(sources: set[str]) -> Iterator[Part]:
    """What is no Python package: Python, the embedded network, the system's libraries."""
    base = Path(sys.base_prefix)
    python = next(
        (p for p in (base / "LICENSE.txt", *base.glob("lib/python3*/LICENSE.txt")) if p.is_file()),
        None,
    )
    text = python.read_text(encoding="utf-8") if python else UNSAID
    yield Part("Python", sys.version.split()[0], "PSF-2.0", text)
    card = (bundle.RESOURCES / "backbone.md").read_text(encoding="utf-8")
    yield Part("Embedded network", version(), "see its card", card)
    yield from system_parts(sources)


def system_parts(sources: set[str]) -> Iterator[Part]:
    """The Debian packages that libraries were taken from, where this is a Debian."""
    paths = sorted(s for s in sources if s.startswith(("/usr/lib", "/lib")))
    if not paths:
        return
    try:
        said = subprocess.run(
            ["dpkg-query", "--search", *paths], capture_output=True, text=True, check=False
        ).stdout
    except FileNotFoundError:
        names = ", ".join(Path(p).name for p in paths)
        yield Part("Libraries of the system", "", "see the system's own pages", names)
        return
    for name in sorted({line.split(":")[0] for line in said.splitlines()}):
        asked = ["dpkg-query", "--show", "--showformat", "${Version}", name]
        number = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        file = Path("/usr/share/doc") / name / "copyright"
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else UNSAID
        yield Part(name, number.split("\n")[0], debian_licence(text), text)


def debian_licence(text: str) -> str:
    """The licences that a Debian copyright file names first."""
    found = list(dict.fromkeys(re.findall(r"^License: *(\S.*)$", text, re.MULTILINE)))
    return ", ".join(found[:2]) or "see its text"


def mac_facts() -> dict[str, Any]:
    """What macOS is told about the program (Info.plist)."""
    return {
        "CFBundleShortVersionString": version(),
        "NSHighResolutionCapable": True,
        "LSMinimumSystemVersion": "13.0",
        "CFBundleDocumentTypes": [
            {
                "CFBundleTypeName": "Espalier project",
                "CFBundleTypeRole": "Editor",
                "LSItemContentTypes": ["org.espalier.project"],
            }
        ],
        "UTExportedTypeDeclarations": [
            {
                "UTTypeIdentifier": "org.espalier.project",
                "UTTypeDescription": "Espalier project",
                "UTTypeConformsTo": ["com.apple.package"],
                "UTTypeTagSpecification": {"public.filename-extension": ["espalier"]},
            }
        ],
    }

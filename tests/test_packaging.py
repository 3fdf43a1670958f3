"""What can be known of the packages without making them, and the tool for libraries."""

from __future__ import annotations

import ast
import configparser
import importlib
import json
import pkgutil
import re
import struct
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from engine import __version__

ROOT = Path(__file__).parent.parent
PACKAGING = ROOT / "packaging"


@pytest.fixture(autouse=True)
def recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipes are scripts in a folder, and no package."""
    monkeypatch.syspath_prepend(PACKAGING)


def recipe(name: str) -> object:
    return importlib.import_module(name)


def test_every_plugin_and_job_is_bundled() -> None:
    named = set(recipe("bundle").hidden_imports())
    for package in (
        "learners",
        "training.tuners",
        "training.schedules",
        "search.searchers",
        "models.backbones",
        "export.formats",
        "jobs",
    ):
        folder = ROOT / "engine" / package.replace(".", "/")
        found = [module.name for module in pkgutil.iter_modules([str(folder)])]
        assert found
        assert {f"engine.{package}.{name}" for name in found} <= named


def test_what_the_zip_for_a_raspberry_pi_carries_lies_in_the_bundle_as_files() -> None:
    bundle = recipe("bundle")
    carried = {f"{to}/{Path(path).name}" for path, to in bundle.carried_sources()}
    assert {"engine/__init__.py", "engine/live/watching.py", "engine/images/decode.py"} <= carried
    assert not [name for name in bundle.hidden_imports() if name.startswith("resources.pi")]


def test_nothing_that_the_program_imports_is_left_out() -> None:
    left_out = tuple(recipe("bundle").NOT_NEEDED)
    for path in [p for top in ("app", "engine") for p in (ROOT / top).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
            for name in names:
                parents = [name.rsplit(".", n)[0] for n in range(name.count(".") + 1)]
                assert not set(parents) & set(left_out), f"{path} imports {name}"


def test_plugins_are_found_where_modules_are_in_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a frozen program: an archive instead of files."""
    archive = tmp_path / "program.zip"
    code = "import sys; sys.path[:0] = [sys.argv[1]]; import pkgutil, engine.jobs as l;"
    code += "print(l.__file__, *(m.name for m in pkgutil.iter_modules(l.__path__)))"
    with zipfile.ZipFile(archive, "w") as file:
        for path in (ROOT / "engine").rglob("*.py"):
            file.write(path, path.relative_to(ROOT))
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(archive)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    where, *names = done.stdout.split()
    assert where.startswith(str(archive))
    here = {m.name for m in pkgutil.iter_modules([str(ROOT / "engine" / "jobs")])}
    assert set(names) == here


def test_the_version_has_one_source() -> None:
    facts = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in facts["project"]["dynamic"]
    assert facts["tool"]["setuptools"]["dynamic"]["version"]["attr"] == "engine.__version__"
    assert recipe("parts").version() == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for path in (
        p for p in PACKAGING.rglob("*") if p.is_file() and p.suffix not in (".txt", ".pyc")
    ):
        assert __version__ not in path.read_text(encoding="utf-8"), f"{path} names the version"


def test_the_package_says_what_it_is_and_needs() -> None:
    debian = recipe("debian")
    text = debian.control("1.2.3", 4567)
    facts = dict(re.findall(r"^([A-Z][\w-]+): (.*)$", text, re.MULTILINE))
    assert facts["Package"] == "espalier"
    assert facts["Version"] == "1.2.3"
    assert facts["Installed-Size"] == "4567"
    assert {"Maintainer", "Architecture", "Section", "Priority", "Description"} <= set(facts)
    needs = facts["Depends"]
    assert needs.startswith("libc6 (>= 2.")
    for name in ("libegl1", "libxcb-cursor0", "fonts-dejavu-core"):
        assert name in needs.split(", "), "all that `prepare` installs for Qt"
    assert text.endswith("\n")
    assert all(line.startswith(" ") for line in text.split("Description: ")[1].splitlines()[1:])


def test_a_package_and_an_archive_are_made_of_a_bundle(tmp_path: Path) -> None:
    debian = recipe("debian")
    bundle, icons, out = tmp_path / "espalier", tmp_path / "icons", tmp_path / "out"
    for folder in (bundle, icons, out):
        folder.mkdir()
    (bundle / "espalier").write_text("a program")
    (bundle / "espalier").chmod(0o755)
    (icons / "espalier-48.png").write_bytes(b"a picture")

    archive = debian.archive(bundle, icons, "1.2.3", tmp_path / "a", out)
    held = subprocess.run(["tar", "-tzf", archive], capture_output=True, text=True, check=True)
    names = {n.partition("/")[2] for n in held.stdout.split()}
    assert {"espalier", "README.txt", "share/applications/espalier.desktop"} <= names

    debian.stage(bundle, icons, "1.2.3", tmp_path / "d")
    placed = {str(p.relative_to(tmp_path / "d")) for p in (tmp_path / "d").rglob("*")}
    assert {
        "DEBIAN/control",
        "usr/lib/espalier/espalier",
        "usr/bin/espalier",
        "usr/share/applications/espalier.desktop",
        "usr/share/mime/packages/espalier.xml",
        "usr/share/icons/hicolor/48x48/apps/espalier.png",
        "usr/share/icons/hicolor/scalable/apps/espalier.svg",
        "usr/share/metainfo/org.espalier.Espalier.metainfo.xml",
        "usr/share/doc/espalier/copyright",
        "usr/share/doc/espalier/changelog.gz",
    } <= placed
    assert (tmp_path / "d/usr/bin/espalier").resolve().read_text() == "a program"


def test_the_desktop_is_told_what_opens_what() -> None:
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str
    entry.read(PACKAGING / "linux" / "espalier.desktop")
    facts = entry["Desktop Entry"]
    assert facts["Type"] == "Application"
    assert facts["Name"] == "Espalier"
    assert facts["Exec"].split() == ["espalier", "%f"]
    assert facts["Icon"] == "espalier"
    assert facts["Terminal"] == "false"
    assert facts["Categories"].endswith(";")

    kinds = ElementTree.parse(PACKAGING / "linux" / "espalier.xml").getroot()
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    (kind,) = kinds.findall(f"{space}mime-type")
    assert f"{kind.get('type')};" == facts["MimeType"]
    assert kind.find(f"{space}glob").get("pattern") == "*.espalier"

    page = ElementTree.fromstring(recipe("debian").metainfo("1.2.3"))
    assert page.find("launchable").text == "espalier.desktop"
    assert page.find("releases/release").get("version") == "1.2.3"
    assert page.find("provides/mediatype").text == kind.get("type")


def test_what_is_left_out_is_named_with_a_reason() -> None:
    bundle = recipe("bundle")
    for name in (
        "nvidia/cu13/lib/libcublas.so.13",
        "torch/lib/libtorch_cuda_linalg.so",
        "PySide6/Qt/lib/libQt6Qml.so.6",
        "PySide6/Qt/plugins/tls/libx.so",
    ):
        assert bundle.left_out(name), name
    for name in (
        "nvidia/cu13/lib/libcudart.so.13",
        "torch/distributed/config.py",
        "torch/lib/libtorch_cpu.so",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "resources/sample.json",
    ):
        assert not bundle.left_out(name), name
    rows = [
        ("libcublas.so.13", "nvidia/cu13/lib/libcublas.so.13", "SYMLINK"),
        ("a.so", "/somewhere/a.so", "BINARY"),
    ]
    assert recipe("parts").kept(rows) == rows[1:], "no link is left to what is gone"


def test_licences_of_all_bundled_packages_are_gathered(tmp_path: Path) -> None:
    import numpy
    import PySide6

    sources = [numpy.__file__, str(Path(PySide6.__file__).parent / "QtCore.abi3.so")]
    analysis = SimpleNamespace(
        pure=[("x", source, "PYMODULE") for source in sources], binaries=[], datas=[]
    )
    rows = recipe("parts").facts_and_licences(analysis, tmp_path)
    texts = {p["name"]: p["text"] for p in json.loads((tmp_path / "index.json").read_text())}
    assert {"numpy", "PySide6_Essentials", "Python", "Embedded network"} <= set(texts)
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in texts["PySide6_Essentials"]
    assert "pytest" not in texts
    assert all(len(text) > 100 for text in texts.values())
    assert any(row[0].startswith("numpy-") and row[0].endswith("METADATA") for row in rows)


# Libraries that are made smaller.

WITH_A_CARD = """
int on_a_card(int); extern int nvshmem_state;
__attribute__((section(".nv_fatbin"))) const char code[65536] = {1};
int on_a_processor(int x) { return x + 1; }
int either(int x) { return x > 100 ? on_a_card(x) : on_a_processor(x); }
int *state(void) { return &nvshmem_state; }
"""
CARD = "int nvshmem_state; int on_a_card(int x) { return 2 * x; }"


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that is linked with another one, as PyTorch's are with those of cards."""
    folder = tmp_path_factory.mktemp("libraries")
    (folder / "card.c").write_text(CARD)
    (folder / "with.c").write_text(WITH_A_CARD)
    version = folder / "versions"
    version.write_text("CARD_1 { global: *; };")
    compile = ["cc", "-shared", "-fPIC", "-Wl,-z,lazy"]
    try:
        subprocess.run(
            [
                *compile,
                f"-Wl,--version-script={version}",
                "-Wl,-soname,libcard.so",
                "-o",
                folder / "libcard.so",
                folder / "card.c",
            ],
            check=True,
        )
        subprocess.run(
            [*compile, "-o", folder / "libwith.so", folder / "with.c", f"-L{folder}", "-lcard"],
            check=True,
        )
    except FileNotFoundError:
        pytest.skip("there is no C compiler here")
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="the format of Linux")
def test_a_library_works_without_the_one_it_was_linked_with(
    libraries: Path, tmp_path: Path
) -> None:
    library = recipe("elf").Library(libraries / "libwith.so")
    assert "libcard.so" in library.needed()
    library.forget({"libcard.so"})
    assert "libcard.so" not in library.needed()
    assert library.may_lack("nvshmem") == ["nvshmem_state"]
    small = tmp_path / "libsmall.so"
    library.write(small, without=[".nv_fatbin"])

    assert small.stat().st_size < (libraries / "libwith.so").stat().st_size - 60_000
    code = (
        "import ctypes, os, sys\n"
        "f = ctypes.CDLL(None).dlopen; f.restype = ctypes.c_void_p\n"
        "handle = f(sys.argv[1].encode(), os.RTLD_LAZY)\n"
        "assert handle, 'it can be loaded'\n"
        "library = ctypes.CDLL(None, handle=handle)\n"
        "library.state.restype = ctypes.c_void_p\n"
        "print(library.either(5), library.state(), flush=True)\n"
        "library.either(500)"
    )
    done = subprocess.run([sys.executable, "-c", code, small], capture_output=True, text=True)
    assert done.stdout.split() == ["6", "None"], done.stderr
    assert done.returncode == 127
    assert "undefined symbol: on_a_card" in done.stderr, "the call says what is missing"


def test_what_is_no_library_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.so"
    path.write_bytes(b"no library at all".ljust(struct.calcsize("<16sHHIQQQIHHHHHH"), b"!"))
    with pytest.raises(ValueError, match="no 64-bit library"):
        recipe("elf").Library(path)

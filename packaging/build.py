"""Makes what people install: `make package`, or `python packaging/build.py`.

Bundles the program with the Python that runs this, tries the bundle (smoke.py), packs it for this
system into dist/, and tells how large it is and how quickly it starts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import bundle
import debian
import elf
import parts

HERE = Path(__file__).resolve().parent
DIST, WORK = bundle.ROOT / "dist", bundle.ROOT / "build"
ICONS = WORK / "icons"
FOLDER = DIST / "espalier"
MEGABYTE = 1e6
REGISTRIES = {
    "learner": ("engine.learners", "LEARNERS"),
    "backbone": ("engine.models.backbones", "BACKBONES"),
    "tuner": ("engine.training.tuners", "TUNERS"),
    "method": ("engine.training.unlabelled.methods", "METHODS"),
    "schedule": ("engine.training.schedules", "SCHEDULES"),
    "searcher": ("engine.search.searchers", "SEARCHERS"),
    "exporter": ("engine.export.formats", "EXPORTERS"),
}


def main() -> int:
    """Makes the bundle, tries it, packs it, and says how large all of it is."""
    expected = WORK / "expected.json"
    with step("icons"):
        subprocess.run([sys.executable, HERE / "icons.py", ICONS], check=True)
    with step("bundle"):
        freeze()
    before = kinds(FOLDER)
    with step("without the code for graphics cards"):
        slim(FOLDER)
    expected.write_text(json.dumps(source_tree()), encoding="utf-8")
    measured = WORK / "measured.json"
    print("smoke test", flush=True)
    tried = subprocess.run(
        [plain_python(), HERE / "smoke.py", FOLDER, expected, "--json", measured],
        check=False, env=clean_environment(),
    )  # fmt: skip
    if tried.returncode:
        print("The bundle does not work; nothing was packed.", file=sys.stderr)
        return 1
    with step("pack"):
        files = pack()
    report(before, json.loads(measured.read_text(encoding="utf-8")), files)
    return 0


@contextmanager
def step(name: str) -> Iterator[None]:
    begin = time.monotonic()
    print(f"{name} …", flush=True)
    yield
    print(f"{name}: {time.monotonic() - begin:.0f} s", flush=True)


def freeze() -> None:
    """Runs PyInstaller; the bundle is dist/espalier."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    words = ["--noconfirm", "--log-level", "WARN", "--distpath", DIST]
    words += ["--workpath", WORK / "pyinstaller", HERE / "espalier.spec"]
    subprocess.run([sys.executable, "-m", "PyInstaller", *map(str, words)], check=True)


def slim(folder: Path) -> None:
    """Takes from PyTorch's libraries what only graphics cards and debuggers need (Linux)."""
    for path in sorted(folder.rglob("*.so*")):
        own = path.parts[-3:-1] == ("torch", "lib")
        if path.is_symlink() or (not own and "torchvision" not in path.parts):
            continue
        library = elf.Library(path)
        vain = [n for n in library.needed() if n.startswith(bundle.CUDA_FORGOTTEN)]
        library.forget(vain)
        library.may_lack("nvshmem")
        fresh = path.with_suffix(".new")
        # torchvision's hold little of it, and have no room for the list of what is left.
        library.write(fresh, without=[".nv_fatbin"] if own else [])
        shutil.copymode(path, fresh)
        fresh.replace(path)


def source_tree() -> dict[str, Any]:
    """What the smoke test must find again in the bundle."""
    from app.licences import digests

    names, endings = {}, {}
    for kind, (module, registry) in REGISTRIES.items():
        plugins = getattr(import_module(module), registry)
        names[kind] = sorted(plugins)
        if kind == "exporter":
            endings = {name: plugins[name].suffix for name in names[kind]}
    version = {"espalier": parts.version(), "weights": digests()}
    teacher = import_module("torchvision.models").mobilenet_v2().state_dict()
    shapes = {n: list(t.shape) for n, t in teacher.items() if t.is_floating_point()}
    return {"version": version, "registries": names, "endings": endings, "teacher": shapes}


def plain_python() -> str:
    """A Python outside of the environment, which has none of the program's packages."""
    return shutil.which("python3", path=os.defpath) or getattr(
        sys, "_base_executable", sys.executable
    )


def clean_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}


def pack() -> list[Path]:
    """The files for this system's people."""
    version = parts.version()
    if sys.platform == "linux":
        made = [debian.archive(FOLDER, ICONS, version, WORK / "archive", DIST)]
        if shutil.which("dpkg-deb"):
            made.append(debian.package(FOLDER, ICONS, version, WORK / "deb", DIST))
        return made
    if sys.platform == "darwin":
        subprocess.run([HERE / "macos" / "make-dmg", version], check=True)
        return sorted(DIST.glob("*.dmg"))
    if compiler := shutil.which("ISCC"):
        script = HERE / "windows" / "espalier.iss"
        subprocess.run([compiler, f"/DVersion={version}", script], check=True)
    return sorted(DIST.glob("*.exe"))


# The report.


def kind_of(name: str) -> str:
    """Which part of the bundle a file belongs to."""
    low = name.lower()
    if any(word in low for word in ("nvidia/", "libtorch_cuda", "libc10_cuda", "libcudart")):
        return "CUDA"
    if "torch" in low.split("/")[1:2] or "/torch" in low:
        return "PyTorch"
    if "pyside6" in low or "shiboken6" in low or "libqt6" in low:
        return "Qt"
    return "the rest"


def kinds(folder: Path) -> Counter[str]:
    """Bytes of each part; links take none."""
    found: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            found[kind_of(path.relative_to(folder).as_posix())] += path.stat().st_size
    return found


def report(before: Counter[str], measured: dict[str, Any], files: list[Path]) -> None:
    """Prints sizes, times, and what was left out."""
    after = kinds(FOLDER)
    print(f"\nEspalier {parts.version()}: {total(after)} (before slimming {total(before)})")
    for kind, size in after.most_common():
        share = 100 * size / after.total()
        print(f"  {kind:10} {size / MEGABYTE:8.1f} MB {share:5.1f} %")
    print(f"  CUDA libraries of the installed packages: {cuda_installed() / MEGABYTE:.0f} MB")
    for file in files:
        print(f"  {file.name}: {file.stat().st_size / MEGABYTE:.1f} MB")
    if "first_paint_s" in measured:
        print(f"  first paint {measured['first_paint_s']:.2f} s, engine ready "
              f"{measured['engine_ready_s']:.2f} s after the start")  # fmt: skip
    print("Left out:")
    for what, why in {**bundle.NOT_NEEDED, **bundle.FILES_NOT_NEEDED}.items():
        print(f"  {what}: {why}")
    print("Libraries that the smoke test did not load, over 0.3 MB:")
    for name, size in never_loaded(set(measured["loaded"])):
        print(f"  {size / MEGABYTE:6.1f} MB {name}")


def total(sizes: Counter[str]) -> str:
    return f"{sizes.total() / MEGABYTE:.1f} MB"


def cuda_installed() -> int:
    """Bytes of the packages of CUDA in the environment, of which the bundle needs almost none."""
    there = Path(import_module("torch").__file__).parent
    folders = [there.parent / name for name in ("nvidia", "triton", "cuda")]
    files = [f for folder in folders for f in folder.rglob("*.so*")]
    files += there.glob("lib/*cuda*.so")
    return sum(f.stat().st_size for f in files if f.is_file())


def never_loaded(loaded: set[str]) -> list[tuple[str, int]]:
    names = {p.relative_to(FOLDER).as_posix(): p for p in FOLDER.rglob("*.so*")}
    sizes = [
        (n, p.stat().st_size) for n, p in names.items() if not p.is_symlink() and n not in loaded
    ]
    return sorted((row for row in sizes if row[1] > 0.3 * MEGABYTE), key=lambda row: -row[1])


if __name__ == "__main__":
    sys.exit(main())

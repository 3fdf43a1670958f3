"""Makes the Debian package of a bundle, and the archive for other Linux systems."""

from __future__ import annotations

import gzip
import os
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path

import bundle

HERE = Path(__file__).resolve().parent
LINUX = HERE / "linux"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
DESCRIPTION = """\
teaches a pretrained image classifier your own classes
 Drop folders of images, and in seconds a pretrained network knows them, without
 losing those that it knew. See how well it does, try it on new images, and
 export it to one file that provably gives the same answers. Everything stays on
 your computer. Python, PyTorch and Qt are inside; no graphics card is used."""
FOREIGN = """\
Espalier is under the Apache License 2.0 (/usr/share/common-licenses/Apache-2.0).

The program holds Python, PyTorch, Qt and other works, each under its own terms. All of them, with
their licences in full, are in /usr/lib/espalier/_internal/licences/index.json, and are shown in
the program under About.
"""


def system_libraries() -> list[str]:
    """The Debian packages that Qt needs: those that `prepare` installs."""
    text = (HERE / "prepare").read_text(encoding="utf-8")
    return re.search(r'^libraries="([^"]+)"$', text, re.MULTILINE).group(1).split()


def control(version: str, kilobytes: int) -> str:
    """The package's facts. It needs at least the C library that it was built with."""
    needs = [f"libc6 (>= {platform.libc_ver()[1]})", *system_libraries()]
    facts = {
        "Package": "espalier",
        "Version": version,
        "Architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "Maintainer": "The Espalier project <espalier@localhost>",
        "Installed-Size": str(kilobytes),
        "Depends": ", ".join(needs),
        "Suggests": "espeak-ng, pulseaudio-utils | alsa-utils",
        "Section": "graphics",
        "Priority": "optional",
        "Description": DESCRIPTION,
    }
    return "".join(f"{name}: {value}\n" for name, value in facts.items())


def share(root: Path, icons: Path, version: str) -> None:
    """What a desktop wants to know: entry, icons, type of file, and the page in its store."""
    places = {
        LINUX / "espalier.desktop": "applications/espalier.desktop",
        LINUX / "espalier.xml": "mime/packages/espalier.xml",
        bundle.RESOURCES / "icons/espalier.svg": "icons/hicolor/scalable/apps/espalier.svg",
    }
    for picture in icons.glob("espalier-*.png"):
        size = picture.stem.rpartition("-")[2]
        places[picture] = f"icons/hicolor/{size}x{size}/apps/espalier.png"
    for source, place in places.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, root / place)
    (root / "metainfo").mkdir()
    (root / "metainfo/org.espalier.Espalier.metainfo.xml").write_text(metainfo(version))


def metainfo(version: str) -> str:
    text = (LINUX / "org.espalier.Espalier.metainfo.xml").read_text(encoding="utf-8")
    return text.replace("@VERSION@", version).replace("@DATE@", time.strftime("%Y-%m-%d"))


def stage(folder: Path, icons: Path, version: str, work: Path) -> None:
    """Puts all files of the package in their places, by links and not by copies."""
    shutil.rmtree(work, ignore_errors=True)
    copy(folder, work / "usr/lib/espalier")
    (work / "usr/bin").mkdir()
    (work / "usr/bin/espalier").symlink_to("../lib/espalier/espalier")
    share(work / "usr/share", icons, version)
    about = work / "usr/share/doc/espalier"
    about.mkdir(parents=True)
    (about / "copyright").write_text(FOREIGN)
    changes = (bundle.ROOT / "CHANGELOG.md").read_bytes()
    (about / "changelog.gz").write_bytes(gzip.compress(changes, mtime=0))
    (work / "DEBIAN").mkdir()
    facts = control(version, kilobytes(work))
    (work / "DEBIAN/control").write_text(facts)


def package(folder: Path, icons: Path, version: str, work: Path, out: Path) -> Path:
    """Writes espalier_VERSION_ARCHITECTURE.deb."""
    stage(folder, icons, version, work)
    file = out / f"espalier_{version}_{ARCHITECTURES.get(platform.machine(), 'any')}.deb"
    # zstd at its quick setting: each system with a C library so new can read it.
    words = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z6", "--build", work, file]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return file


def archive(folder: Path, icons: Path, version: str, work: Path, out: Path) -> Path:
    """Writes espalier-VERSION-linux-MACHINE.tar.gz, to unpack anywhere."""
    name = f"espalier-{version}-linux-{platform.machine()}"
    shutil.rmtree(work, ignore_errors=True)
    copy(folder, work / name)
    share(work / name / "share", icons, version)
    (work / name / "README.txt").write_text(
        "Start ./espalier, or link to it from a folder on PATH. `./espalier --help` lists the\n"
        "commands. For the menu of your desktop copy share/ into ~/.local/share.\n"
        f"Needs the C library of at least version {platform.libc_ver()[1]}, and Qt's system\n"
        f"libraries (Debian's names): {' '.join(system_libraries())}\n"
    )
    file = out / f"{name}.tar.gz"
    words = ["tar", "--owner=0", "--group=0", "--use-compress-program=gzip -1", "-cf", file,
             "-C", work, name]  # fmt: skip
    subprocess.run(words, check=True)
    return file


def copy(folder: Path, to: Path) -> None:
    """Copies a folder by hard links: it takes no room."""
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, to, symlinks=True, copy_function=os.link)


def kilobytes(folder: Path) -> int:
    files = (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return sum(-(-p.stat().st_size // 1024) for p in files)

"""What every bench can be given: photos of one's own and weights; what it takes without them."""

from __future__ import annotations

import argparse
from pathlib import Path

NAMES = ("red", "yellow", "green", "cyan", "blue", "pink")


def parser_of(about: str, parts: bool = False) -> argparse.ArgumentParser:
    """What each bench can be given: photos of one's own, and a backbone's weights."""
    holds = "holds train/ and test/, each a folder" if parts else "a folder"
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument(
        "photos", type=Path, nargs="?", help=f"{holds} of class folders; drawn if missing"
    )
    parser.add_argument(
        "--weights", default="", help="weights of the backbone; else EfficientNet-Lite0"
    )
    return parser


def photos_of(options: argparse.Namespace, folder: Path, each: int = 60) -> Path:
    """The person's photos, or drawn ones in class folders, so many of each class."""
    return options.photos or drawn(folder / "drawn", each)


def parts_of(options: argparse.Namespace, folder: Path) -> Path:
    """As `photos_of`, a folder that holds train/ and test/."""
    if options.photos is None:
        for seed, (part, each) in enumerate({"train": 60, "test": 20}.items()):
            drawn(folder / "drawn" / part, each, seed)
    return options.photos or folder / "drawn"


def drawn(folder: Path, each: int, seed: int = 0) -> Path:
    from tests.helpers.image_files import (
        class_folders,  # Late: the window's bench measures a light process.
    )

    return class_folders(folder, dict.fromkeys(NAMES, each), seed)

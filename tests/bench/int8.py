"""Files of 8 bits on processors with and without instructions for them, beside 32 bits.

    python -m tests.bench.int8 [PHOTOS] [--weights FILE] [--size 224] [--emulated 60]

PHOTOS holds train/ and test/. A project learns train/ and is exported in 32 bits and, as a file for
any processor and as one for VNNI only, in 8. Each file answers test/ as this processor runs it and
in its own numbers (graph optimisations off, nothing in 8 bits but what is stored); and, where
qemu-user is installed, as a processor without VNNI would, the first EMULATED images.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.export.readers import open_exported, whole_image
from engine.jobs import run
from engine.models.timing import processor_name
from engine.session import Session
from tests.bench.common import do, new
from tests.bench.export import instructions
from tests.bench.given import parser_of, parts_of
from tests.helpers.processors import QEMU, WITHOUT_VNNI, answers_of

FILES: Mapping[str, dict[str, Any]] = {
    "onnx": {},
    "onnx-int8": {"points": 100},
    "onnx-int8, all computing in 8": {"points": 100, "fastest": False},
    "onnx-int8, VNNI only": {"points": 100, "vnni_only": True},
}


def main() -> None:
    parser = parser_of(__doc__ or "", parts=True)
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--emulated", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder = Path(name)
        parts = parts_of(options, folder)
        session = new(folder, "p", weights=options.weights, size=options.size)
        do(session, "learn_folder", paths=[str(parts / "train")])
        names = session.model().class_names
        files = exported(session, folder)
        session.close()
        paths = sorted((parts / "test").glob("*/*"))
        truth = np.array([names.index(path.parent.name) for path in paths])
        images = [whole_image(path)[None] for path in paths]
        print(f"{processor_name()}; {instructions()}; {len(paths)} images")
        print(
            "| file | accuracy | own numbers | most, mean, other answers | "
            f"{WITHOUT_VNNI}: most, mean, other answers | p50 ms |"
        )
        print("|---|---|---|---|---|---|")
        for kind, file in files.items():
            report(kind, file, images, truth, options.emulated)


def exported(session: Session, folder: Path) -> dict[str, Path]:
    files = {}
    for number, (kind, settings) in enumerate(FILES.items()):
        path, form = folder / f"{number}.onnx", kind.split(",")[0]
        asked = {"path": str(path), "format": form, "settings": settings}
        *_, last = run(session, "export", asked)
        if last.how == "done":
            files[kind] = path
        else:
            print(f"{kind}: {last.text}")
    return files


def report(
    kind: str, file: Path, images: list[np.ndarray], truth: np.ndarray, emulated: int
) -> None:
    own, here = answers_of(file, images, optimised=False), answers_of(file, images)
    other = "–"
    if QEMU and emulated:
        few = answers_of(file, images[:emulated], WITHOUT_VNNI)
        other = f"{moved(own[:emulated], few)} of {len(few)}"
    right = [100 * float((found.argmax(1) == truth).mean()) for found in (here, own)]
    print(
        f"| {kind} | {right[0]:.1f} % | {right[1]:.1f} % | {moved(own, here)} of {len(own)} | "
        f"{other} | {median(file, images[:16]):.2f} |",
        flush=True,
    )


def moved(own: np.ndarray, found: np.ndarray) -> str:
    """The largest and the mean of the largest differences, and how many answers are others."""
    most = np.abs(found - own).max(1)
    return f"{most.max():.3f}, {most.mean():.4f}, {(own.argmax(1) != found.argmax(1)).sum()}"


def median(file: Path, images: list[np.ndarray], rounds: int = 20) -> float:
    """Milliseconds for an image, one thread."""
    exported, took = open_exported(file, 1), []
    for _ in range(rounds):
        for image in images:
            clock = time.perf_counter()
            exported.answer(image[0])
            took.append(1e3 * (time.perf_counter() - clock))
    return float(np.median(took))


if __name__ == "__main__":
    main()

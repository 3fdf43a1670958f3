"""A process that answers about images with one file, or with eager PyTorch, and is timed.

    python -m tests.bench.answering MODEL THREADS < lines

It imports PyTorch only where a format needs it, so that its memory is what the format costs. Each
line that it reads and writes is JSON.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.export.readers import open_exported, upright

Answer = Callable[[np.ndarray], np.ndarray]
WARM = 3


def main() -> None:
    """Reads the images and says the place of each one's best class; then times as many runs as
    it is asked for, until it is asked for none; says the peak memory in MB last."""
    model, threads = Path(sys.argv[1]), int(sys.argv[2])
    images = [Path(image) for image in json.loads(input())]
    answer = eager(model, threads) if model.is_dir() else by_file(model, threads)
    say([int(answer(np.asarray(upright(image))).argmax()) for image in images])
    few = [np.asarray(upright(image)) for image in images[:16]]
    for pixels in few[:WARM]:
        answer(pixels)
    at = 0
    while count := json.loads(input()):
        took = []
        for _ in range(count):
            at += 1
            begin = time.perf_counter()
            answer(few[at % len(few)])
            took.append(1e3 * (time.perf_counter() - begin))
        say(took)
    say(peak())


def say(value: object) -> None:
    print(json.dumps(value), flush=True)


def peak() -> float:
    """The most memory that this process held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(found[1]) / 1000
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1e6 if sys.platform == "darwin" else 1e3)


def by_file(model: Path, threads: int) -> Answer:
    exported = open_exported(model, threads)
    return lambda pixels: exported.answer(pixels)[0]


def eager(project: Path, threads: int) -> Answer:
    """The project's own network and head, run by PyTorch as it is; preprocessing by Pillow."""
    import torch
    from PIL import Image

    from engine.export.graphs.model_onnx import Whole
    from engine.images.preprocess import preprocess
    from engine.jobs import run
    from engine.session import Session

    torch.set_num_threads(threads)
    session = Session()
    list(run(session, "open_project", {"path": str(project)}))
    model = session.model()
    whole, p = Whole(model).eval(), model.backbone.preprocessing
    session.close()

    def answer(pixels: np.ndarray) -> np.ndarray:
        seen = preprocess(Image.fromarray(pixels), p)[None]
        with torch.inference_mode():
            return whole(torch.from_numpy(seen))[0][0].numpy()

    return answer


if __name__ == "__main__":
    main()

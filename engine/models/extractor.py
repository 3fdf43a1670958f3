"""Images to activations: the frozen part of a backbone, run as fast as this computer can."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime as ort
import torch

from engine.events import Notice
from engine.images.decode import Opened, open_many
from engine.models.backbone import Backbone
from engine.models.onnx_export import CantExport, write_onnx
from engine.models.ort import CantRun, open_session
from engine.models.trunk import Frozen
from engine.system import device as devices
from engine.system.cpu import available_cores
from engine.system.files import put_in_place

GRAPH = 1
"""Goes up when the exported graph changes, so that no older file is taken from the cache."""

BATCH = 8
"""Images in one run on the processor: more gain nothing and cost memory (measured)."""

DEVICE_BATCH = 64


class DisagreementError(RuntimeError):
    """The exported part gives other numbers than the network itself."""


class Elsewhere(Protocol):
    """Other computers, which open images and give features in the place of pixels."""

    def opened(
        self, paths: Iterable[Path], extractor: Extractor, views: int
    ) -> Generator[Opened | None, None, None]: ...

    def doubtful(self) -> list[Path]: ...


class Extractor:
    """The part of a backbone up to a cut, without gradients.

    On the processor it is exported once to ONNX, kept in the folder `cache` under its key, and run
    by ONNX Runtime; on a graphics card, or where the export fails, PyTorch runs it. `notices`
    holds what a person should know of that.
    """

    def __init__(
        self, backbone: Backbone, cut: str = "", device: str = "auto", cache: Path | None = None
    ) -> None:
        self.backbone, self.cut, self.cache = backbone, cut, cache
        self.device = devices.choose(device)
        self.trunk = backbone.below(cut).eval()
        self.notices: list[Notice] = []
        self.elsewhere: Elsewhere | None = None
        """Who else opens images and computes what they show, where somebody does."""
        self.milliseconds = 0.0
        """What an image took in the last whole batch; 0 before one was seen."""
        self._eager = self.device.type != "cpu"
        self._sessions: dict[int, ort.InferenceSession] = {}
        self._making = threading.Lock()

    @property
    def key(self) -> str:
        """Names weights, cut and preprocessing: equal keys give equal activations."""
        cut = self.cut or self.backbone.cuts[-1]
        return f"{self.backbone.digest[:32]}|{cut}|{self.backbone.preprocessing.key}"

    def __call__(self, pixels: np.ndarray, views: int = 1) -> np.ndarray:
        """uint8 (n, size, size, 3) to float32 (n, views, width).

        At a cut below the last stage, `width` is the cut's own shape (channels, height, width).
        """
        if not self._eager:
            session = self.session(views)
            if session is not None:
                clock = time.perf_counter()
                found = self.on_processor(session, pixels)
                if len(pixels) >= BATCH:
                    self.milliseconds = 1000 * (time.perf_counter() - clock) / len(pixels)
                return found
        try:
            return self.by_pytorch(pixels, views)
        except RuntimeError as error:  # out of its memory, or the device is gone
            if self.device.type == "cpu":
                raise
            self.leave_device(error)
            return self(pixels, views)

    def opened(self, paths: Iterable[Path], views: int) -> Generator[Opened | None, None, None]:
        """Images for `views` of them, in order, with pixels or, from other computers, features;
        None now and then while none is ready. To be closed."""
        if self.elsewhere is not None:
            return self.elsewhere.opened(paths, self, views)
        return open_many(paths, self.backbone.preprocessing)

    def doubted(self) -> Iterator[Notice]:
        """What is to be said of answers that came from computers which answered wrongly later."""
        doubtful = self.elsewhere.doubtful() if self.elsewhere is not None else []
        if doubtful:
            yield Notice(
                f"{len(doubtful)} answers stand on a worker that gave wrong features later. Ask "
                "about these images again.",
                "warning",
                tuple(map(str, doubtful[:100])),
            )

    def session(self, views: int) -> ort.InferenceSession | None:
        """The session for so many views, made when first asked for; None where it can't be."""
        with self._making:  # whoever asks meanwhile waits for the same
            if views not in self._sessions and not self._eager:
                self._make(views)
        return self._sessions.get(views)

    def _make(self, views: int) -> None:
        try:
            self._sessions[views] = self.prepared(views)
        except (*CantExport, *CantRun) as error:
            self._eager = True
            self.notices.append(
                Notice(
                    "This network can't be run by ONNX Runtime here, so PyTorch runs it: the "
                    "results are the same, but it takes longer.",
                    "warning",
                    (f"{type(error).__name__}: {error}",),
                )
            )

    def file(self, folder: Path, views: int) -> Path:
        """Where the exported network lies in a cache."""
        name = hashlib.sha256(f"{GRAPH}|{self.key}|{views}".encode()).hexdigest()[:32]
        return folder / f"frozen-{name}.onnx"

    def prepared(self, views: int) -> ort.InferenceSession:
        """From the cache where a whole file lies there, otherwise exported and checked."""
        if self.cache is None:
            with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
                return self.exported(Path(folder) / "frozen.onnx", views)
        path = self.file(self.cache, views)
        if path.exists():
            try:
                return open_session(path)
            except CantRun:
                path.unlink()  # cut short by a full disk or a power cut
        self.cache.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(f".{os.getpid()}.half")
        try:
            session = self.exported(half, views)
            put_in_place(half, path)
        finally:
            half.unlink(missing_ok=True)
        return session

    def exported(self, path: Path, views: int) -> ort.InferenceSession:
        """Writes the frozen part and checks it against PyTorch, on another number of images."""
        size = self.backbone.preprocessing.size
        generator = torch.Generator().manual_seed(0)
        sample = torch.randint(0, 256, (3, size, size, 3), dtype=torch.uint8, generator=generator)
        frozen = self.frozen(views)
        with devices.one_thread(), torch.inference_mode():
            expected = frozen(sample).numpy()
        write_onnx(frozen, sample[:2], path, ("pixels", ["activations"]))
        # From bytes: Windows can't rename a file that a session holds open.
        session = open_session(path.read_bytes())
        found = session.run(None, {"pixels": sample.numpy()})[0]
        far = np.abs(found - expected).max() if found.shape == expected.shape else np.inf
        if not far <= 1e-4 * np.abs(expected).max():
            raise DisagreementError(f"the exported network differs by {far:.2g}")
        return session

    def frozen(self, views: int) -> Frozen:
        return Frozen.of(self.backbone, views, self.cut)

    def on_processor(self, session: ort.InferenceSession, pixels: np.ndarray) -> np.ndarray:
        """Runs batches on all cores. These threads never wait for each other as those inside of
        a network do, and the engine's process gives way to the window (measured: its turns stay
        as short), so none needs to be kept free."""
        count = available_cores()
        parts = list(batches(pixels, min(BATCH, max(1, -(-len(pixels) // count)))))

        def run(part: np.ndarray) -> np.ndarray:
            return session.run(None, {"pixels": part})[0]

        if len(parts) <= 1 or count == 1:
            return np.concatenate([run(part) for part in parts or [pixels]])
        with ThreadPoolExecutor(count, thread_name_prefix="features") as pool:
            return np.concatenate(list(pool.map(run, parts)))

    def by_pytorch(self, pixels: np.ndarray, views: int) -> np.ndarray:
        """The same by eager PyTorch, in full float32 on every device."""
        frozen = self.frozen(views).to(self.device)
        size = BATCH if self.device.type == "cpu" else DEVICE_BATCH
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            found = [
                frozen(torch.from_numpy(np.ascontiguousarray(part)).to(self.device)).cpu().numpy()
                for part in batches(pixels, size)
            ]
        return np.concatenate(found) if found else self.nothing(views)

    def nothing(self, views: int) -> np.ndarray:
        return np.empty((0, views, self.backbone.width), np.float32)

    def leave_device(self, error: RuntimeError) -> None:
        """Goes on on the processor after the device failed."""
        self.notices.append(
            Notice(
                f"{devices.describe(self.device)} stopped working or ran out of memory. The "
                "processor does the work now.",
                "warning",
                (str(error).splitlines()[0],),
            )
        )
        self.device, self._eager = torch.device("cpu"), False
        self.trunk.to(self.device)


def batches(pixels: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(pixels), size):
        yield pixels[start : start + size]

"""Timing ONNX graphs on this device with a person's setting."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from engine.errors import BadSetting, Refused
from engine.events import Progress
from engine.models.ort import PROCESSOR, CantRun, open_session
from engine.models.supernet.as_onnx import FLOATS

LOW = 0.5
"""The percentile that stands for the time of a graph: what else runs here only makes it slower."""
WARM, BURST = 4, 3
"""Runs in one round that are not counted, and that are. At first the weights come from far: a
network's first run takes twice as long as its fourth."""
LONG = 0.003
"""Seconds of a run from which on two of each are enough."""
ROUNDS = 5
LOOK = 1.0
"""Seconds between looks at whether there was enough timing."""


@dataclass(frozen=True)
class Setting:
    """How a network is run: threads, images at once, ONNX Runtime's provider, and precision."""

    threads: int = 1
    batch: int = 1
    provider: str = PROCESSOR
    precision: str = "float32"

    def __post_init__(self) -> None:
        if not (whole(self.threads, 256) and whole(self.batch, 1024)):
            raise BadSetting("Latency is measured with 1 to 256 threads and 1 to 1024 images.")
        if self.precision not in FLOATS:
            raise BadSetting(
                f"There is no precision “{self.precision}”. Choose float32 or float16."
            )
        if not re.fullmatch(r"\w{1,60}", str(self.provider)):
            raise BadSetting(f"“{self.provider}” is no provider of ONNX Runtime.")

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        provider = self.provider.removesuffix("ExecutionProvider")
        return f"{threads}, batch {self.batch}, {provider}, {self.precision}"

    def check(self) -> None:
        """Raises BadSetting where this computer can't do it."""
        there = ort.get_available_providers()
        if self.provider not in there:
            raise BadSetting(
                f"ONNX Runtime has no provider “{self.provider}” here. Choose one of: "
                f"{', '.join(there)}."
            )


def whole(number: object, most: int) -> bool:
    return type(number) is int and 1 <= number <= most


# The device.


def device_facts() -> dict[str, str | int]:
    """What a latency depends on beside the network: plain values, equal on equal computers."""
    return {
        "processor": processor_name(),
        "cores": os.cpu_count() or 1,
        "system": platform.system(),
        "machine": platform.machine(),
        "runtime": f"onnxruntime {ort.__version__}",
    }


@lru_cache
def processor_name() -> str:
    """As the system calls it; on small boards the board's own name, which says more."""
    for path, pattern in (
        ("/proc/device-tree/model", r"[^\0]+"),
        ("/proc/cpuinfo", r"(?<=model name\t: ).+"),
    ):
        if os.path.exists(path):
            text = Path(path).read_text(encoding="utf-8", errors="replace")
            found = re.search(pattern, text)
            if found:
                return found[0].strip()
    if platform.system() == "Darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        if said:
            return said
    return platform.processor() or platform.machine() or "unknown processor"


def device_key(setting: Setting, facts: Mapping[str, object] | None = None) -> str:
    """A short text for a device with a setting, fit for a file's name."""
    facts = facts or device_facts()
    words = [facts.get("processor", "device"), facts.get("cores", 0), facts.get("runtime", "")]
    words += [f"{setting.threads}t", f"b{setting.batch}"]
    words += [setting.provider.removesuffix("ExecutionProvider"), setting.precision]
    text = "-".join(str(word) for word in words if word).lower()
    return re.sub(r"[^a-z0-9.]+", "-", text).strip("-.")[:120]


# Timing.


@dataclass
class Timed:
    """A graph that is ready to run, and the seconds that its runs took."""

    session: ort.InferenceSession
    feed: dict[str, np.ndarray]
    seconds: list[float] = field(default_factory=list)

    def once(self) -> float:
        begin = time.perf_counter()
        self.session.run(None, self.feed)
        return time.perf_counter() - begin

    def round(self) -> None:
        """Some runs one after the other, of which the later ones count."""
        few = self.once() > LONG
        for _ in range(1 if few else WARM - 1):
            self.once()
        self.seconds += [self.once() for _ in range(2 if few else BURST)]

    def low(self) -> float:
        """Milliseconds when nothing else runs here."""
        return 1e3 * float(np.percentile(self.seconds, LOW))


def opened(model: bytes | Path, size: int, setting: Setting) -> Timed:
    """A graph with random input: free sides become the batch and `size`.

    Raises Refused where ONNX Runtime can't load it.
    """
    try:
        session = open_session(model, setting.threads, setting.provider)
    except CantRun as error:
        raise Refused(f"ONNX Runtime can't run this network here ({first_line(error)}).") from error
    rng = np.random.default_rng(0)
    feed = {given.name: values(given, size, setting, rng) for given in session.get_inputs()}
    return Timed(session, feed)


def values(given: ort.NodeArg, size: int, setting: Setting, rng: np.random.Generator) -> np.ndarray:
    shape = [side if isinstance(side, int) else size for side in given.shape]
    shape[:1] = [setting.batch] if not isinstance(given.shape[0], int) else shape[:1]
    if given.type == "tensor(uint8)":
        return rng.integers(0, 256, shape, np.uint8)
    kind = np.float16 if given.type == "tensor(float16)" else np.float32
    return rng.standard_normal(shape).astype(kind)


def first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]


def interleaved(
    graphs: Sequence[Timed], seconds: float, doing: str, enough: Callable[[], bool] = lambda: False
) -> Iterator[Progress]:
    """Runs all graphs in turn for so many seconds and at least a few rounds, or until `enough`.

    A slow minute (another program, a hot processor) falls on all of them alike, and low
    percentiles leave it out.
    """
    begin = time.perf_counter()
    rounds, passed, looked = 0, 0.0, 0.0
    while passed < seconds or rounds < ROUNDS:
        for graph in graphs:
            graph.round()
        rounds += 1
        passed = time.perf_counter() - begin
        total = max(seconds, passed / rounds * ROUNDS)
        yield Progress(round(10 * passed), round(10 * total), doing, max(0.0, total - passed))
        if rounds >= 2 * ROUNDS and passed - looked > LOOK:
            looked = passed
            if enough():
                return


def time_network(
    model: bytes | Path, size: int, setting: Setting | None = None, seconds: float = 1.0
) -> dict[str, float]:
    """A network file, run again and again: milliseconds for a whole batch.

    p50, p95 and mean are of all runs, as they came; low is when nothing else ran here, as tables
    predict. `size` is the side of images where the file leaves it free. Raises Refused.
    """
    setting = setting or Setting()
    setting.check()
    timed = opened(model, size, setting)
    begin = time.perf_counter()
    try:
        for _ in range(3):
            timed.once()
        while time.perf_counter() - begin < seconds or len(timed.seconds) < ROUNDS:
            timed.seconds.append(timed.once())
    except CantRun as error:
        raise Refused(f"ONNX Runtime can't run this network here ({first_line(error)}).") from error
    p50, p95 = 1e3 * np.percentile(timed.seconds, [50, 95])
    mean = 1e3 * float(np.mean(timed.seconds))
    runs = len(timed.seconds)
    return {"p50": float(p50), "p95": float(p95), "low": timed.low(), "mean": mean, "runs": runs}


def setting_of(facts: Mapping[str, object]) -> Setting:
    """From a table's file. Raises BadSetting."""
    known = asdict(Setting())
    values: dict[str, Any] = {name: facts.get(name, usual) for name, usual in known.items()}
    return Setting(**values)

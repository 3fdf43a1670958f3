"""The device that networks run on, and how many threads they take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.errors import BadSetting
from engine.system.cpu import available_cores

DEVICES = ("auto", "cpu", "cuda", "mps")
_threads = 0


def choose(wanted: str = "auto") -> torch.device:
    """The device asked for; "auto" takes CUDA, then Apple's MPS, then the processor.

    Raises BadSetting where the device is unknown or not there.
    """
    if wanted not in DEVICES:
        raise BadSetting(f"There is no device “{wanted}”. Choose one of: {', '.join(DEVICES)}.")
    there = there_are()
    if wanted == "auto":
        wanted = next(name for name in ("cuda", "mps", "cpu") if name in there)
    if wanted not in there:
        names = ", ".join(there[1:])
        raise BadSetting(f"This computer has no device “{wanted}”. Choose auto or one of: {names}.")
    return torch.device(wanted)


def there_are() -> tuple[str, ...]:
    """The devices that this computer has, and "auto"."""
    there = {"auto": True, "cpu": True, "cuda": torch.cuda.is_available(), "mps": has_mps()}
    return tuple(name for name, is_there in there.items() if is_there)


def has_mps() -> bool:
    return torch.backends.mps.is_available()


def describe(device: torch.device) -> str:
    """What the window shows for a device."""
    if device.type == "cuda":
        return f"CUDA: {torch.cuda.get_device_name(device)}"
    if device.type == "mps":
        return "Apple MPS"
    count = threads()
    return f"Processor, {count} thread{'s' if count != 1 else ''}"


def mixed(device: torch.device) -> torch.autocast:
    """Mixed precision where the device gains by it: bfloat16 on CUDA, which needs no scaling.

    On processors a step took longer with it: 0.52 s for 0.45 (MobileNetV2 at 96 pixels), 0.58 for
    0.28 (the embedded network at 64), though this one has instructions for bfloat16.
    """
    usable = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=usable)


def set_threads(window_open: bool) -> int:
    """Gives PyTorch and ONNX Runtime all cores, or all but one while the window is open.

    With all of two cores taken, the window's own thread starves and training collapses. Sessions
    of ONNX Runtime that are made after this call follow it.
    """
    global _threads
    cores = available_cores()
    _threads = max(1, cores - 1) if window_open else cores
    torch.set_num_threads(_threads)
    return _threads


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread meanwhile, for much work in small pieces.

    As soon as anything else runs here, threads wait for each other more than they work: on two
    busy cores an export took 9 s with two threads and 2.5 s with one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def threads() -> int:
    """How many threads a network may take; all cores until `set_threads` was called."""
    return _threads or available_cores()

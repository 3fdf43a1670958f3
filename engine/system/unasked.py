"""What libraries import although nobody asks for it, which takes seconds of each new process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo.utils"


@contextmanager
def hidden(name: str) -> Iterator[None]:
    """A library that nobody imported yet can't be imported inside."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # how Python marks what is not there
    try:
        yield
    finally:
        del sys.modules[name]


class Later(ModuleType):
    """Stands for a module until something of it is wanted, in whatever thread."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # Python asks for these whenever it imports from a module
        gone(self)
        return getattr(import_module(self.__name__), name)


def gone(stand_in: Later) -> None:
    if sys.modules.get(stand_in.__name__) is stand_in:
        del sys.modules[stand_in.__name__]


def is_compile_supported(device: Any) -> Any:
    """What torchvision imports of PyTorch's compiler; no network of ours calls it."""
    return import_module(COMPILER).is_compile_supported(device)


def of_torchvision(part: str) -> ModuleType:
    """A part of torchvision, like `models`.

    Its operation on regions of interest imports the compiler of PyTorch, SymPy and more, for one
    function that it may ask when it is called. Without them it is there in a tenth of the time.
    """
    stand_in = None
    if "torchvision" not in sys.modules and COMPILER not in sys.modules:
        stand_in = sys.modules[COMPILER] = Later(COMPILER)
        vars(stand_in)[is_compile_supported.__name__] = is_compile_supported
    try:
        return import_module(f"torchvision.{part}")
    finally:
        if stand_in is not None:
            gone(stand_in)

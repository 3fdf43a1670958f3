"""A new process imports what it needs; what libraries import besides comes when it is wanted."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from engine.system.unasked import Later, hidden
from tests.helpers import image_files

LOOK = """
import sys
import engine.jobs, engine.session
from engine.models.backbones import load_backbone
from engine.models import flops
from pathlib import Path
load_backbone("", Path(sys.argv[1]), 32)
print(*sorted({"pandas", "torch._dynamo", "sympy", "triton"} & set(sys.modules)))
import torch._dynamo.utils
from torchvision.ops.roi_align import is_compile_supported
assert is_compile_supported("cpu") == torch._dynamo.utils.is_compile_supported("cpu")
"""


def test_weights_are_recognised_without_what_no_project_needs(tmp_path: Path) -> None:
    """These take seconds of each process: a compiler, symbolic algebra, tables."""
    weights = image_files.weights(tmp_path / "net.safetensors")
    looked = subprocess.run(
        [sys.executable, "-c", LOOK, weights], capture_output=True, text=True, check=True
    )
    assert looked.stdout.split() == []


def test_a_stand_in_is_gone_when_something_of_its_module_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in = Later("colorsys")
    monkeypatch.setitem(sys.modules, "colorsys", stand_in)
    assert stand_in.rgb_to_hsv(1, 0, 0) == (0, 1, 1)
    assert sys.modules["colorsys"] is not stand_in


def test_what_is_hidden_is_there_again_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    with hidden("sys"):
        assert sys.modules["sys"] is sys, "what is there already stays"
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with hidden("colorsys"), pytest.raises(ImportError):
        import_module("colorsys")
    assert import_module("colorsys").rgb_to_hsv(1, 0, 0) == (0, 1, 1)

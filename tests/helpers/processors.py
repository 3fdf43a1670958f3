"""Asks an ONNX file in a process of its own, here or as a processor without 8-bit instructions.

Debian's qemu-user runs a program as if on another processor of the same kind: `Haswell` knows AVX2
and no VNNI, so that ONNX Runtime adds products of 8 bits in pairs of 16 bits there.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

QEMU = shutil.which("qemu-x86_64") if platform.machine() in ("x86_64", "AMD64") else None
WITHOUT_VNNI = "Haswell"

ASK = """
import sys
import numpy as np, onnxruntime as ort
model, given, made, optimised = sys.argv[1:]
options = ort.SessionOptions()
options.intra_op_num_threads, options.log_severity_level = 1, 4
if optimised == "no":
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
with np.load(given) as pictures:
    found = [session.run(None, {name: pictures[n]})[0] for n in pictures.files]
np.save(made, np.concatenate(found))
"""


def answers_of(
    model: Path, inputs: list[np.ndarray], cpu: str = "", optimised: bool = True
) -> np.ndarray:
    """The first output for each of `inputs`, one after the other, on one thread.

    With `cpu`, as a processor of that name would give it; without `optimised`, in the numbers that
    the file itself says, 32 bits between levels.
    """
    before = [QEMU, "-cpu", cpu] if cpu else []
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        given, made = Path(folder) / "given.npz", Path(folder) / "made.npy"
        np.savez(given, *inputs)
        words = [model, given, made, "yes" if optimised else "no"]
        environment = os.environ | {"ORT_DISABLE_TELEMETRY": "1", "OPENBLAS_NUM_THREADS": "1"}
        subprocess.run(
            [*before, sys.executable, "-c", ASK, *words],
            check=True,
            capture_output=True,
            env=environment,
        )
        return np.load(made)

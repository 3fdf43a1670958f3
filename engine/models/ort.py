"""ONNX Runtime sessions, without PyTorch."""

from __future__ import annotations

import os
from pathlib import Path

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as state

CantRun = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.ModelLoadCanceled,
    state.NoModel,
    state.NoSuchFile,
    state.NotImplemented,
    state.RuntimeException,
)
"""What ONNX Runtime raises on a file that it can't load or run."""


PROCESSOR = "CPUExecutionProvider"


def open_session(
    model: Path | bytes, threads: int = 1, provider: str = PROCESSOR
) -> ort.InferenceSession:
    """A session, on the processor if nothing else is said. Raises one of `CantRun` where the file
    can't be run.

    With one thread a session may be run from several Python threads at once, which on few cores
    beats threads inside of it: nobody waits for the slowest after each layer.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised as well
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    given = model if isinstance(model, bytes) else os.fspath(model)
    return ort.InferenceSession(given, options, providers=[provider], enable_fallback=0)

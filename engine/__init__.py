"""The engine of Espalier: no Qt, usable from a script or a notebook."""

from __future__ import annotations

import os
import sys

__version__ = "0.1.0"

# Everything stays on this computer: left alone, ONNX Runtime and OpenVINO tell their makers that
# they are used, the one when it is imported, the other too. So both are told not to here, which
# every process of Espalier's passes before it imports either of them.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # timm imports it; nothing of it is asked to load
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # OpenVINO does without

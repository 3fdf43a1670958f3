"""PyTorch is missing: what is said of it. Exported files can be asked without."""

from __future__ import annotations

TORCH = ("torch", "torchvision", "safetensors")
TORCH_MISSING = (
    "needs PyTorch to be run, which is not installed. Install it with: "
    "pip install torch torchvision safetensors."
)


def lacks_torch(error: ModuleNotFoundError) -> bool:
    return (error.name or "").partition(".")[0] in TORCH

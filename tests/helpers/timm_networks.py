"""timm's networks with weights by a formula, for tests; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

needs_timm = pytest.mark.skipif(
    find_spec("timm") is None, reason='timm is not installed: pip install "espalier[timm]"'
)
CNN, VIT, CONVNEXT = (
    "timm/resnet18.a1_in1k",
    "timm/vit_small_patch14_dinov2.lvd142m",
    "timm/convnext_atto.d2_in1k",
)
SIDES = {CNN: 64, VIT: 56, CONVNEXT: 64}
"""The input sizes of tests: DINOv2's own 518 pixels would take seconds an image."""


def formula_weights(shapes: Mapping[str, torch.Size]) -> dict[str, torch.Tensor]:
    """Each weight by its name's place and its own places; variances are above 0."""
    state = {}
    for number, (name, shape) in enumerate(sorted(shapes.items())):
        places = torch.arange(shape.numel(), dtype=torch.float64)
        noise = torch.sin(places * 12.9898 + number * 78.233).mul(43758.5453).frac()
        if "num_batches_tracked" in name:
            state[name] = torch.tensor(7)
        elif len(shape) < 2:
            scale = name.endswith(("weight", "gamma", "running_var"))
            state[name] = (float(scale) + 0.2 * noise).float().reshape(shape)
        else:
            fan = shape.numel() // shape[0]
            state[name] = (noise * (6 / fan) ** 0.5).float().reshape(shape)
    return state


def own_network(name: str, classes: int | None = None) -> torch.nn.Module:
    """timm's network, as timm makes it, with weights by the formula."""
    import timm

    more = {} if classes is None else {"num_classes": classes}
    net = timm.create_model(name.removeprefix("timm/"), pretrained=False, **more).eval()
    net.load_state_dict(formula_weights({k: v.shape for k, v in net.state_dict().items()}))
    return net


def formula_images(count: int, side: int) -> torch.Tensor:
    """Images float32 (count, 3, side, side) that differ."""
    places = torch.arange(count * 3 * side * side, dtype=torch.float64)
    waves = torch.sin(places * 0.37) + torch.cos(places / side * 0.05)
    return waves.float().reshape(count, 3, side, side)


def weights_file(path: Path, name: str) -> Path:
    """The file of weights that timm would publish of it, its classifier included."""
    from safetensors.torch import save_file

    save_file(own_network(name).state_dict(), path)
    return path

"""The teacher of the embedded backbone: its features for each image, computed once.

Hinton et al. 2015 (soft targets) and Romero et al. 2015 (features). The teacher's class scores are
a linear function of its features, so the features are all that is stored.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from numpy.lib.format import open_memmap
from safetensors.torch import load_file
from torch import nn

from engine.events import Progress
from engine.models.onnx_export import write_onnx
from engine.system.files import replace_file
from engine.system.unasked import of_torchvision
from engine.training.dataset import Selection

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Teacher:
    """What a student is taught from: `features` float16 (images, width), and the classifier."""

    features: np.ndarray
    weight: torch.Tensor
    bias: torch.Tensor


def normalised(images: np.ndarray) -> torch.Tensor:
    """uint8 (batch, height, width, 3) to float32 (batch, 3, height, width), channels last."""
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float()
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) * 255 for x in (MEAN, STD))
    return (pixels - mean) / std


def resized(pixels: torch.Tensor, size: int) -> torch.Tensor:
    """Images (batch, 3, height, width) at another size."""
    if pixels.shape[-1] == size:
        return pixels
    return F.interpolate(pixels, (size, size), mode="bilinear", antialias=True)


def teacher_network(weights: Path) -> Any:
    network = of_torchvision("models").mobilenet_v2()
    network.load_state_dict({k: v.float() for k, v in load_file(weights).items()})
    return network.eval()


def teacher_session(network: Any, size: int, path: Path) -> onnxruntime.InferenceSession:
    """The teacher's body, exported and run by ONNX Runtime on all of torch's threads."""
    body = nn.Sequential(network.features, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    write_onnx(body, torch.zeros(2, 3, size, size), path, ("pixels", ["features"]))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def taught(
    images: np.ndarray | Selection, weights: Path, size: int, store: Path
) -> Generator[Progress, None, Teacher]:
    """Computes the teacher's features of all images and returns a Teacher; cached in `store`.

    `size` is the side in pixels at which the teacher looks. A stopped job goes on where it was.
    """
    network = teacher_network(weights)
    note, cache = store / f"teacher-{size}.json", store / f"teacher-{size}.npy"
    count, width, batch = len(images), network.last_channel, 128
    if not (cache.exists() and note.exists()):
        open_memmap(cache, "w+", np.float16, (count, width)).flush()
        replace_file(note, b"0")
    features, done = np.load(cache, mmap_mode="r+"), json.loads(note.read_text())
    if done < count:
        session, start, first = (
            teacher_session(network, size, store / "teacher.onnx"),
            time.time(),
            done,
        )
        for at in range(done, count, batch):
            pixels = resized(normalised(images[at : at + batch]), size).contiguous().numpy()
            features[at : at + batch] = session.run(None, {"pixels": pixels})[0]
            done = min(at + batch, count)
            if done == count or (at // batch) % 16 == 0:
                features.flush()
                replace_file(note, json.dumps(done).encode())
            left = (time.time() - start) / (done - first) * (count - done)
            yield Progress(done, count, "asking the teacher", left)
    linear = network.classifier[1]
    return Teacher(features, linear.weight.detach(), linear.bias.detach())

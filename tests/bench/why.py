"""Whether what speaks for an answer lies on the object, on drawn images, whose places are known.

    python -m tests.bench.why [--learners slda,ncm,...] [--features moments] [--each 20]

Each learner learns the sample's 48 images of each of 11 classes with EfficientNet-Lite0; so many
others of each class are drawn and asked. "on": the place that speaks most for the class
that is answered has something of the object in it; "half": the object takes half of it or more;
"middle": its middle lies on the object; "by chance": of all cells so many have something of it.
"off" is how far the sum is from the logit, as a share of the largest logit; "ms" is processor time
of an image.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
import torch

from engine.images.preprocess import preprocess
from engine.images.sample import Studio
from engine.learners import LEARNERS, Task
from engine.learners.heads import logits_of
from engine.models.backbone import Backbone
from engine.models.backbones import load_backbone
from engine.models.why import Reasons, decompose, looked, occlude
from tests.bench.common import finished

LEARN, LATER = 48, 100_000
ALL = "slda,ncm,roots,ridge,auto,tilda"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", default=ALL)
    parser.add_argument("--features", default="moments")
    parser.add_argument("--each", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = load_backbone("efficientnet_lite0", None, 224, options.features)
    known = list(images(network, 0, LEARN))
    asked = list(images(network, LATER, options.each))
    x = torch.stack([looked(network, pixels)[0].float() for _, pixels, _ in known])[:, None]
    y = torch.tensor([c for c, _, _ in known])
    head = f"{'learner':8}{'right':>7}  {'kind':12}{'on':>7}{'half':>7}{'middle':>8}"
    print(f"{head}{'by chance':>11}{'off':>10}{'ms':>7}")
    for name in options.learners.split(","):
        learner = LEARNERS.make(name)
        for _ in learner.learn(Task({int(c): x[y == c] for c in y.unique()}, x, y)):
            pass
        print(f"{name:8}{row(network, learner.head(), asked)}", flush=True)


def images(
    network: Backbone, first: int, each: int
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Class, pixels and where the object is seen, of drawn images."""
    studio = Studio()
    for c, name in enumerate(studio.recipe["classes"]):
        for number in range(each):
            image, _, seen = studio.scene(name, first + c * each + number)
            yield c, preprocess(image, network.preprocessing), seen


def row(network: Backbone, head: torch.nn.Module, asked: list) -> str:
    right, on, half, middle, chance, off, kinds = [], [], [], [], [], [], set()
    clock = time.process_time()
    for c, pixels, seen in asked:
        features = looked(network, pixels)[0].float()[None, None]
        logits = logits_of(head, features)[0].double()
        place = int(logits.argmax())
        found = reasons_in(network, head, pixels, place)
        cells = by_cells(seen, found.values.shape)
        at = np.unravel_index(found.values.argmax(), found.values.shape)
        right.append(place == c)
        on.append(cells[at] > 0)
        half.append(cells[at] >= 0.5)
        middle.append(seen[middle_of(at, cells.shape, seen.shape)] > 0.5)
        chance.append((cells > 0).mean())
        kinds.add(found.kind)
        if found.explained is not None:
            wanted = float(logits[place] - logits.mean())
            off.append(abs(found.values.sum() - wanted) / float(logits.abs().max()))
    spent = 1000 * (time.process_time() - clock) / len(asked)
    shares = f"{np.mean(on):7.1%}{np.mean(half):7.1%}{np.mean(middle):8.1%}{np.mean(chance):11.1%}"
    worst = f"{max(off):10.0e}" if off else f"{'–':>10}"
    return f"{np.mean(right):7.1%}  {', '.join(kinds):12}{shares}{worst}{spent:7.0f}"


def reasons_in(network: Backbone, head: torch.nn.Module, pixels: np.ndarray, place: int) -> Reasons:
    found = decompose(network, head, pixels, place)
    if found is not None:
        return found

    def logits(some: np.ndarray) -> np.ndarray:
        x = torch.stack([looked(network, each)[0].float() for each in some])
        return logits_of(head, x[:, None]).numpy()

    made: Reasons = finished(occlude(logits, pixels, place))
    return made


def middle_of(
    at: tuple[np.intp, ...], shape: tuple[int, ...], whole: tuple[int, ...]
) -> tuple[int, ...]:
    """The pixel of an image in the middle of a place."""
    return tuple(int((k + 0.5) * n / m) for k, m, n in zip(at, shape, whole, strict=True))


def by_cells(seen: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Which share of each place the object takes; what is less than a pixel is none."""
    down, across = (np.linspace(0, seen.shape[0], side + 1).astype(int) for side in shape)
    clear = np.where(seen > 0.5, 1.0, 0.0)
    return np.array(
        [
            [
                clear[down[i] : down[i + 1], across[j] : across[j + 1]].mean()
                for j in range(shape[1])
            ]
            for i in range(shape[0])
        ]
    )


if __name__ == "__main__":
    main()

"""How fast photos are learnt, beside torchvision's ImageFolder, DataLoader and eager network.

    python -m tests.bench.learn [PHOTOS] [--weights FILE] [--size 224]

PHOTOS is a folder of class folders; FILE holds a backbone's weights. Prints three tables:
1. from cold: images, features and learning, against the peer with the same head, in one run;
2. adding a tenth more images to a project that has all the others, against a tenth alone;
3. learning again from the cache.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.session import Session
from tests.bench.common import do, new, timed
from tests.bench.given import parser_of, photos_of

PARTS = 10


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ESPALIER_HOME"] = folder  # Cold: no exported network is there.
        here = Path(folder)
        options.photos = photos_of(options, here)
        ours, ours_learn = timed(lambda: learn_all(options, here / "all"))
        peer = timed(lambda: peer_learns(options))[0]
        print(f"1. from cold, {len(photos(options.photos))} photos")
        print(f"   Espalier                       {ours:7.1f} s   {ours_learn['seconds']}")
        print(f"   ImageFolder, DataLoader, eager {peer:7.1f} s   ratio {peer / ours:.2f}")
        added, alone = adding(options, here)
        print("2. adding a tenth of the photos")
        print(f"   to a project with the others   {added:7.1f} s")
        print(f"   to an empty project            {alone:7.1f} s   ratio {added / alone:.2f}")
        with closing(at(options, here / "all")) as session:
            do(session, "learn", learner="ncm")  # The network is loaded by now, as in a window.
            again = timed(lambda: do(session, "learn", learner="slda"))[0]
        print("3. learning all again from the cache")
        print(f"   Espalier                       {again:7.2f} s", flush=True)


def arguments() -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=224)
    return parser.parse_args()


def photos(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*/*") if p.is_file())


def at(options: argparse.Namespace, path: Path) -> Session:
    """A session with the project `path`, which is made where it is not there."""
    if not path.with_suffix(".espalier").exists():
        return new(path.parent, path.name, weights=options.weights, size=options.size)
    session = Session()
    do(session, "open_project", path=str(path.with_suffix(".espalier")))
    return session


def job(options: argparse.Namespace, path: Path, name: str, /, **settings: Any) -> Any:
    """Opens the project and does one job on it, as a command would."""
    with closing(at(options, path)) as session:
        return do(session, name, **settings)


def learn_all(options: argparse.Namespace, project: Path) -> Any:
    return job(options, project, "learn_folder", paths=[str(options.photos)])


def adding(options: argparse.Namespace, here: Path) -> tuple[float, float]:
    """Seconds for a tenth of the photos: on top of the others, and alone."""
    files = photos(options.photos)
    random.Random(0).shuffle(files)
    tenth = files[: len(files) // PARTS]
    for part, chosen in (("others", files[len(tenth) :]), ("tenth", tenth)):
        for file in chosen:
            target = here / part / file.parent.name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, target) if same_disk(file, here) else target.write_bytes(
                file.read_bytes()
            )
    job(options, here / "grown", "learn_folder", paths=[str(here / "others")])
    at(options, here / "empty").close()
    added, alone = (
        timed(lambda p=here / name: job(options, p, "learn_folder", paths=[str(here / "tenth")]))[0]
        for name in ("grown", "empty")
    )
    return added, alone


def same_disk(file: Path, folder: Path) -> bool:
    return file.stat().st_dev == folder.stat().st_dev and os.access(file, os.W_OK)


def peer_learns(options: argparse.Namespace) -> Any:
    """What a careful script does: ImageFolder, two workers, the eager network, the same head."""
    import torch
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    from engine.learners import LEARNERS, Task
    from engine.models.backbones import load_backbone

    warnings.simplefilter("ignore")
    weights = Path(options.weights) if options.weights else None
    backbone = load_backbone("", weights, options.size)
    p, net = backbone.preprocessing, backbone.below().eval()
    steps = [
        transforms.Resize(p.resize),
        transforms.CenterCrop(p.size),
        transforms.ToTensor(),
        transforms.Normalize(p.mean, p.std),
    ]
    data = ImageFolder(str(options.photos), transforms.Compose(steps))
    features, classes = [], []
    with torch.inference_mode():
        for x, y in DataLoader(data, batch_size=32, num_workers=2):
            features.append(net(x))
            classes.append(y)
    x, y = torch.cat(features)[:, None], torch.cat(classes)
    learner = LEARNERS.make("slda")
    chosen = torch.randperm(len(x))[:1500]
    new = {int(c): x[y == c] for c in y.unique()}
    for _ in learner.learn(Task(new, x[chosen], y[chosen])):
        pass
    return learner.head()


if __name__ == "__main__":
    main()

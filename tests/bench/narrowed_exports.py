"""Narrowed networks of several families, exported in every format and compared with the project.

    python -m tests.bench.narrowed_exports [PHOTOS] [--weights FILE,FILE] [--networks a,b]
                                           [--images 300] [--size 96] [--share 60]

PHOTOS holds folders of classes; drawn if missing. Each network learns so many of them, is narrowed
to a share of each block's middle (per cent), is used, and is exported in every format that can be
written here: each file is opened in another process and compared with the project's own answers,
as each export is. FILEs hold weights; a network without any has random ones, of which 8 bits lose
more. Printed is what each receipt says, and where a file was refused, why. That the whole network
is the same to the bit, however it comes, is a test (tests/engine/search/test_elastic.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine.events import Ended
from engine.export.formats import EXPORTERS
from engine.jobs import run
from engine.models.backbones import load_backbone
from engine.models.backbones.base import BACKBONES
from engine.models.elastic.architecture import ElasticArchitecture
from engine.models.elastic.blocks import blocks_of
from engine.session import Session
from tests.bench.common import do, new
from tests.bench.given import parser_of, photos_of

NETWORKS = "efficientnet_lite0,mobilenet_v2,mobilenet_v3_small,resnet50"


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--networks", default=NETWORKS)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--share", type=int, default=60)
    options = parser.parse_args()
    given = [Path(file) for file in options.weights.split(",") if file]
    files = {load_backbone("", file).name: file for file in given}
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder = Path(name)
        photos = some_of(photos_of(options, folder), options.images, folder / "some")
        for network in options.networks.split(","):
            weights = files.get(network) or weights_of(network, folder)
            session = new(
                folder, network, "" if weights else network, str(weights or ""), options.size
            )
            do(session, "learn_folder", paths=[str(photos)])
            do(session, "use_subnet", architecture=form_of(session, options.share))
            title, random = (
                session.network_title(),
                weights is not None and weights.parent == folder,
            )
            print(f"{title}{' (random weights)' if random else ''}", flush=True)
            for line in lines_of(session, folder / network):
                print(f"    {line}", flush=True)
            session.close()


def some_of(photos: Path, count: int, to: Path) -> Path:
    """So many of the photos, as many of each class as there are, as links."""
    folders = sorted(path for path in photos.iterdir() if path.is_dir())
    each = max(2, count // max(1, len(folders)))
    for file in (file for folder in folders for file in sorted(folder.iterdir())[:each]):
        link = to / file.parent.name / file.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.resolve())
    return to


def weights_of(network: str, folder: Path) -> Path | None:
    """Random weights where there are none; None where they come along."""
    from tests.helpers.image_files import weights

    if BACKBONES.make(network).found() is not None:
        return None
    return weights(folder / f"{network}.safetensors", network)


def form_of(session: Session, share: int) -> str:
    """The project's network with a share of the middle of each block."""
    facts, blocks = session.require().facts, len(blocks_of(session.backbone().stages))
    return str(ElasticArchitecture(facts["backbone"], facts["size"], (share,) * blocks))


def lines_of(session: Session, folder: Path) -> Iterator[str]:
    """What each format's receipt says of how the file agrees, or why there is none."""
    folder.mkdir()
    for name, exporter in list(EXPORTERS.items()):
        path = folder / f"model-{name}{exporter.suffix}"
        *_, last = run(session, "export", {"path": str(path), "format": name})
        assert isinstance(last, Ended)
        said = last.result["verdict"] if last.how == "done" else f"refused: {last.text}"
        yield f"{name:12} {said}"


if __name__ == "__main__":
    main()

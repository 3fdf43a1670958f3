"""How good the subnets of a supernet are on held-out images, without any training.

    python -m tests.bench.supernet DATA [--weights SUPERNET] [--size 64] [--subnets 30]

DATA holds train/ and val/, each a folder of class folders of the classes that the supernet knows.
Each subnet's batch norms are measured on 2,000 images of train/, and its own classifier is
scored on val/. Prints a table for the model card: the smallest, the largest, and random ones.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from engine.models.batch_norm import recalibrate
from engine.models.supernet.embedded import embedded_supernet
from engine.models.supernet.files import read_weights
from engine.models.supernet.space import Space
from engine.search.latency.costs import costs_of_genes
from engine.training.dataset import of_folder
from engine.training.supernet.distillation import accuracy, shown_at
from tests.bench.common import finished

CALIBRATE = 2000
BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", default="", help="a supernet's file; else the embedded one")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--subnets", type=int, default=30)
    parser.add_argument("--work", default="", help="a folder that keeps the decoded images")
    options = parser.parse_args()
    supernet, _ = read_weights(Path(options.weights)) if options.weights else embedded_supernet()
    space = Space((options.size,))
    chosen = space.decode(space.random(options.subnets - 2, np.random.default_rng(0)))
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        work = Path(options.work or name)
        train, held_out = (
            finished(of_folder(options.data / part, work / part, options.size))
            for part in ("train", "val")
        )
        rows = np.random.default_rng(0).permutation(len(train))[:CALIBRATE]
        parts = np.array_split(np.sort(rows), -(-len(rows) // BATCH))
        batches = [shown_at(train, part, options.size) for part in parts]
        print("| subnet | million MACs | million weights | top 1 |\n|---|---|---|---|")
        for subnet in (space.smallest(), *chosen, space.largest()):
            network = supernet.subnet(subnet)
            recalibrate(network, batches)
            share = accuracy(network, held_out, options.size)
            costs = costs_of_genes(space, space.encode([subnet]), supernet.multiplier)
            figures = (costs["macs"][0] / 1e6, costs["parameters"][0] / 1e6, 100 * share)
            print("| {} | {:.1f} | {:.2f} | {:.1f} % |".format(subnet, *figures), flush=True)


if __name__ == "__main__":
    main()

"""The front of a search beside a fixed network at smaller sizes: accuracy at equal latency.

    python -m tests.bench.front [PHOTOS] [--weights SUPERNET] [--peer FILE] [--to FRONT.png]

PHOTOS is a folder of class folders. All networks are scored with the same images and learner, and
timed by ONNX Runtime on this computer, one image at a time. For each peer the table names the
most accurate subnet that is no slower.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from engine.models.backbones import load_backbone
from engine.models.backbones.base import BACKBONES
from engine.models.supernet.architecture import Architecture
from engine.models.timing import Setting
from engine.search import reference_networks, search
from tests.bench.common import do, finished, new
from tests.bench.given import parser_of, photos_of

Rows = list[dict[str, Any]]


def front_of(session: Any, resolutions: list[int], budget: int) -> Rows:
    """Searches without a limit, and times what is on the front."""
    do(session, "specialise", resolutions=resolutions, budget=budget)
    hunt = finished(search.prepared(session, resolutions, {}))
    rows = do(session, "candidates")["rows"]
    for row in rows:
        if row["front"]:
            timed = search.timing(hunt, Architecture.parse(row["architecture"]))
            row["measured_ms"] = timed["p50"]
    return rows


def peers(session: Any, weights: Path, sizes: list[int]) -> Rows:
    """The fixed network at each size: name, size, accuracy and latency."""
    bench, rows = finished(search.prepared(session, sizes[:1], {})).bench, []
    for size in sizes:
        finished(bench.prepare(size))
        backbone = load_backbone("", weights, size)
        found = reference_networks.accuracy(bench, backbone).accuracy
        timed = reference_networks.timing(backbone, Setting())
        rows.append(
            {
                "name": BACKBONES.make(backbone.name).title,
                "size": size,
                "accuracy": found,
                "latency_ms": timed["p50"],
            }
        )
    return rows


def report(rows: Rows, others: Rows) -> None:
    front = sorted((r for r in rows if r["front"]), key=lambda r: r["measured_ms"])
    print("  measured  predicted  accuracy  subnet")
    for r in front:
        print(
            f"{r['measured_ms']:7.2f} ms {r['predicted_ms']:7.2f} ms {100 * r['accuracy']:7.1f} %"
            f"  {r['architecture']}"
        )
    for peer in others:
        quick = [r for r in front if r["measured_ms"] <= peer["latency_ms"]]
        best = max((r["accuracy"] for r in quick), default=None)
        beside = "none as quick" if best is None else f"{100 * best:.1f} %"
        print(
            f"{peer['name']} at {peer['size']} pixels: {peer['latency_ms']:.2f} ms, "
            f"{100 * peer['accuracy']:.1f} %; subnet: {beside}"
        )


def draw(title: str, rows: Rows, others: Rows, path: str) -> None:
    """The plot that the Specialise page shows, as a file."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from app import theme
    from app.pages.specialise.figures import landmark_of, point_of
    from app.pages.specialise.scatter_plot import ScatterPlot
    from app.shell.window import make_application

    application = make_application()
    theme.use("light")
    plot = ScatterPlot(title, "")
    theme.dress(plot)
    plot.resize(800, 440)
    plot.show_points([point_of(row) for row in rows], [landmark_of(row) for row in others])
    plot.show()
    application.processEvents()
    plot.save(path)
    plot.close()


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--resolutions", type=int, nargs="+", default=[48, 64, 96])
    parser.add_argument("--budget", type=int, default=60)
    parser.add_argument("--peer", type=Path, help="weights of a fixed network to compare with")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 48, 64, 96])
    parser.add_argument("--to", default="", help="a PNG, SVG or CSV file for the plot")
    parser.add_argument("--title", default="Subnets and a fixed network")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as name:
        folder = Path(name)
        session = new(
            folder,
            "front",
            "" if options.weights else "embedded",
            options.weights,
            size=max(options.resolutions),
        )
        do(session, "add_images", paths=[str(photos_of(options, folder))])
        rows = front_of(session, options.resolutions, options.budget)
        others = peers(session, options.peer, options.sizes) if options.peer else []
        session.close()
    report(rows, others)
    if options.to:
        draw(options.title, rows, others, options.to)


if __name__ == "__main__":
    main()

"""What lies beside a file that does not hold its preprocessing: a card, and lines of a script."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.export.graphs.model_onnx import metadata
from engine.export.receipts.measured import in_words
from engine.export.receipts.preprocess_text import TO_PIXELS, pixel_steps
from engine.models.backbone import Model

PIXELS = '''

def pixels_of(image):
    """RGB as uint8 (size, size, 3): shorter side to “resize”, then the middle."""
    full, size, resize = image.size, p["size"], p["resize"]
    target = [resize * side // min(full) for side in full]
    scale = [side / wanted for side, wanted in zip(full, target)]
    start = [round((wanted - size) / 2) for wanted in target]
    (left, right), (upper, lower) = [
        (start[i] * scale[i], min((start[i] + size) * scale[i], full[i])) for i in (0, 1)
    ]
    # First the columns, of the rows that the filter will look at, then the rows.
    reach = 2 * max(1, scale[1]) + 1
    top, bottom = max(0, int(upper - reach)), min(full[1], int(lower + reach) + 1)
    how = getattr(Image.Resampling, p["interpolation"].upper())
    middle = image.resize((size, bottom - top), how, (left, top, right, bottom))
    return np.array(middle.resize((size, size), how, (0, upper - top, size, lower - top)))

'''
"""What images/preprocess.py does, for a script that has read the card's “preprocessing” as `p`."""


def card(model: Model, digest: str, **own: Any) -> dict[str, Any]:
    """All that belongs to a file with this sha256, in plain values; `own` are the format's."""
    p = model.backbone.preprocessing
    facts = metadata(model) | {
        "preprocessing": in_words(p, inside=False),
        "input": f"pixels: uint8 RGB (n, {p.size}, {p.size}, 3), prepared as "
        "“preprocessing_in_words” says",
    }
    return {
        "about": "A classifier of images, and what must be done to an image before it is asked.",
        "architecture": model.backbone.name,
        "stages": [stage.name for stage in model.backbone.stages],
        "classes": list(model.class_names),
        "threshold": float(model.threshold),
        "promise": model.promise.rate if model.promise else 0.0,
        "least": list(model.least),
        "within": list(model.groups.within),
        "preprocessing": asdict(p),
        "preprocessing_in_words": pixel_steps(p)[:TO_PIXELS],
        "facts": facts,
        "weights_file_sha256": digest,
        **own,
    }

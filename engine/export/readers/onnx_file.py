"""ONNX files, from anywhere: checked before ONNX Runtime runs them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from google.protobuf.message import DecodeError

from engine.errors import UnusableWeights
from engine.export.exported import OUTPUTS, Exported, damaged, foreign, told_by
from engine.models.file_signature import printable, read_head
from engine.models.ort import CantRun, open_session

SECONDS, EACH = 8, 4
"""How long a run may take, and so much longer for each image in it."""


def open_file(path: Path, threads: int = 1) -> Exported:
    """Opens a file that Espalier exported. Raises UnusableWeights where it is none."""
    return exported_in(check_onnx_model(path, threads), path)


def exported_in(session: ort.InferenceSession, path: Path) -> Exported:
    """What a session answers, where its file is one of Espalier's. Raises UnusableWeights."""
    given = {i.name: i.type for i in session.get_inputs()}
    outputs = session.get_outputs()
    if given != {"pictures": "tensor(uint8)"} or [o.name for o in outputs] != list(OUTPUTS):
        raise foreign(path)

    def run(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # A file that answered a first image may still count to any number on another.
        options = ort.RunOptions()
        late = threading.Timer(SECONDS + EACH * len(pixels), stop, [options])
        late.daemon = True
        late.start()
        try:
            return session.run(list(OUTPUTS), {"pictures": pixels}, options)
        finally:
            late.cancel()

    return told_by(run, session.get_modelmeta().custom_metadata_map, path)


def stop(options: ort.RunOptions) -> None:
    """Ends a run before its next operation."""
    options.terminate = True


def check_onnx_model(path: Path, threads: int = 1) -> ort.InferenceSession:
    """A session of an ONNX file that may come from anywhere.

    Raises UnusableWeights: no ONNX file, damaged, weights outside of its own folder, or an
    operator that is not known here.
    """
    read_head(path)
    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, OSError, ValueError) as error:
        raise UnusableWeights(no_onnx(path)) from error
    if not model.graph.node or not model.opset_import:
        raise UnusableWeights(no_onnx(path))
    check_external(path, model)
    check_operators(path, model)
    try:
        return open_session(path, threads)
    except CantRun as error:
        raise damaged(path.name, error) from error


def no_onnx(path: Path) -> str:
    return f"{path.name} is no ONNX file, or it is cut short. Export it or get it again."


def check_external(path: Path, model: onnx.ModelProto) -> None:
    """Refuses files whose weights lie outside of their own folder: that could read anything."""
    folder = path.resolve().parent
    for tensor in (
        *tensors(model.graph),
        *(tensor for function in model.functions for tensor in of_nodes(function.node)),
    ):
        for entry in tensor.external_data:
            if entry.key != "location":
                continue
            file = (folder / entry.value).resolve()
            if not file.is_relative_to(folder):
                raise UnusableWeights(
                    f"{path.name} wants to read its weights from “{printable(entry.value)}”, "
                    "outside of its own folder, so it was refused. Get it from a source that you "
                    "trust."
                )
            if not file.is_file():
                raise UnusableWeights(
                    f"{path.name} keeps its weights in “{printable(entry.value)}”, which is "
                    "not beside it. Put both files into one folder."
                )


def check_operators(path: Path, model: onnx.ModelProto) -> None:
    """Names the operators that neither ONNX nor the file itself defines."""
    own = {(function.domain, function.name) for function in model.functions}
    strange = sorted(
        {
            printable(f"{node.domain}:{node.op_type}".lstrip(":"))
            for node in nodes(model.graph)
            if (node.domain, node.op_type) not in own
            and not onnx.defs.has(node.op_type, node.domain)
            and not node.domain.startswith(("com.microsoft", "ai.onnx"))
        }
    )
    if strange:
        raise UnusableWeights(
            f"{path.name} uses operators that are not known here: {', '.join(strange[:5])}. It was "
            "made for another program, or is damaged."
        )


def nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those of branches and loops included."""
    for node in graph.node:
        yield node
        for inner in subgraphs(node):
            yield from nodes(inner)


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """All tensors that a graph holds: weights, sparse ones, and constants in its nodes."""
    yield from graph.initializer
    yield from both(graph.sparse_initializer)
    yield from of_nodes(graph.node)


def of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    """Constants in nodes, and all that the graphs of branches and loops hold."""
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            yield from both([attribute.sparse_tensor, *attribute.sparse_tensors])
        for inner in subgraphs(node):
            yield from tensors(inner)


def both(sparse: Iterable[onnx.SparseTensorProto]) -> Iterator[onnx.TensorProto]:
    for tensor in sparse:
        yield from (tensor.values, tensor.indices)

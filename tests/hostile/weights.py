"""Files of weights that hang, crash or fill memory, or are broken in the middle.

Pickles are written by hand, opcode by opcode: nothing else makes what these hold.
"""

from __future__ import annotations

import functools
import json
import pickle
import random
import struct
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torchvision.models import get_model

from tests.helpers import image_files
from tests.hostile import Kinds

State = dict[str, torch.Tensor]
PROTOCOL = b"\x80\x02"


@functools.cache
def good() -> State:
    """The weights of a small network."""
    torch.manual_seed(0)
    return get_model("shufflenet_v2_x1_0", weights=None).state_dict()


def saved(path: Path, change: Callable[[State], Any], old: bool = False) -> None:
    """A file of torch.save with something changed."""
    torch.save(change(dict(good())), path, _use_new_zipfile_serialization=not old)


def put(name: str, tensor: torch.Tensor) -> Callable[[State], State]:
    return lambda state: {**state, name: tensor}


def counter(*shape: int) -> Callable[[State], State]:
    """A batch norm's counter of another shape, all of it one number."""

    def change(state: State) -> State:
        name = next(name for name in state if name.endswith("num_batches_tracked"))
        return {**state, name: torch.zeros(1, dtype=torch.int64).expand(shape)}

    return change


# Pickles by hand.


def zipped(path: Path, pickled: bytes, **more: bytes) -> None:
    """What torch.save wraps around a pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", pickled)
        archive.writestr("a/version", "3\n")
        archive.writestr("a/byteorder", "little")
        for name, content in more.items():
            archive.writestr(f"a/data/{name}", content)


def raw(path: Path, pickled: bytes) -> None:
    path.write_bytes(pickled)


def tensor(
    key: bytes,
    shape: Iterable[int],
    stride: Iterable[int],
    offset: int = 0,
    size: int = 4,
    kind: bytes = b"FloatStorage",
) -> bytes:
    """The opcodes of a tensor as torch.save writes them."""

    def whole(number: int) -> bytes:
        data = number.to_bytes(9, "little", signed=True)
        return b"\x8a\x09" + data

    def row(numbers: Iterable[int]) -> bytes:
        return b"(" + b"".join(map(whole, numbers)) + b"t"

    storage = (
        b"(X\x07\0\0\0storagectorch\n"
        + kind
        + b"\nX"
        + struct.pack("<I", len(key))
        + key
        + b"X\x03\0\0\0cpu"
        + whole(size)
        + b"tQ"
    )
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + whole(offset)
        + row(shape)
        + row(stride)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )


def held(value: bytes, name: bytes = b"w") -> bytes:
    """A dict of one entry."""
    return PROTOCOL + b"}X" + struct.pack("<I", len(name)) + name + value + b"s."


def keyed(key: bytes) -> bytes:
    """A dict with a key that is no text."""
    return PROTOCOL + b"}" + key + b"K\1s."


def nested_tuples(depth: int) -> bytes:
    return b")" + b"\x85" * depth


def doubled_tuples(depth: int) -> bytes:
    """A tuple of a tuple twice of a tuple twice: it hashes for ever, in a few bytes."""
    made = b")"
    for level in range(depth):
        made += b"q" + bytes([level]) + b"h" + bytes([level]) + b"\x86"
    return made


def doubled_lists(depth: int) -> bytes:
    made = b"]"
    for level in range(depth):
        made += b"q" + bytes([level]) + b"]h" + bytes([level]) + b"ah" + bytes([level]) + b"a"
    return made


def called(name: bytes, *arguments: bytes) -> bytes:
    module, word = name.rsplit(b".", 1)
    return b"c" + module + b"\n" + word + b"\n(" + b"".join(arguments) + b"tR"


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


# Archives.


def many_parts(path: Path, count: int) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            archive.writestr(f"a/data/{number}", b"")
        archive.writestr("a/data.pkl", held(b"K\1"))


def packed_bomb(path: Path) -> None:
    """A zip whose parts are packed, and unpack to gigabytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a/data.pkl", held(tensor(b"0", [1 << 26], [1], size=1 << 26)))
        archive.writestr("a/version", "3\n")
        archive.writestr("a/data/0", bytes(1 << 28))


def lying_sizes(path: Path) -> None:
    """A zip whose list says that its parts are larger than the file."""
    zipped(path, held(tensor(b"0", [4], [1])), **{"0": bytes(16)})
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\1\2")
    content[at + 20 : at + 28] = b"\xff\xff\xff\x7f" * 2
    path.write_bytes(content)


def script(path: Path) -> None:
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), path)


# Safetensors.


def headed(path: Path, header: object, data: bytes = b"", length: int | None = None) -> None:
    said = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(said) if length is None else length) + said + data)


def entry(shape: list[int], start: int, stop: int, kind: str = "F32") -> dict[str, Any]:
    return {"dtype": kind, "shape": shape, "data_offsets": [start, stop]}


def plain(path: Path, change: Callable[[State], State]) -> None:
    path.write_bytes(save({k: v.contiguous() for k, v in change(dict(good())).items()}))


def flipped(path: Path, seed: int, write: Callable[[Path], None]) -> None:
    """Some bytes of a good file changed, most of them where its header lies."""
    write(path)
    content, rng = bytearray(path.read_bytes()), random.Random(seed)
    for _ in range(1 + seed):
        content[rng.randrange(min(len(content), 4000))] = rng.randrange(256)
    path.write_bytes(content)


def cut(path: Path, share: float, write: Callable[[Path], None]) -> None:
    write(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def same(state: State) -> State:
    return state


PICKLES: dict[str, bytes] = {
    "nested tuples": keyed(nested_tuples(1_000_000)),
    "deeper tuples": keyed(nested_tuples(20_000_000)),
    "some tuples": keyed(nested_tuples(40_000)),
    "doubled tuples": keyed(doubled_tuples(60)),
    "doubled lists": held(doubled_lists(60)),
    "tuple as value": held(nested_tuples(2_000_000)),
    "long integer": held(b"\x8b" + struct.pack("<I", 5_000_000) + b"\xff" * 5_000_000),
    "integer in digits": held(b"L" + b"9" * 200_000 + b"L\n"),
    "long name": held(tensor(b"0", [1], [1]), b"n" * 20_000_000),
    "wrapped name": held(tensor(b"0", [1], [1]), b"module." * 1_000_000),
    "nothing on the stack": PROTOCOL + b"s.",
    "no end": PROTOCOL + b"}",
    "memo": PROTOCOL + b"j\xff\xff\xff\x7f.",
    "mark": PROTOCOL + b"(((((t.",
    "claims": held(tensor(b"0", [1 << 20, 1 << 20], [0, 0])),
    "claims with steps": held(tensor(b"0", [1 << 20], [1 << 20])),
    "negative sizes": held(tensor(b"0", [-1, 4], [1, 1])),
    "negative steps": held(tensor(b"0", [4], [-1])),
    "before its numbers": held(tensor(b"0", [1], [1], offset=-100)),
    "behind its numbers": held(tensor(b"0", [1], [1], offset=1 << 60)),
    "large storage": held(tensor(b"0", [1], [1], size=1 << 50)),
    "missing numbers": held(tensor(b"9", [1], [1])),
    "path to numbers": held(tensor(b"../../etc/passwd", [1], [1])),
    "overflow": held(tensor(b"0", [1 << 40, 1 << 40], [1, 1])),
    "complex": held(tensor(b"0", [1], [1], kind=b"ComplexFloatStorage")),
    "runs code": held(called(b"os.system", text("touch marker"))),
    "runs builtins": held(called(b"builtins.eval", text("1"))),
    "bytes": held(called(b"builtins.bytearray", b"\x8a\x05\0\0\0\0\4")),
    "device": held(called(b"torch.device", text("cuda"))),
    "meta": held(called(b"torch._utils._rebuild_meta_tensor_no_storage")),
    "size": held(called(b"torch.Size", nested_tuples(3))),
    "counter": held(called(b"collections.Counter", text("a" * 9_000_000))),
    "parameters": held(called(b"torch._utils._rebuild_parameter", b"K\1", b"\x88", b"}")),
    "sparse": held(called(b"torch._utils._rebuild_sparse_tensor", b"K\1", b"K\2")),
    "quantised": held(called(b"torch._utils._rebuild_qtensor", b"K\1")),
    "not by name": PROTOCOL + b"]K\1a.",
    "one number": PROTOCOL + b"K\1.",
    "protocol": b"\x80\x09}.",
    "unknown codes": PROTOCOL + bytes(range(0xA0, 0xFF)) + b".",
    "binary name": held(b"K\1", b"\xff\xfe"),
}

TORCH: Kinds = {
    **{
        f"{name}.pth": partial(zipped, pickled=code, **{"0": bytes(16)})
        for name, code in PICKLES.items()
    },
    **{
        f"{name} (old).pth": partial(raw, pickled=PICKLES[name])
        for name in (
            "nested tuples",
            "doubled tuples",
            "doubled lists",
            "runs code",
            "no end",
            "integer in digits",
            "unknown codes",
            "memo",
        )
    },
    "counter of many.pth": partial(saved, change=counter(1 << 30)),
    "counter of some.pth": partial(saved, change=counter(16, 16)),
    "giant.pth": partial(
        saved, change=put("conv1.0.weight", torch.zeros(1).expand(1 << 16, 1 << 16))
    ),
    "shared.pth": partial(
        saved, change=lambda state: {f"w{n}": state["fc.weight"] for n in range(5000)}
    ),
    "many.pth": partial(
        saved, change=lambda state: {f"w{n}": torch.zeros(1) for n in range(21_000)}
    ),
    "not numbers.pth": partial(saved, change=put("fc.bias", torch.full((1000,), torch.nan))),
    "one not a number.pth": partial(
        saved, change=put("conv1.1.weight", torch.full((24,), torch.inf))
    ),
    "whole.pth": partial(saved, change=lambda state: torch.nn.Linear(2, 2)),
    "truth.pth": partial(saved, change=put("conv1.1.weight", torch.ones(24, dtype=torch.bool))),
    "old counter.pth": partial(saved, change=counter(1 << 30), old=True),
    "many parts.pth": partial(many_parts, count=60_000),
    "packed bomb.pth": packed_bomb,
    "lying sizes.pth": lying_sizes,
    "script.pth": script,
    "pickled.safetensors": partial(raw, pickled=pickle.dumps({"w": 1}, 2)),
    **{
        f"flipped {n}.pth": partial(flipped, seed=n, write=partial(saved, change=same))
        for n in (1, 5, 20)
    },
    **{
        f"flipped {n} (old).pth": partial(
            flipped, seed=n, write=partial(saved, change=same, old=True)
        )
        for n in (1, 5, 20)
    },
    **{
        f"cut at {s:g}.pth": partial(cut, share=s, write=partial(saved, change=same))
        for s in (0.01, 0.5, 0.99)
    },
}

SAFE: Kinds = {
    "length.safetensors": partial(headed, header={}, length=1 << 62),
    "zero.safetensors": partial(headed, header=b""),
    "deep.safetensors": partial(headed, header=b'{"a":' + b"[" * 500_000),
    "nothing.safetensors": partial(headed, header={}),
    "list.safetensors": partial(headed, header=b" []"),
    "words.safetensors": partial(headed, header={"w": "F32"}),
    "blanks.safetensors": partial(headed, header=b"{}" + b" " * 50_000_000),
    "many.safetensors": lambda path: headed(
        path, {f"w{n}": entry([], 0, 0) for n in range(300_000)}
    ),
    "empty.safetensors": partial(headed, header={"w": entry([0], 0, 0)}),
    "overlap.safetensors": partial(
        headed, header={f"w{n}": entry([1000], 0, 4000) for n in range(2000)}, data=bytes(4000)
    ),
    "gap.safetensors": partial(headed, header={"w": entry([1], 40, 44)}, data=bytes(44)),
    "backwards.safetensors": partial(headed, header={"w": entry([1], 4, 0)}, data=bytes(4)),
    "negative.safetensors": partial(headed, header={"w": entry([-1], 0, 4)}, data=bytes(4)),
    "overflow.safetensors": partial(headed, header={"w": entry([1 << 62, 4], 0, 4)}, data=bytes(4)),
    "more numbers.safetensors": partial(
        headed, header={"w": entry([1 << 40], 0, 1 << 42)}, data=bytes(4)
    ),
    "broken number.safetensors": partial(
        headed, header=b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,1e400]}}'
    ),
    "digits.safetensors": partial(
        headed, header=b'{"w":{"dtype":"F32","shape":[%b],"data_offsets":[0,4]}}' % (b"9" * 9000)
    ),
    "unknown kind.safetensors": partial(
        headed, header={"w": entry([1], 0, 4, "Q7")}, data=bytes(4)
    ),
    "twice.safetensors": partial(
        headed,
        header=b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
        b'"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        data=b"1",
    ),
    "notes.safetensors": partial(headed, header={"__metadata__": {"a": ["b"]}}),
    "counter.safetensors": partial(
        plain, change=lambda state: {**state, "conv1.1.num_batches_tracked": torch.zeros(1 << 20)}
    ),
    "truth.safetensors": partial(
        plain, change=put("conv1.1.weight", torch.ones(24, dtype=torch.bool))
    ),
    "not numbers.safetensors": partial(
        plain, change=put("conv1.1.weight", torch.full((24,), torch.nan))
    ),
    "eight bits.safetensors": partial(
        plain,
        change=lambda state: {name: value.to(torch.float8_e4m3fn) for name, value in state.items()},
    ),
    "link.safetensors": image_files.lfs_pointer,
    "page.safetensors": image_files.web_page,
    "zip in it.safetensors": lambda path: path.write_bytes(b"PK\3\4" + bytes(5000)),
    **{
        f"flipped {n}.safetensors": partial(flipped, seed=n, write=partial(plain, change=same))
        for n in (1, 5, 20)
    },
    **{
        f"cut at {s:g}.safetensors": partial(cut, share=s, write=partial(plain, change=same))
        for s in (0.01, 0.99)
    },
}

WEIGHTS: Kinds = {**TORCH, **SAFE}

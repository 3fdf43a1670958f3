"""Any of timm's networks, by the name `timm/NAME`; an extra brings timm.

Ross Wightman, PyTorch Image Models. What a network is, how it sees an image and under what licence
it is, are timm's own words (pretrained_cfg, feature_info); its weights are read as those of all
others, and never by timm. timm is imported when one of its networks is asked for, not before.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import PurePosixPath
from types import ModuleType
from typing import Any
from urllib.parse import urlparse

import torch
from torch import nn

from engine.errors import BadSetting, Refused
from engine.events import Progress
from engine.images.preprocess import FILTERS, Preprocessing
from engine.models.backbone import Backbone, Stage, digest_of
from engine.models.backbones.base import Network, State, checked_size
from engine.models.backbones.graph_stages import CantCut, graph_stages
from engine.models.backbones.outlines import WithoutRandom, outlined
from engine.models.backbones.torchvision_common import digest_prefix
from engine.models.weights import Damaged
from engine.system.download import fetch, find_weights, stated_digest

PREFIX = "timm/"
LEAST = 32
GET = 'pip install "espalier[timm]"'
MISSING = f"The networks of timm are an extra that is not installed here. Get it with: {GET}."


def has_timm() -> bool:
    """Whether the extra is there; timm is not imported for it."""
    there = "timm" in sys.modules
    return sys.modules["timm"] is not None if there else find_spec("timm") is not None


def timm_module() -> ModuleType:
    """timm. Importing it takes seconds. Raises Refused where the extra is not installed."""
    if not has_timm():
        raise Refused(MISSING)
    import timm

    return timm


def timm_names() -> list[str]:
    """All networks of timm that have published weights, as `timm/NAME`."""
    return [PREFIX + name for name in timm_module().list_models(pretrained=True)]


@dataclass
class Timm(Network):
    """A network of timm: its name here is `timm/` and timm's own. It is in no list of plug-ins."""

    name: str  # type: ignore[misc]  # of others a class has one

    def __post_init__(self) -> None:
        """Raises Refused without timm, and BadSetting where it has no such network.

        A name without the tag of its weights gets the one that timm takes now.
        """
        timm = timm_module()
        try:
            found = timm.models.get_pretrained_cfg(self.own_name, allow_unregistered=False)
        except RuntimeError as error:
            raise BadSetting(
                f"timm {timm.__version__} has no network called “{self.own_name}”. Look for one "
                f"with: espalier backbones {re.split('[_.]', self.own_name)[0] or 'resnet'}."
            ) from error
        if found.tag:
            self.name = f"{PREFIX}{found.architecture}.{found.tag}"

    @property
    def own_name(self) -> str:
        return self.name.removeprefix(PREFIX)

    @property
    def title(self) -> str:  # type: ignore[override]
        return self.name

    @cached_property
    def published(self) -> Any:
        """timm's PretrainedCfg: the facts of the weights that are published."""
        return timm_module().models.get_pretrained_cfg(self.own_name)

    @property
    def usable(self) -> bool:
        """Whether it takes square images in colour."""
        channels, height, width = self.published.input_size
        return channels == 3 and height == width

    @property
    def help(self) -> str:
        return f"One of timm's networks, for images of {self.published.input_size[1]} pixels."

    def facts(self) -> dict[str, Any]:
        """As Network.facts, with the preprocessing; timm itself names neither accuracy nor work."""
        return {**self.quick_facts(), **counted(self.name)}

    def quick_facts(self) -> dict[str, Any]:
        """The facts for which the network need not be built; `bytes` and `parameters` are 0."""
        usual, preprocessing = self.published, self.preprocessing()
        url, file = self.address()
        return {
            "bytes": 0,
            "accuracy": None,
            "macs": None,
            "parameters": 0,
            "size": preprocessing.size,
            "resize": preprocessing.resize,
            "least_size": LEAST,
            "interpolation": preprocessing.interpolation,
            "licence": licence_of(usual.license),
            "recipe": usual.origin_url or "",
            "url": url,
            "file": file,
            "digest": digest_prefix(file),
            "here": find_weights(file) is not None,
        }

    def address(self) -> tuple[str, str]:
        """Where its weights are published, safetensors if there are, and its file's name here."""
        if self.published.hf_hub_id:
            from huggingface_hub import hf_hub_url

            file = self.published.hf_hub_filename or "model.safetensors"
            if file.endswith(".safetensors"):
                url = hf_hub_url(self.published.hf_hub_id, file)
                return url, f"{self.name.replace('/', '-')}.safetensors"
        url = self.published.url or ""
        return url, PurePosixPath(urlparse(url).path).name or f"{self.name.replace('/', '-')}.pth"

    def missing(self) -> str:
        if self.facts()["url"]:
            return super().missing()
        return f"timm knows of no weights for {self.title}. Choose a file of them, or another one."

    def download(self) -> Generator[Progress, None, Any]:
        """As Network.download. Where timm names no digest, the server's own is taken."""
        facts = self.facts()
        digest = facts["digest"] or stated_digest(facts["url"])
        return (yield from fetch(facts["url"], digest, name=facts["file"]))

    def preprocessing(self) -> Preprocessing:
        usual = self.published
        size = int(usual.input_size[1])
        how = usual.interpolation if usual.interpolation in FILTERS else "bicubic"
        resize = max(size, int(size / usual.crop_pct))
        return Preprocessing(size, resize, how, tuple(usual.mean), tuple(usual.std))

    def build(self) -> Any:
        """The network without its classifier, for its usual size, with random weights."""
        return timm_module().create_model(
            self.own_name, pretrained=False, num_classes=0, **fixed(self.name)
        )

    def signature(self) -> Mapping[str, tuple[int, ...]]:
        return outline(self.name)[0]

    def set_aside(self, key: str) -> bool:
        given = self.published.classifier or ()
        heads = (given,) if isinstance(given, str) else given
        return key.startswith(tuple(f"{head}." for head in heads)) and key not in self.signature()

    def translated(self, state: State) -> State:
        """A file in the names of the network's first authors, in timm's, as timm itself does it."""
        names = {k for k in state if not self.set_aside(k) and "num_batches_tracked" not in k}
        if names == self.signature().keys():
            return state
        with WithoutRandom():
            net = self.build()
        into = getattr(sys.modules[type(net).__module__], "checkpoint_filter_fn", None)
        try:
            return into(dict(state), net) if into else state
        except Damaged:
            return state  # of another network: what does not fit is said by name

    def assemble(self, state: State | None, size: int = 0) -> Backbone:
        """As Network.assemble. Raises BadSetting for a size, and Refused where it can't be cut."""
        if not self.usable:
            raise Refused(f"{self.name} takes no square images in colour. Choose another network.")
        preprocessing = self.preprocessing()
        size = checked_size(self.title, size, preprocessing.size, LEAST)
        if state is None:
            net = self.build().eval()
        else:
            with WithoutRandom():
                net = self.build().eval()
            net.load_state_dict(dict(state), strict=False)
        digest = digest_of(net.state_dict())
        self.fit(net, size)
        stages, width = self.cut(net, size)
        facts = self.facts()
        return Backbone(
            name=self.name,
            stages=stages,
            preprocessing=preprocessing.at(size).whole(),
            width=width,
            digest=digest,
            licence=facts["licence"],
            facts=facts,
        )

    def fit(self, net: Any, size: int) -> None:
        """Makes the network take images of `size` pixels. Raises BadSetting where it can't."""
        usual = self.preprocessing().size
        patch = getattr(getattr(net, "patch_embed", None), "patch_size", None)
        step = patch[0] if isinstance(patch, tuple) else 1
        if size == usual:
            return
        checked_size(self.title, size, usual, LEAST, step)
        try:
            if hasattr(net, "set_input_size"):
                net.set_input_size(img_size=(size, size))
            elif self.published.fixed_input_size:
                raise ValueError("its size is fixed")
            with torch.inference_mode():
                net(torch.zeros(1, 3, size, size))
        except Damaged as error:
            raise BadSetting(
                f"{self.title} can't take images of {size} pixels. Choose its usual {usual}."
            ) from error

    def cut(self, net: Any, size: int) -> tuple[list[Stage], int]:
        """Its stages, which give the whole network's features to the bit, and how many these are.

        Raises Refused where there is no such way to cut it.
        """
        image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
        try:
            stages = graph_stages(net, ends_of(net))
            with torch.inference_mode():
                expected = net(image)
                found = nn.Sequential(*(stage.module for stage in stages))(image)
        except (CantCut, *Damaged) as error:
            raise Refused(cant_cut(self.title)) from error
        if found.dim() != 2 or not torch.equal(found, expected):
            raise Refused(cant_cut(self.title))
        return stages, int(found.shape[1])


def cant_cut(title: str) -> str:
    return f"{title} can't be cut into stages, which this program needs. Choose another network."


def ends_of(net: Any) -> list[str]:
    """The modules after which timm itself takes features, in order."""
    info = getattr(net, "feature_info", ())
    return [stage["module"] for stage in getattr(info, "info", info)]


def licence_of(name: str | None) -> str:
    """The terms as timm states them."""
    stated = f"{name}, as timm states it" if name else "timm states no licence for these weights"
    return (
        f"{stated}. The images that the weights were trained on have terms of their own; check "
        "that both allow your use."
    )


@cache
def fixed(name: str) -> dict[str, Any]:
    """A transformer that takes images of any size looks at each one's: it is fixed to one."""
    with outlined():
        net = timm_module().create_model(name.removeprefix(PREFIX), num_classes=0)
    return {"dynamic_img_size": False} if getattr(net, "dynamic_img_size", False) else {}


@cache
def outline(name: str) -> tuple[Mapping[str, tuple[int, ...]], int]:
    """The shapes of a network's weights, and how many parameters it has; it takes no memory."""
    try:
        with outlined():
            net = Timm(name).build()
    except (*Damaged, NotImplementedError):  # it computes with its own weights when it is built
        with WithoutRandom():
            net = Timm(name).build()
    state = net.state_dict()
    shapes = {k: tuple(v.shape) for k, v in state.items() if "num_batches_tracked" not in k}
    return shapes, sum(p.numel() for p in net.parameters())


def counted(name: str) -> dict[str, int]:
    shapes, parameters = outline(name)
    numbers = sum(torch.Size(shape).numel() for shape in shapes.values())
    return {"bytes": 4 * numbers, "parameters": parameters}

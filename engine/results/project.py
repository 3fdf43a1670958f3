"""Jobs on a project as a whole."""

from typing import NotRequired, TypedDict

from engine.events import ClassView, StepView, with_more

Nothing = TypedDict("Nothing", {})
AtPath = TypedDict("AtPath", {"path": str})


class ProjectOpened(AtPath):
    read_only: bool


ProjectRenamed = TypedDict("ProjectRenamed", {"name": str, "before": str, "path": str})


class BackboneUsed(TypedDict):
    """`accuracy`, and what it was `before`, are there where everything was learnt again with it."""

    backbone: str
    title: str
    accuracy: NotRequired[float | None]
    before: NotRequired[float | None]


LicenceNoted = TypedDict("LicenceNoted", {"data_licence": str})
DeviceUsed = TypedDict("DeviceUsed", {"device": str})
Devices = TypedDict("Devices", {"devices": list[str]})
TakenBack = TypedDict("TakenBack", {"title": str})
"""`title` is that of the gesture that was undone, or done again."""


NetworkSpeed = TypedDict("NetworkSpeed", {"milliseconds": float, "size": int})
"""What an image took on this computer, at so many pixels."""


@with_more
class BackboneRow(TypedDict):
    """A network with its facts; `macs` are for one image, `here` says that it can be used now.

    `many_sizes` says that there are smaller networks inside, which Specialise searches.
    """

    name: str
    title: str
    help: str
    bytes: int
    accuracy: float | None
    macs: int | None
    parameters: int | None
    licence: str
    url: str
    here: bool
    many_sizes: bool
    size: NotRequired[int]
    measured: NotRequired[NetworkSpeed | None]


Backbones = TypedDict("Backbones", {"backbones": list[BackboneRow], "more": str})
"""`more` says in one sentence which networks there are beside these."""
Classes = TypedDict("Classes", {"classes": list[ClassView]})
Steps = TypedDict("Steps", {"steps": list[StepView]})

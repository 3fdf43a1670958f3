"""Jobs on a project as a whole."""

from typing import NotRequired, TypedDict

from engine.events import ClassView, StepView, with_more

Nothing = TypedDict("Nothing", {})
AtPath = TypedDict("AtPath", {"path": str})


class ProjectOpened(AtPath):
    read_only: bool


ProjectRenamed = TypedDict("ProjectRenamed", {"name": str, "before": str, "path": str})
BackboneUsed = TypedDict("BackboneUsed", {"backbone": str, "accuracy": NotRequired[float | None]})
"""`accuracy` is there where everything was learnt again with it."""
LicenceNoted = TypedDict("LicenceNoted", {"data_licence": str})
DeviceUsed = TypedDict("DeviceUsed", {"device": str})
Devices = TypedDict("Devices", {"devices": list[str]})
TakenBack = TypedDict("TakenBack", {"title": str})
"""`title` is that of the gesture that was undone, or done again."""


NetworkSpeed = TypedDict("NetworkSpeed", {"milliseconds": float, "size": int})
"""What an image took on this computer, at so many pixels."""


@with_more
class BackboneRow(TypedDict):
    """A network with its facts; `macs` are for one image, `here` says that it can be used now."""

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
    size: NotRequired[int]
    measured: NotRequired[NetworkSpeed | None]


Backbones = TypedDict("Backbones", {"backbones": list[BackboneRow]})
Classes = TypedDict("Classes", {"classes": list[ClassView]})
Steps = TypedDict("Steps", {"steps": list[StepView]})

"""Jobs on a project as a whole: make, open, close, undo, and choose where it runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from engine.errors import EspalierError, Refused
from engine.events import Notice, Progress, Saved, Work, checked
from engine.jobs import job
from engine.learning import old_steps, step
from engine.learning.material import choice
from engine.models.backbone import Backbone
from engine.models.backbones import (
    describe_backbones,
    find_timm,
    has_timm,
    load_backbone,
    more_networks,
    title_of,
    usual_features,
)
from engine.models.backbones import download_weights as fetch
from engine.models.features import with_features
from engine.models.first_size import first_size
from engine.models.growth import growth_of
from engine.models.speeds import known_speeds
from engine.registry import PluginView
from engine.results.images import ImagesAdded, SampleMade
from engine.results.learn import FolderLearnt
from engine.results.project import (
    AtPath,
    BackboneRow,
    Backbones,
    BackboneUsed,
    Classes,
    Devices,
    DeviceUsed,
    LicenceNoted,
    Nothing,
    ProjectOpened,
    ProjectRenamed,
    Steps,
    TakenBack,
)
from engine.session import Session
from engine.storage import steps
from engine.storage.project import Project, settings_text
from engine.system import device as devices

DEFAULT_LEARNER = "slda"
LONGEST = 100
"""Letters that a project's name may have."""


@job("Make a project")
def new_project(
    session: Session,
    *,
    path: str,
    name: str = "",
    backbone: str = "",
    weights: str = "",
    size: int = 0,
    features: str = "",
) -> Work[AtPath]:
    """Makes and opens an empty project at `path` (NAME.espalier), named after it or by `name`."""
    named = {"name": name_of(name)} if name else {}
    net, content = chosen_backbone(backbone, weights, size, features)
    side, seconds = net.preprocessing.size, 0.0
    if not (backbone or weights or size):
        side, seconds = first_size(net)
    project = Project.create(
        Path(path),
        content,
        backbone=net.name,
        weights="",
        size=side,
        features=growth_of(net).features,
        learner=DEFAULT_LEARNER,
        settings=settings_text({}),
        **named,
    )
    session.close()
    session.project = project
    yield session.changed("project")
    if side < net.preprocessing.size:
        yield Notice(
            f"This computer takes {1000 * seconds:.0f} ms for an image of {net.preprocessing.size} "
            f"pixels, so the network looks at {side}. Under Network you can choose another size."
        )
    return {"path": str(project.path)}


def name_of(text: str) -> str:
    """A project's name as it is kept. Raises Refused where it is none."""
    # A command line may hand over bytes that are no text, which a database does not take.
    name = " ".join(text.encode("utf-8", "replace").decode().split())
    if not name:
        raise Refused("A project needs a name. Type one.")
    if len(name) > LONGEST:
        raise Refused(f"A project's name has {LONGEST} letters at most. Choose a shorter one.")
    return name


@job("Rename the project")
def rename_project(session: Session, *, name: str) -> Work[ProjectRenamed]:
    """Gives the project another name. Its folder stays where it is, under the name it has."""
    project = session.require()
    told, before = name_of(name), project.facts["name"]
    project.check_writable()
    if told != before:
        title = f"Rename the project to {told}"
        with project.gesture(title) as gesture, project.transaction(gesture):
            project.set_facts(name=told)
        yield session.changed("name")
    return {"name": told, "before": before, "path": str(project.path)}


def chosen_backbone(name: str, weights: str, size: int, features: str) -> tuple[Backbone, bytes]:
    """The backbone asked for, and its weights' bytes where they are a person's own file."""
    net = load_backbone(name, Path(weights) if weights else None, size)
    net = with_features(net, features or usual_features(net.name))
    return net, Path(weights).read_bytes() if weights else b""


@job("Open a project")
def open_project(session: Session, *, path: str) -> Work[ProjectOpened]:
    """Opens the project at `path`, for reading only where it can't be written."""
    project = session.open(Path(path))
    try:
        with project.readable():
            changed = session.changed("project")
    except Exception:
        session.close()
        raise
    yield changed
    for title in project.taken_back:
        yield Notice(
            f"“{title}” was cut off before its end, so the project is as it was before. Do it "
            "again if you still want it.",
            "warning",
        )
    if project.read_only:
        why = "its disk is full" if project.no_room else "its folder is write-protected"
        yield Notice(f"This project can only be looked at: {why}.", "warning")
    return {"path": str(project.path), "read_only": project.read_only}


@job("Close the project")
def close_project(session: Session) -> Work[Nothing]:
    session.close()
    yield session.changed("project")
    return {}


@job("Change the network")
def use_backbone(
    session: Session,
    *,
    name: str = "",
    weights: str = "",
    size: int = 0,
    features: str = "",
    learn: bool = False,
) -> Work[BackboneUsed]:
    """Gives the project another backbone; its classes must be learnt again from their images.

    `features` are the kind that it gives (models/features.py); without, what is usual for it.
    With `learn` that is done at once, where something was learnt: then both happen, or nothing.
    """
    project = session.require()
    project.check_writable()
    net, content = chosen_backbone(name, weights, size, features)
    blob = project.blobs.put(content) if content else ""
    before = steps.current(project)
    again = learn and before is not None
    called = title_of(net.name, net.facts)
    title, used = f"Use {called}", BackboneUsed(backbone=net.name, title=called)
    with project.gesture(title, all_or_nothing=again) as gesture:
        with project.transaction(gesture):
            kind, side = growth_of(net).features, net.preprocessing.size
            facts = {"backbone": net.name, "weights": blob, "size": side, "features": kind}
            project.set_facts(**facts, step=None)
        if again:
            learnt = yield from step.learn(session, gesture, *choice(project), title)
            used["accuracy"] = learnt["accuracy"]
            used["before"] = before["scores"].get("accuracy") if before else None
    yield session.changed("backbone")
    return used


@job("Note the images' licence")
def set_data_licence(session: Session, *, text: str) -> Work[LicenceNoted]:
    """Keeps under what terms the images are; exports name it. An empty text takes it away."""
    project = session.require()
    told = " ".join(text.encode("utf-8", "replace").decode().split())  # as in name_of
    project.check_writable()
    if told != project.facts["data_licence"]:
        title = "Note the images' licence"
        with project.gesture(title) as gesture, project.transaction(gesture):
            project.set_facts(data_licence=told)
        yield session.changed("licence")
    return {"data_licence": told}


@job("Choose the device")
def set_device(session: Session, *, device: str) -> Work[DeviceUsed]:
    """Computes on `device` from now on: auto, cpu, cuda or mps."""
    devices.choose(device)
    session.device = device
    if session.project is not None:
        yield session.changed("device")
    return {"device": devices.describe(devices.choose(device))}


@job("List the devices", reads=True)
def list_devices(session: Session) -> Work[Devices]:
    """What of this computer networks can run on, as `set_device` takes it."""
    yield Progress(0, None, "Looking")
    return {"devices": list(devices.there_are())}


@job("Undo")
def undo(session: Session) -> Work[TakenBack]:
    return (yield from taken_back(session, redo=False))


@job("Redo")
def redo(session: Session) -> Work[TakenBack]:
    return (yield from taken_back(session, redo=True))


def taken_back(session: Session, redo: bool) -> Work[TakenBack]:
    """Takes back the last gesture, or does the next one again; all is as before if it is left."""
    project = session.require()
    title = project.take_back(redo, look=session.view)
    try:
        yield from old_steps.bring_back(session)
    except GeneratorExit:
        project.take_back(not redo)
        raise
    except (EspalierError, OSError) as error:  # a network that is gone, or a full disk
        yield Notice(f"It is as it was then, but must be learnt again: {error}", "warning")
    yield session.changed("redo" if redo else "undo")
    return {"title": title}


@job("Draw the sample images")
def make_sample(session: Session, *, path: str, learn: bool = False) -> Work[SampleMade]:
    """Draws the sample images beside a new project at `path`, and adds them as classes.

    With `learn` they are learnt at once, too.
    """
    from engine.images.sample import draw_sample
    from engine.jobs.images import add_images
    from engine.jobs.learn import learn_folder

    target = Path(path)
    images = target.parent / f"{target.stem} images"
    if images.exists() and not (images / "learn").is_dir():
        raise Refused(f"“{images}” is in the way. Choose another place for the sample.")
    yield from draw_sample(images)
    yield from new_project(session, path=path)
    folders = [str(images / "learn")]
    added: ImagesAdded | FolderLearnt
    if learn:
        added = yield from learn_folder(session, paths=folders)
    else:
        added = yield from add_images(session, paths=folders)
    return {
        "path": str(session.require().path),
        "pictures": str(images),
        "classes": added["classes"],
        "already_there": added["already_there"],
        "skipped": added["skipped"],
    }


@job("List the backbones", reads=True)
def list_backbones(session: Session) -> Work[Backbones]:
    """Every network with its size, accuracy, licence, and whether its weights are here.

    `measured` is what an image took on this computer, for networks that were used here.
    """
    yield Progress(0, None, "Reading")
    return {"backbones": rows_of(describe_backbones()), "more": more_networks()}


@job("Find networks", reads=True)
def find_backbones(session: Session, *, words: str) -> Work[Backbones]:
    """The networks with all the words in their names: those of the list, then timm's.

    `bytes` of timm's networks are 0 where many were found. Nothing is downloaded.
    """
    yield Progress(0, None, "Looking")
    wanted = words.lower().split()
    named = ((f"{v.name} {v.title}".lower(), v) for v in describe_backbones())
    own = [view for name, view in named if all(word in name for word in wanted)]
    timm = find_timm(words) if has_timm() else ()
    return {"backbones": rows_of((*own, *timm)), "more": more_networks()}


def rows_of(views: Iterable[PluginView]) -> list[BackboneRow]:
    """Networks as rows of a list, with what an image took here."""
    speeds = known_speeds()
    rows = [
        {
            "name": v.name,
            "title": v.title,
            "help": v.help,
            **v.facts,
            "measured": speeds.get(v.name),
        }
        for v in views
    ]
    return [checked(BackboneRow, row, row["name"]) for row in rows]


@job("Download weights")
def download_weights(session: Session, *, backbone: str) -> Work[AtPath]:
    """Downloads the weights of a network; one that broke off goes on where it stopped."""
    path = yield from fetch(backbone)
    yield Saved("weights", str(path))
    return {"path": str(path)}


@job("List the classes", reads=True)
def list_classes(session: Session) -> Work[Classes]:
    yield Progress(0, None, "Reading")
    return {"classes": list(session.view().classes)}


@job("List the steps", reads=True)
def list_steps(session: Session) -> Work[Steps]:
    yield Progress(0, None, "Reading")
    return {"steps": list(session.view().steps)}

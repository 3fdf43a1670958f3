"""What the running jobs share: the open project, its network and its model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from engine.errors import Refused, UnusableWeights
from engine.events import Changed, ProjectView
from engine.learners import LEARNERS, Learner
from engine.learners.confidence import Calibration, calibrated
from engine.learners.heads import Chosen
from engine.models.backbone import Backbone, Model, digest_of
from engine.models.extractor import Extractor
from engine.storage import catalogue, runs, steps
from engine.storage.project import Project
from engine.storage.snapshot import project_view
from engine.system import device as devices
from engine.system.paths import cache_folder

if TYPE_CHECKING:
    from engine.cluster.computers import Computers
    from engine.models.provenance import Origin
    from engine.models.supernet.supernet import Supernet
    from engine.results.cluster import Helped


def model_of(project: Project, row: Mapping[str, Any], backbone: Backbone) -> Model:
    """The model that a step stored. Raises Refused where what it learnt is missing."""
    kept = steps.learnt(project, row)
    if kept is None:
        raise Refused("What was learnt is missing or damaged. Press Learn: it is learnt anew.")
    learner = LEARNERS.make(row["learner"], row["settings"])
    learner.restore(kept.memory)
    names, groups = catalogue.class_names(project), catalogue.groups(project)
    calibration = Calibration.restore(kept.calibration)
    return model_from(learner, learner.head(), calibration, backbone, names, groups)


def model_from(
    learner: Learner,
    head: nn.Module,
    calibration: Calibration,
    backbone: Backbone,
    names: Mapping[int, str],
    groups: Mapping[int, str],
) -> Model:
    """What a learner knows, with its head, as a model of those of its classes that have a name."""
    places = [place for place, number in enumerate(learner.classes) if number in names]
    if len(places) < len(learner.classes):
        head = Chosen(head, places)
    return Model(
        backbone=backbone,
        head=calibrated(head, calibration).eval(),
        class_names=tuple(names[learner.classes[place]] for place in places),
        threshold=calibration.threshold,
        evidence=calibration.kinds,
        within=tuple(groups.get(learner.classes[place], "") for place in places),
        views=learner.views,
    )


class Session:
    """One person's work: a project that is open or not, and what was loaded for it.

    Networks are loaded once and shared with `beside()`, the reading session of another thread.
    """

    def __init__(self) -> None:
        self.project: Project | None = None
        self.device = "auto"
        self.computers: Computers | None = None
        """Others that help; see use_computers."""
        self._instead: Backbone | None = None
        self._loaded: dict[tuple[Any, ...], Any] = {}
        self._guard = threading.RLock()

    def open(self, path: Path) -> Project:
        self.close()
        self.project = Project.open(path)
        with self._guard:  # another project may have lain there before
            for key in [k for k in self._loaded if str(self.project.path) in k]:
                del self._loaded[key]
        if not self.project.read_only:
            with self.project.readable():
                runs.tidy(self.project)
        return self.project

    def close(self) -> None:
        if self.project is not None:
            self.project.close()
        self.project = None

    def require(self) -> Project:
        """The open project. Raises Refused where there is none."""
        if self.project is None:
            raise Refused("No project is open. Open one, or make a new one, first.")
        self.project.mend()
        return self.project

    def beside(self) -> Session:
        """A session for reading from another thread: its own connection, the same networks."""
        other = Session()
        other.device, other._loaded, other._guard = self.device, self._loaded, self._guard
        other.computers = self.computers
        if self.project is not None:
            other.project = self.project.beside()
        return other

    def use_computers(self, computers: Computers | None) -> None:
        """Works with others from now on, or with this computer alone; leaves those of before."""
        before, self.computers = self.computers, computers
        if before is not None:
            before.close()

    def helped(self) -> Helped:
        """What other computers did since this was asked last, as a part of a job's result."""
        receipt = self.computers.receipt() if self.computers is not None else None
        return {} if receipt is None else {"cluster": receipt}

    def with_network(self, backbone: Backbone) -> Session:
        """A session with the same project, which looks at it with another network."""
        other = Session()
        other.device, other._loaded, other._guard = self.device, self._loaded, self._guard
        other.computers, other.project, other._instead = self.computers, self.project, backbone
        return other

    # What was loaded, kept for the next job.

    def backbone(self) -> Backbone:
        """The project's backbone with its weights. Raises UnusableWeights or Refused."""
        if self._instead is not None:
            return self._instead
        from engine.models.backbones import load_backbone, tuned_backbone
        from engine.models.tuned import TUNED

        project = self.require()
        facts = project.facts
        file = self._weights(facts["weights"]) if facts["weights"] else None
        features = facts["features"]
        key = ("backbone", facts["backbone"], facts["weights"], facts["size"], features)

        def made() -> Backbone:
            if facts["backbone"] == TUNED:
                content = project.blobs.get(facts["weights"]) or b""  # damaged: nothing
                return tuned_backbone(content, self._weights)
            return load_backbone(facts["backbone"], file, facts["size"], features)

        return self.keep(key, made)

    def supernet(self) -> tuple[Supernet, Origin]:
        """The supernet that the project's backbone is, or is a subnet of, and where it came from.

        Raises Refused where the backbone is one fixed network.
        """
        from engine.models.backbones import SUBNET, load_supernet
        from engine.models.provenance import Origin, facts_in, origin_of
        from engine.models.tuned import TUNED

        project = self.require()
        facts = project.facts
        name, weights, size = facts["backbone"], facts["weights"], facts["size"]
        while name in (SUBNET, TUNED):  # a tuned network may have begun as a subnet
            content = self._weights(weights).read_bytes()
            origin = origin_of(facts_in(content))
            name, weights, size = origin.backbone, origin.weights, origin.size
        file = self._weights(weights) if weights else None

        def made() -> tuple[Supernet, Origin]:
            supernet, licence = load_supernet(name, file)
            return supernet, Origin(name, weights, size, digest_of(supernet.state_dict()), licence)

        return self.keep(("supernet", name, weights, size), made)

    def has_subnets(self) -> bool:
        """Whether the project's backbone is a supernet or came from one."""
        try:
            self.supernet()
        except Refused:
            return False
        return True

    def _weights(self, name: str) -> Path:
        """A file of weights that the project keeps. Raises UnusableWeights where it is gone."""
        file = self.require().blobs.path(name)
        if not file.is_file():
            raise UnusableWeights(
                "The project is damaged: a file of its network's weights is gone. Undo the change "
                "of the network, or choose a network again."
            )
        return file

    def extractor(self) -> Extractor:
        """What runs the project's backbone."""
        backbone = self.backbone()
        key = ("extractor", backbone.digest, backbone.preprocessing.key, self.device)
        extractor = self.keep(key, lambda: self.extractor_of(backbone))
        extractor.elsewhere = self.computers
        return extractor

    def extractor_of(self, backbone: Backbone) -> Extractor:
        """What runs any backbone, on the device that was chosen."""
        return Extractor(backbone, device=self.device, cache=cache_folder())

    def model(self) -> Model:
        """The model of the step in use. Raises Refused before anything was learnt."""
        project = self.require()
        row = steps.current(project)
        if row is None:
            raise Refused("Nothing was learnt yet. Learn folders of images first.")
        names = tuple(catalogue.class_names(project).items())
        groups = tuple(catalogue.groups(project).items())
        key = ("model", row["memory"], row["learner"], self.backbone().digest, names, groups)
        return self.keep(key, lambda: model_of(project, row, self.backbone()))

    def kept(self, key: tuple[Any, ...]) -> Any:
        """What `keep` keeps under `key`; None where there is nothing."""
        with self._guard:
            return self._loaded.get(key)

    def keep(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """The thing kept under `key`; of each kind the newest only, so memory stays bounded."""
        with self._guard:
            if key not in self._loaded:
                made = make()
                for old in [k for k in self._loaded if k[0] == key[0]]:
                    del self._loaded[old]
                self._loaded[key] = made
            return self._loaded[key]

    # What the window sees.

    def view(self) -> ProjectView:
        from engine.models.backbones import title_of

        found = devices.describe(devices.choose(self.device))
        shown = f"Automatic: {found}" if self.device == "auto" else found
        return project_view(self.require(), shown, self.network_title(), title_of)

    def network_title(self) -> str:
        """What a person calls the project's backbone; of a tuned one also what it began as."""
        from engine.models.backbones import title_of
        from engine.models.provenance import facts_in
        from engine.models.tuned import TUNED

        project = self.require()
        name, weights = project.facts["backbone"], project.facts["weights"]

        def read() -> str:
            try:
                return title_of(name, facts_in(project.blobs.get(weights) or b""))
            except (KeyError, ValueError, TypeError):  # damaged: whoever uses it says so
                return title_of(name)

        return self.keep(("title", weights), read) if name == TUNED else title_of(name)

    def changed(self, what: str) -> Changed:
        return Changed(what, self.view() if self.project is not None else None)

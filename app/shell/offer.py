"""Offers a stronger network once to a project that stands on a weak one."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.bridge import Bridge
from app.shell.notices import Notices
from app.shell.preferences import Preferences
from app.widgets.receipt import size
from engine.events import Ended, ProjectView
from engine.results.project import BackboneRow, Backbones

TOPIC = "network"
OFFERED = "networks_offered"
"""In the preferences: the projects to which a network was offered."""
KEPT = 200
WEAK = {"embedded": 58}
STRONG = {"efficientnet_lite0": 89, "mobilenet_v2": 89}
"""Right answers in 100 test images of clothing at 224 pixels, measured (README); best first."""
LEARN = ("learn_folder", "learn_labels", "learn")


def change_network(
    bridge: Bridge, chosen: BackboneRow, pixels: int = 0, features: str = ""
) -> None:
    """Takes a network of the list and learns again; missing weights are downloaded first."""
    name = chosen["name"]

    def use(ended: Ended | None = None) -> None:
        if ended is None or ended.how == "done":
            bridge.submit("use_backbone", name=name, size=pixels, features=features, learn=True)

    if chosen["here"]:
        use()
    else:
        bridge.submit("download_weights", use, backbone=name)


class NetworkOffer(QObject):
    """Says once for each project that a better network is there, or what it takes to get it."""

    def __init__(
        self, bridge: Bridge, notices: Notices, preferences: Preferences, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.bridge, self.notices, self.preferences = bridge, notices, preferences
        self.path = ""
        bridge.changed.connect(self.on_changed)
        bridge.ended.connect(self.on_ended)

    def on_changed(self, project: ProjectView | None) -> None:
        """With another network the offer is over; a learnt project gets it when it is opened."""
        if project is None or project.backbone not in WEAK:
            self.notices.settle(TOPIC)
        path = project.path if project is not None else ""
        if project is not None and path != self.path and project.current_step is not None:
            self.look()
        self.path = path

    def on_ended(self, ticket: int, event: Ended) -> None:
        name, _ = self.bridge.jobs.get(ticket, ("", {}))
        if event.how == "done" and name in LEARN:
            self.look()

    def look(self) -> None:
        """Asks which networks there are, where it is worth it and was not done before."""
        project = self.bridge.project
        offered = self.preferences.get(OFFERED, [])
        if project is None or project.backbone not in WEAK or project.read_only:
            return
        if project.path not in offered:
            self.preferences.put(OFFERED, [*offered, project.path][-KEPT:])
            self.bridge.ask("list_backbones", self.offer)

    def offer(self, ended: Ended) -> None:
        """The best that can be had, with the gain that was measured."""
        project = self.bridge.project
        if ended.how != "done" or project is None or project.backbone not in WEAK:
            return
        there = {b["name"]: b for b in ended.of(Backbones)["backbones"]}
        best = next(
            (there[n] for n in STRONG if n in there and (there[n]["here"] or there[n]["url"])), None
        )
        if best is None:
            return
        text = (
            f"{best['title']} recognises more than this project's small network: on photos of "
            f"clothing it was right in {STRONG[best['name']]} of 100, the small one in "
            f"{WEAK[project.backbone]}."
        )
        how = "Use it" if best["here"] else f"Download {size(best['bytes'])} and use it"
        self.notices.say(text, action=(how, lambda: change_network(self.bridge, best)), topic=TOPIC)

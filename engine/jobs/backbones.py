"""Jobs on the networks to start from: list them, and download their weights."""

from __future__ import annotations

from engine.backbones import describe_backbones
from engine.backbones import download_weights as fetch
from engine.events import Progress, Saved
from engine.jobs import Work, job
from engine.session import Session


@job("List the backbones", reads=True)
def list_backbones(session: Session) -> Work:
    """Every network with its size, accuracy, licence, and whether its weights are here."""
    yield Progress(0, None, "Reading")
    return {"backbones": [{"name": v.name, "title": v.title, "help": v.help, **v.facts}
                          for v in describe_backbones()]}  # fmt: skip


@job("Download weights")
def download_weights(session: Session, *, backbone: str) -> Work:
    """Downloads the weights of a network; one that broke off goes on where it stopped."""
    path = yield from fetch(backbone)
    yield Saved("weights", str(path))
    return {"path": str(path)}

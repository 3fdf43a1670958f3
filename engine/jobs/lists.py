"""Jobs that list what a project holds, for the command line."""

from __future__ import annotations

from dataclasses import asdict

from engine.events import Progress
from engine.jobs import Work, job
from engine.session import Session


@job("List the classes", reads=True)
def list_classes(session: Session) -> Work:
    yield Progress(0, None, "Reading")
    return {"classes": [asdict(view) for view in session.view().classes]}


@job("List the steps", reads=True)
def list_steps(session: Session) -> Work:
    yield Progress(0, None, "Reading")
    return {"steps": [asdict(view) for view in session.view().steps]}

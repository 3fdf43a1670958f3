"""Other computers: who helped, and what was checked about it."""

from typing import TypedDict


class WorkerRow(TypedDict):
    """One worker: `state` is starting, working, waiting, set aside or gone, `doing` a few words for
    a person, `rate` images a second while it worked (0: none yet)."""

    name: str
    address: str
    host: str
    state: str
    doing: str
    images: int
    rate: float


class ClusterUsed(TypedDict):
    """What other computers did, as a receipt.

    Of `images`, `here` were computed on this computer; `again` were asked for once more, because a
    worker was lost, hung or answered wrongly. Of those from workers, `twice` were computed a second
    time elsewhere; `largest` is by how much the two were apart at most, as a share of the largest
    feature, and `equal` how many agreed to the last bit.
    """

    address: str
    images: int
    here: int
    again: int
    twice: int
    equal: int
    largest: float
    workers: list[WorkerRow]


class Helped(TypedDict, total=False):
    """A part of a job's result, where other computers did some of it."""

    cluster: ClusterUsed


class KeysMade(TypedDict):
    """Files that let computers join, in `folder`; `copied` are those that each one needs."""

    folder: str
    copied: list[str]
    until: str


class Served(TypedDict):
    """How long a scheduler or a worker was there, and at which address."""

    address: str
    seconds: float


class ComputersChosen(TypedDict):
    """Who works from now on: an address, or nothing for this computer alone."""

    address: str
    workers: int


class ComputersSeen(TypedDict):
    """What the window shows of them; `missing` says how to get what isn't installed."""

    address: str
    missing: str
    workers: list[WorkerRow]

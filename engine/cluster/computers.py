"""The computers that were chosen: a connection to their scheduler, for as long as it is wanted."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

from engine.cluster.addresses import address_of, security
from engine.cluster.dispatch import Dispatch
from engine.cluster.library import distributed, why
from engine.cluster.network import network_of
from engine.cluster.receipt import Tally
from engine.errors import Refused
from engine.events import Notice
from engine.images.decode import Opened, open_many
from engine.models.extractor import Extractor
from engine.results.cluster import ClusterUsed, WorkerRow
from engine.system.cpu import available_cores

PATIENCE = 15.0
"""Seconds that a scheduler has to answer."""
ALONE = (
    "This network can't be run by ONNX Runtime, so other computers can't help with it: this one "
    "does all of it."
)


class Computers:
    """Workers of one scheduler. Made by `connect`; to be closed."""

    def __init__(self, address: str, client: Any, started: Any = None) -> None:
        self.address, self.client, self.started = address, client, started
        self.tally = Tally(address)
        """Of the pass over images that began last."""

    def close(self) -> None:
        """Leaves the scheduler; ends it and its workers where they were started for this."""
        with quietly():
            self.client.close(timeout=PATIENCE)
        if self.started is not None:
            with quietly():
                self.started.close(timeout=PATIENCE)

    def there(self) -> dict[str, Any]:
        """The workers that are there now, by address; none where the scheduler does not answer."""
        if self.client.status != "running":
            return {}
        try:
            asked = self.client.scheduler.identity
            found = self.client.sync(asked, n_workers=-1, callback_timeout=PATIENCE)
            return dict(found["workers"])
        except (Exception, CancelledError):  # a boundary: whatever a network can do
            return {}

    def opened(
        self, paths: Iterable[Path], extractor: Extractor, views: int
    ) -> Generator[Opened | None, None, None]:
        """Opens images and computes their features, in order, by whoever is there; None now and
        then while none is ready. To be closed."""
        network = network_of(extractor, views)
        if network is None:
            extractor.notices.append(Notice(ALONE, "warning"))
            yield from open_many(paths, extractor.backbone.preprocessing)
            return
        self.tally = Tally(self.address)
        dispatch = Dispatch(network, paths, self.submit, self.there, self.tally)
        with contextlib.closing(dispatch.results()) as found:
            yield from found

    def submit(
        self, what: Callable[..., bytes], *given: Any, worker: str, key: str, first: bool
    ) -> Any:
        """Asks one worker for something, which no other worker does in its place."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.client.submit(
                what,
                *given,
                key=key,
                workers=[worker],
                allow_other_workers=False,
                pure=False,
                retries=0,
                priority=int(first),
            )

    def rows(self) -> list[WorkerRow]:
        """The workers with what they did in the last pass; may be asked from another thread."""
        rows = {row["address"]: row for row in self.tally.rows()}
        for address, facts in self.there().items():
            name = str(facts.get("name", address))
            name = f"This computer, worker {int(name) + 1}" if name.isdecimal() else name
            new = WorkerRow(
                name=name, address=address, host="", state="waiting", doing="", images=0, rate=0.0
            )
            rows.setdefault(address, new)
        return list(rows.values())

    def doubtful(self) -> list[Path]:
        """Images of the last pass whose features should be computed again, each told once."""
        found, self.tally.doubtful = self.tally.doubtful, []
        return found

    def receipt(self) -> ClusterUsed | None:
        """What came of the last pass, told once; None where there was none since."""
        told, self.tally.told = self.tally.told or not self.tally.images, True
        return None if told else self.tally.receipt()


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """For closing what may be gone already."""
    with contextlib.suppress(Exception, CancelledError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def connect(text: str, keys: str = "") -> Computers:
    """Joins the scheduler at an address, or starts one here with workers for "local:N".

    Raises BadSetting, and Refused where nothing answers or no worker has joined.
    """
    address = address_of(text, available_cores())
    library = distributed()
    if address.workers:
        return started_here(library, address.workers)
    sure = security(address, keys)
    url = address.url(sure is not None)
    client = client_of(library, url, url, sure)
    found = Computers(url, client)
    if not found.there():
        found.close()
        named = f" --keys {keys}" if keys else ""
        raise Refused(
            f"No worker has joined the scheduler at {url}. On each computer that is to work, type: "
            f"espalier worker --scheduler {url}{named}."
        )
    return found


def client_of(library: Any, url: str, where: Any, sure: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions that differ: what matters is checked
            return library.Client(
                where, security=sure, timeout=PATIENCE, set_as_default=False, name="espalier"
            )
    except (Exception, CancelledError) as error:  # a boundary, as above
        raise Refused(
            f"No scheduler answers at {url}{why(error)}. Start one with “espalier "
            "scheduler”, and see that the address and the keys are the same on both sides."
        ) from error


def started_here(library: Any, workers: int) -> Computers:
    """A scheduler and so many workers on this computer alone, with keys that only they know."""
    sure = library.Security.temporary()
    cluster = library.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        worker_dashboard_address=None,
        memory_limit=0,
        security=sure,
        silence_logs=False,
    )
    try:
        client = client_of(library, "this computer", cluster, sure)
    except Refused:
        cluster.close()
        raise
    return Computers(f"local:{workers}", client, cluster)


def using(text: str, keys: str) -> contextlib.AbstractContextManager[Computers | None]:
    """The computers of an address for a while; none without one."""
    return contextlib.closing(connect(text, keys)) if text else contextlib.nullcontext()

"""Where a scheduler is, and the keys without which nobody may speak to it.

Whoever may speak to a Dask scheduler may run any program on every computer that joined it, and on
those that ask it. So what is not on this computer alone needs keys: certificates of one authority,
by which both sides know each other, and which encrypt what they say.
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.cluster.library import distributed
from engine.errors import BadSetting, Refused

PORT = 8786
LOCAL = "local"
AUTHORITY, CERTIFICATE, KEY = "ca.pem", "cert.pem", "key.pem"
MOST_LOCAL = 256


@dataclass(frozen=True)
class Address:
    """A scheduler's place; `workers` > 0 are processes to start here, without any place."""

    host: str = ""
    port: int = PORT
    workers: int = 0
    with_keys: bool = False
    """Whether it was named as one that needs keys: tls://."""

    @property
    def is_here(self) -> bool:
        """Whether nobody on another computer can reach it."""
        return bool(self.workers) or is_loopback(self.host)

    def url(self, secure: bool) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tls' if secure else 'tcp'}://{host}:{self.port}"


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def address_of(text: str, cores: int) -> Address:
    """HOST, HOST:PORT, tls://HOST:PORT or local:N. Raises BadSetting."""
    words = text.strip().removeprefix("tls://").removeprefix("tcp://").rstrip("/")
    name, colon, number = words.rpartition(":") if ":" in words else (words, "", "")
    if words.startswith("[") and words.endswith("]"):
        name, number = words, ""
    # A negative number of workers is a number all the same.
    digits = number.removeprefix("-") if name == LOCAL else number
    if not name or (colon and number and not digits.isdecimal()):
        raise BadSetting(f"“{text}” is no address. Name it like tls://192.168.1.20:{PORT}.")
    if name == LOCAL:
        workers = int(number or cores)
        if not 1 <= workers <= MOST_LOCAL:
            raise BadSetting(f"local:N starts 1 to {MOST_LOCAL} workers.")
        return Address(workers=workers)
    port = int(number or PORT)
    if port > 65535:
        raise BadSetting("A port is a number up to 65535.")
    return Address(name.strip("[]"), port, with_keys=text.strip().startswith("tls://"))


def security(address: Address, keys: str) -> Any:
    """Dask's Security for an address; None on this computer alone without keys.

    Raises Refused where an address of another computer, or with tls://, comes without keys, or
    these are not whole.
    """
    if not keys:
        if not address.is_here or address.with_keys:
            need = f"{address.host} is another computer, so this needs keys"
            if address.is_here:
                need = "With tls:// only those are let in who have keys"
            raise Refused(
                f"{need}: whoever reaches a "
                "scheduler may run programs on every computer that joined. Make them with "
                "“espalier cluster new-keys FOLDER” and name the folder with --keys."
            )
        return None
    folder = Path(keys)
    ca, certificate, key = (str(folder / name) for name in (AUTHORITY, CERTIFICATE, KEY))
    for file in (ca, certificate, key):
        if not Path(file).is_file():
            raise Refused(f"There is no {Path(file).name} in “{folder}”. Copy all three files.")
    roles = ("client", "scheduler", "worker")
    files = {f"tls_{role}_cert": certificate for role in roles}
    files |= {f"tls_{role}_key": key for role in roles}
    made = distributed().Security(tls_ca_file=ca, require_encryption=True, **files)
    try:
        made.get_connection_args("client")
    except (OSError, ValueError) as error:
        reason = "one of them is damaged, or they don't belong together"
        if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            reason = error.strerror or reason
        raise Refused(f"The keys in “{folder}” can't be used: {reason}. Make new ones.") from error
    return made

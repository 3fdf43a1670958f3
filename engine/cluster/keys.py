"""Keys that let computers join: an authority that nobody else has, and a certificate of it."""

from __future__ import annotations

import datetime
import importlib.util
import os
from pathlib import Path
from typing import Any

from engine.cluster.addresses import AUTHORITY, CERTIFICATE, KEY
from engine.errors import Refused
from engine.results.cluster import KeysMade

DAYS = 825
MISSING = (
    "Making keys needs the package cryptography, which the extra “cluster” brings. Get it with: "
    "pip install 'espalier[cluster]'."
)


def new_keys(folder: Path) -> KeysMade:
    """Writes ca.pem, cert.pem and key.pem into a folder that has none of them.

    The authority's own key is thrown away: nobody can make more. Raises Refused.
    """
    if importlib.util.find_spec("cryptography") is None:
        raise Refused(MISSING)
    names = (AUTHORITY, CERTIFICATE, KEY)
    if there := [name for name in names if (folder / name).exists()]:
        raise Refused(
            f"“{folder}” holds {there[0]} already. Name another folder: computers that have the "
            "old keys could not join any more."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=DAYS)
        for name, content in zip(names, made(until), strict=True):
            write(folder / name, content)
    except OSError as error:
        raise Refused(f"Nothing can be written into “{folder}” ({error.strerror}).") from error
    return {"folder": str(folder), "copied": list(names), "until": f"{until:%Y-%m-%d}"}


def write(path: Path, content: bytes) -> None:
    """Writes a file that nobody else on this computer can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def made(until: datetime.datetime) -> tuple[bytes, bytes, bytes]:
    """The authority's certificate, that of the computers, and its key, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = named("Espalier cluster")

    def signed(subject: Any, public: Any, authority: bool) -> bytes:
        """A certificate in PEM, signed by the authority's key."""
        begun = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begun)  # clocks differ
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .sign(root, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)

    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (
        signed(issuer, root.public_key(), True),
        signed(named("Espalier computer"), key.public_key(), False),
        secret,
    )


def named(text: str) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

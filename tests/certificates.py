"""An authority of the tests' own, and what it signed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

KEY_PASSWORD = "of the key"


@dataclass(frozen=True)
class Certificates:
    """PEM files.

    Attributes:
        ca_file: of the authority.
        server_file: key and certificate of 127.0.0.1.
        client_file: a client's certificate; *client_key_file* has its key, under KEY_PASSWORD.
        stranger_file: of an authority that signed nothing here.
    """

    ca_file: Path
    server_file: Path
    client_file: Path
    client_key_file: Path
    stranger_file: Path


def certify(folder: Path) -> Certificates:
    """Write an authority and its certificates to *folder*."""
    names = ("ca", "server", "client", "client-key", "stranger")
    made = Certificates(*(folder / f"{name}.pem" for name in names))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(made.ca_file)
    trustme.CA().cert_pem.write_to_path(made.stranger_file)
    server, client = authority.issue_cert("127.0.0.1"), authority.issue_cert("agent@example.org")
    made.server_file.write_bytes(_pkcs8(server) + _chain(server))
    made.client_file.write_bytes(_chain(client))
    made.client_key_file.write_bytes(_pkcs8(client, BestAvailableEncryption(KEY_PASSWORD.encode())))
    return made


def _chain(issued: trustme.LeafCert) -> bytes:
    return b"".join(pem.bytes() for pem in issued.cert_chain_pems)


def _pkcs8(issued: trustme.LeafCert, encryption: KeySerializationEncryption | None = None) -> bytes:
    """Return the key as Java wants it."""
    key = load_pem_private_key(issued.private_key_pem.bytes(), password=None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())

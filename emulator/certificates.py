"""The emulator's own certificate authority, and the bundle that lets clients trust it.

The authority is made once and kept in the emulator's directory: a client that trusted it yesterday trusts it today.
Clients get one file with certifi's roots and this one, so that the same process can also talk to public hosts.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

import certifi
import trustme

NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificates:
    """`bundle` is what SSL_CERT_FILE and REQUESTS_CA_BUNDLE point to."""

    bundle: Path
    context: ssl.SSLContext


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part, even after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def prepare(directory: Path) -> Certificates:
    """The authority of `directory` (made if there is none), a fresh server certificate, and the bundle file."""
    certificate, key = directory / "ca.pem", directory / "ca.key"
    if certificate.exists() and key.exists():
        authority = trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    else:
        authority = trustme.CA(organization_name="Session host emulator", organization_unit_name="Local test authority")
        write_atomically(key, authority.private_key_pem.bytes(), 0o600)
        write_atomically(certificate, authority.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    authority.issue_cert(*NAMES).configure_cert(context)
    bundle = directory / "ca-bundle.pem"
    write_atomically(bundle, Path(certifi.where()).read_bytes() + b"\n" + authority.cert_pem.bytes())
    return Certificates(bundle, context)

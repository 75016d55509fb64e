"""TLS for links, with certificates on both sides.

Source: RFC 8446 and RFC 5246; PCI DSS 4.0, 4.2.1 for the least version.
Leaves out making certificates.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from posterm.runtime.errors import TlsError

SHUTDOWN_TIMEOUT_S = 2.0
"""Seconds to wait for a peer to say goodbye too."""


def client_context(
    authorities: Path | None = None, *, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """TLS 1.2 or later towards a server whose certificate and name are checked.

    Args:
        authorities: PEM file of those who may have signed the server's certificate; the system's own when None.
        certificate, key: PEM files of our own, when the server asks for one.
    Raises: TlsError: a file that cannot be read or used.
    """
    try:
        context = ssl.create_default_context(cafile=authorities)
    except (OSError, ValueError) as error:
        raise TlsError(f"{authorities}: need certificates in PEM, {_why(error)}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_own(context, certificate, key)
    return context


def server_context(certificate: Path, key: Path, *, client_authorities: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or later for a server.

    Args:
        client_authorities: PEM file of those who sign clients' certificates; a client without one is then refused.
    Raises: TlsError: a file that cannot be read or used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_own(context, certificate, key)
    if client_authorities is not None:
        try:
            context.load_verify_locations(client_authorities)
        except (OSError, ValueError) as error:
            raise TlsError(f"{client_authorities}: need certificates in PEM, {_why(error)}") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _load_own(context: ssl.SSLContext, certificate: Path | None, key: Path | None) -> None:
    if certificate is None:
        if key is not None:
            raise TlsError("need a certificate with the key, have none")
        return
    try:
        # Without a password of its own OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise TlsError(
            f"{certificate}: need a certificate in PEM and its unencrypted key, {_why(error)}",
            hint="is it the key of this very certificate?",
        ) from None


def _why(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)

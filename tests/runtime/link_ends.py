"""Messages, settings and certificates for links over real sockets."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from posterm.iso8583 import TPDU, Framing, LinkSettings, Message, ReconnectPolicy, get_dialect
from posterm.iso8583.link_events import LinkEvent, Requested

DIALECT = get_dialect("unionpay-pos")
FRAMING = Framing(headers=(TPDU,))
AT_ONCE = ReconnectPolicy(first_s=0.001, longest_s=0.001)
ONCE = ReconnectPolicy(attempts_max=0)


def request(stan: int, mti: str = "0200") -> Message:
    return Message(mti, {11: f"{stan:06d}", 41: "10000001"})


def response(message: Message, code: str = "00") -> Message:
    mti = f"{message.mti[:2]}{int(message.mti[2]) + 1}0"
    return Message(mti, {11: message[11], 39: code, 41: message[41]})


def settings(**changes: Any) -> LinkSettings:
    return LinkSettings(DIALECT, **{"framing": FRAMING, "timeout_s": 10.0, "reconnect": AT_ONCE, **changes})


def management() -> Callable[[], Message]:
    numbers = count(900_001)
    return lambda: request(next(numbers), "0820")


async def approve(asked: Requested, _: object) -> Message:
    """A host that says yes."""
    return response(asked.message)


class Told:
    """Everything a link told, by the name of the event."""

    def __init__(self) -> None:
        self.events: list[LinkEvent] = []

    def __call__(self, event: LinkEvent, peer: str = "") -> None:
        assert str(event)
        self.events.append(event)

    @property
    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, in PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates for a test; they are good for an hour."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = self._write(name, self._sign(name, self._key, ca=True), self._key).certificate

    def issue(self, name: str) -> Identity:
        """A certificate for `name` and for 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._write(f"{self._name}-{name}", self._sign(name, key, ca=False), key)

    def _sign(self, name: str, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
        now = datetime.now(tz=UTC)
        public = key.public_key()
        usage = x509.KeyUsage(
            digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._name)]))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if not ca:
            names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Identity:
        identity = Identity(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        identity.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        identity.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return identity

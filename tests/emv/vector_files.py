"""Reads the vectors of this package: JSON with a source."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from posterm.emv.capk import CaKey, CaKeyStore, checksum_of
from posterm.emv.certificates import KeyCertificate, PublicKey, recover_icc_key, recover_issuer_key

FOLDER = Path(__file__).parent.parent / "vectors" / "emv"


@dataclass(frozen=True)
class Chain:
    """A chain of certificates down to a signature; fields by name, bytes where the vector has hexadecimal."""

    fields: dict[str, Any]

    def __getitem__(self, name: str) -> bytes:
        return bytes.fromhex(self.fields.get(name, ""))

    @property
    def pan(self) -> str:
        return str(self.fields["pan"])

    @property
    def today(self) -> date:
        """The last day all of its certificates are good."""
        return min(date.fromisoformat(self.fields[name]) for name in self.fields if name.endswith("_expires"))

    @property
    def ca(self) -> CaKey:
        rid, index, modulus = self["rid"], self["index"][0], self["ca_modulus"]
        return CaKey(rid, index, modulus, 3, checksum_of(rid, index, modulus, 3))

    @property
    def issuer_certificate(self) -> KeyCertificate:
        return KeyCertificate(self["issuer_certificate"], self["issuer_remainder"], self["issuer_exponent"])

    @property
    def icc_certificate(self) -> KeyCertificate:
        return KeyCertificate(self["icc_certificate"], b"", self["icc_exponent"])

    def issuer_key(self) -> PublicKey:
        return recover_issuer_key(self.issuer_certificate, self.ca, self.pan, self.today, CaKeyStore())

    def icc_key(self) -> PublicKey:
        return recover_icc_key(self.icc_certificate, self.issuer_key(), self.pan, self.today, self["static_data"])


def chain(name: str) -> Chain:
    """The published chain of this name: sda, dda or cda."""
    content = json.loads((FOLDER / "offline_data_authentication.json").read_text(encoding="utf-8"))
    return next(Chain(vector) for vector in content["vectors"] if vector["id"] == name)

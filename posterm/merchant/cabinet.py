"""Documents in the host's store: put, found by key, owner, state or date, with personal data sealed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypeVar

from posterm.host.records import DocumentRecord
from posterm.host.store import HostStore
from posterm.hsm import HsmPort, KeyBlock
from posterm.merchant.document import Document
from posterm.merchant.errors import MerchantError, NotFoundError
from posterm.merchant.personal import SEAL, UNSEAL

D = TypeVar("D", bound=Document)


class Cabinet:
    """Documents over a store.

    Args:
        sealing: the HSM's key for data at rest.
        naming: the HSM's key for fingerprints, by which a sealed value is found again.
    """

    def __init__(self, store: HostStore, hsm: HsmPort, sealing: KeyBlock, naming: KeyBlock) -> None:
        self.store = store
        self.hsm = hsm
        self._sealing = sealing
        self._naming = naming

    def get(self, kind: type[D], key: str) -> D | None:
        """The document, or None."""
        record = self.store.document(kind.kind, key)
        return None if record is None else self._read(kind, record)

    def need(self, kind: type[D], key: str) -> D:
        """The document. Raises: NotFoundError."""
        found = self.get(kind, key)
        if found is None:
            raise NotFoundError(f"no {kind.kind} {key!r}")
        return found

    def put(self, document: D) -> D:
        """Keep a document in place of the one with its key. Returns: it."""
        context = f"{document.kind}/{document.key}".encode()
        seal = {SEAL: lambda text: self.hsm.seal(self._sealing, text.encode(), context).hex()}
        body = document.model_dump_json(context=seal, exclude={"key", "subject", "state", "due"})
        self.store.put_document(
            DocumentRecord(document.kind, document.key, document.subject, document.state, document.due, body)
        )
        return document

    def find(self, kind: type[D], *, subject: str | None = None, state: str | None = None) -> list[D]:
        """Documents of a kind by key: all of them, one owner's, those in a state, or both."""
        return [self._read(kind, record) for record in self.store.documents(kind.kind, subject=subject, state=state)]

    def due(self, kinds: dict[str, type[Document]], until: str, most: int = 256) -> Iterator[Document]:
        """Documents whose date has come, the earliest first, at most so many.

        Raises: MerchantError: one of a kind that is not among `kinds`.
        """
        for record in self.store.documents_due(until, most):
            if record.kind not in kinds:
                raise MerchantError(f"{record.kind} {record.key} is due, and nobody looks after such documents")
            yield self._read(kinds[record.kind], record)

    def next_number(self, sequence: str) -> int:
        """The next of a named sequence, from 1."""
        return self.store.next_number(f"office/{sequence}")

    def fingerprint(self, what: str, text: str) -> str:
        """A keyed hash, 32 hexadecimal characters, by which a sealed value is compared and found."""
        return self.hsm.fingerprint(self._naming, f"office/{what}:{text}".encode())

    def seal_bytes(self, data: bytes, context: str) -> bytes:
        """Data sealed for a place outside the store, such as a picture's."""
        return self.hsm.seal(self._sealing, data, context.encode())

    def unseal_bytes(self, sealed: bytes, context: str) -> bytes:
        """The reverse of `seal_bytes`. Raises: SealedDataError."""
        return self.hsm.unseal(self._sealing, sealed, context.encode())

    def _read(self, kind: type[D], record: DocumentRecord) -> D:
        context = f"{record.kind}/{record.key}".encode()
        unseal = {UNSEAL: lambda text: self.hsm.unseal(self._sealing, bytes.fromhex(text), context).decode()}
        return kind.model_validate_json(_whole(record), context=unseal)


def _whole(record: DocumentRecord) -> str:
    head = {"key": record.key, "subject": record.subject, "state": record.state, "due": record.due}
    written = json.dumps(head, ensure_ascii=False)
    return written if record.body == "{}" else f"{written[:-1]},{record.body[1:]}"

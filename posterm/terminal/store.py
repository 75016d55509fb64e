"""The terminal's store: what it must be able to do, and the one in memory.

A store keeps JSON documents by kind and key. `commit` is all or nothing and durable when it returns: every rule about
power cuts rests on that and on nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from posterm.terminal.records import Download, JournalEntry, PendingReversal, Registers, ScriptNotice


@dataclass(frozen=True, slots=True)
class Change:
    """Put a document, or delete it when `document` is None."""

    kind: str
    key: str
    document: Mapping[str, Any] | None


class TerminalStore(Protocol):
    """Where a terminal keeps its documents."""

    def load(self) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
        """Every document as (kind, key, document), in the order in which each kind and key was first put.

        The journal lives on that order: it is the one in which transactions began.
        """

    def commit(self, changes: Iterable[Change]) -> None:
        """Make all changes or none; when this returns they survive a power cut."""


_as_text: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


class MemoryTerminalStore:
    """A store for simulations and tests: it survives a simulated power cut, not the process."""

    def __init__(self) -> None:
        self._documents: dict[tuple[str, str], str] = {}

    def load(self) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
        return [(kind, key, json.loads(text)) for (kind, key), text in self._documents.items()]

    def commit(self, changes: Iterable[Change]) -> None:
        # Serialized here as a disk would, so that a simulation cannot keep what a file could not.
        texts = [
            (change.kind, change.key, None if change.document is None else _as_text(change.document))
            for change in changes
        ]
        for kind, key, text in texts:
            if text is None:
                self._documents.pop((kind, key), None)
            else:
                self._documents[kind, key] = text


_REGISTERS, _JOURNAL, _REVERSAL, _SCRIPT = "registers", "journal", "reversal", "script-notice"
_DOWNLOAD = "download"
CA_KEYS, APPLICATIONS = "ca-keys", "applications"
"""The keys of what a terminal may have downloaded for its chip kernels."""
_ONLY = "1"


@dataclass(slots=True)
class Draft:
    """Changes that belong together; nothing of them is seen until `Memory.commit`."""

    registers: Registers
    entries: dict[str, JournalEntry]
    reversal: PendingReversal | None
    script_notice: ScriptNotice | None
    dropped: set[str]
    downloads: dict[str, Download] = field(default_factory=dict)

    def put(self, entry: JournalEntry) -> None:
        self.entries[entry.key] = entry

    def drop(self, key: str) -> None:
        self.dropped.add(key)

    def set(self, **values: Any) -> None:
        """Change registers by name."""
        self.registers = replace(self.registers, **values)


class Memory:
    """The terminal's documents as it works with them: read once, then written through.

    A commit writes to the store first and changes the view after, so a store that fails leaves both as they were.
    """

    def __init__(self, store: TerminalStore) -> None:
        self._store = store
        self.registers = Registers()
        self.journal: dict[str, JournalEntry] = {}
        self.reversal: PendingReversal | None = None
        self.script_notice: ScriptNotice | None = None
        self.downloads: dict[str, Download] = {}
        for kind, key, document in store.load():
            if kind == _REGISTERS:
                self.registers = Registers.from_document(document)
            elif kind == _JOURNAL:
                self.journal[key] = JournalEntry.from_document(document)
            elif kind == _REVERSAL:
                self.reversal = PendingReversal.from_document(document)
            elif kind == _SCRIPT:
                self.script_notice = ScriptNotice.from_document(document)
            elif kind == _DOWNLOAD:
                self.downloads[key] = Download.from_document(document)

    def draft(self) -> Draft:
        return Draft(self.registers, {}, self.reversal, self.script_notice, set())

    def commit(self, draft: Draft) -> None:
        """Write what the draft changed, as one commit. Raises: whatever the store raises; then nothing changed."""
        changes: list[Change] = []
        if draft.registers is not self.registers:
            changes.append(Change(_REGISTERS, _ONLY, draft.registers.to_document()))
        changes += [Change(_JOURNAL, key, entry.to_document()) for key, entry in draft.entries.items()]
        changes += [Change(_JOURNAL, key, None) for key in draft.dropped]
        if draft.reversal is not self.reversal:
            changes.append(Change(_REVERSAL, _ONLY, draft.reversal.to_document() if draft.reversal else None))
        if draft.script_notice is not self.script_notice:
            notice = draft.script_notice
            changes.append(Change(_SCRIPT, _ONLY, notice.to_document() if notice else None))
        changes += [Change(_DOWNLOAD, key, download.to_document()) for key, download in draft.downloads.items()]
        if not changes:
            return
        self._store.commit(changes)
        self.registers, self.reversal = draft.registers, draft.reversal
        self.script_notice = draft.script_notice
        self.journal.update(draft.entries)
        self.downloads.update(draft.downloads)
        for key in draft.dropped:
            self.journal.pop(key, None)

    @property
    def batch_entries(self) -> list[JournalEntry]:
        """The entries of the open batch, in the order in which they began."""
        batch = self.registers.batch_digits
        return [entry for entry in self.journal.values() if entry.batch == batch]

    def entry(self, stan: str) -> JournalEntry | None:
        """An entry of the open batch by its trace number."""
        return self.journal.get(f"{self.registers.batch_digits}-{stan}")

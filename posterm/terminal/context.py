"""What every flow of a terminal works with: who it is, its store, its keys, and the two state tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from posterm.amount import Currency
from posterm.hsm import Algorithm, HsmPort, KeyBlock, KeyUsage
from posterm.iso8583 import Message
from posterm.sensitive import Pan
from posterm.terminal.effects import Tell
from posterm.terminal.errors import TerminalError, TerminalStoreError
from posterm.terminal.kernels import Kernels
from posterm.terminal.mapping import CardData, Identity, Mapper
from posterm.terminal.receipt import Letterhead
from posterm.terminal.records import JournalEntry, PendingReversal
from posterm.terminal.store import APPLICATIONS, CA_KEYS, Draft, Memory, TerminalStore
from posterm.terminal.transitions import EXCHANGE, LIFECYCLE, Event, Happening, Phase, Refused, State
from posterm.unionpay.envelope import Sealer
from posterm.unionpay.errors import LayoutError
from posterm.unionpay.profile import AcquirerProfile
from posterm.unionpay.transactions import Entry


class Context:
    """One terminal's parts. `now` is the time of the last thing that happened, with a time zone or without, but always
    the same way. `kernels` is None for a terminal that reads no chips.
    """

    def __init__(
        self,
        *,
        profile: AcquirerProfile,
        identity: Identity,
        hsm: HsmPort,
        store: TerminalStore,
        currency: Currency,
        merchant_name: str,
        now: datetime,
        kernels: Kernels | None = None,
    ) -> None:
        self.profile = profile
        self.identity = identity
        self.hsm = hsm
        self.memory = Memory(store)
        self.currency = currency
        self.mapper = Mapper(profile, identity, hsm)
        self.sealer = Sealer(profile, hsm)
        self.now = now
        self._own_kernels = self.kernels = kernels
        self.equip_kernels()
        self._merchant_name = merchant_name
        self._blocks: dict[str, KeyBlock] = {}

    def equip_kernels(self) -> None:
        """Give the kernels what has been downloaded for them.

        Raises: TerminalStoreError: the store holds something that cannot be used.
        """
        if self._own_kernels is None or not self.memory.downloads:
            return
        try:
            self.kernels = self._own_kernels.equipped(
                keys=self._downloaded(CA_KEYS), applications=self._downloaded(APPLICATIONS)
            )
        except LayoutError as error:
            raise TerminalStoreError(f"stored download: {error}") from None

    def _downloaded(self, name: str) -> list[bytes]:
        download = self.memory.downloads.get(name)
        return [] if download is None else download.answers

    # --- time and words ---

    @property
    def local_time(self) -> datetime:
        """The terminal's clock, as the host last set it."""
        return self.now + timedelta(seconds=self.memory.registers.clock_offset_s)

    def tell(self, name: str, **details: str) -> Tell:
        """Something worth writing down. Whoever calls this hands in masked values only."""
        return Tell(name, details, self.now)

    def tell_message(self, name: str, header: str, wire: bytes) -> Tell:
        """A message that went out or came in."""
        return Tell(name, {"header": header}, self.now, wire)

    @property
    def letterhead(self) -> Letterhead:
        name = self.memory.registers.merchant_name or self._merchant_name
        return Letterhead(name, self.identity.merchant_id, self.identity.terminal_id)

    # --- the state tables ---

    @property
    def state(self) -> State:
        return self.memory.registers.state

    def refusal(self, event: Event) -> str | None:
        """Why this event cannot happen now; None when it can."""
        target = LIFECYCLE[self.state][event]
        return target.reason if isinstance(target, Refused) else None

    def fire(self, draft: Draft, event: Event) -> None:
        """Move the drafted lifecycle state. Raises: TerminalError: the event is refused in that state."""
        target = LIFECYCLE[draft.registers.state][event]
        if isinstance(target, Refused):
            raise TerminalError(f"{event} in state {draft.registers.state}: {target.reason}")
        if target is not draft.registers.state:
            draft.set(state=target)

    def happen(self, draft: Draft, happening: Happening, **change: Any) -> None:
        """Move the drafted exchange phase; `IDLE` removes the pending reversal.

        Args:
            change: fields of the pending reversal that change with it, such as its reason.
        Raises: TerminalError: the happening is refused in that phase.
        """
        phase = draft.reversal.phase if draft.reversal else Phase.IDLE
        target = EXCHANGE[phase][happening]
        if isinstance(target, Refused):
            raise TerminalError(f"{happening} in phase {phase}: {target.reason}")
        if draft.reversal is not None:
            draft.reversal = None if target is Phase.IDLE else replace(draft.reversal, phase=target, **change)

    def begin_exchange(self, draft: Draft, reversal: PendingReversal) -> None:
        """Store the reversal of a request that is about to be sent. Raises: TerminalError: one is stored already."""
        target = EXCHANGE[draft.reversal.phase if draft.reversal else Phase.IDLE][Happening.STORED]
        if isinstance(target, Refused):
            raise TerminalError(target.reason)
        draft.reversal = replace(reversal, phase=target)

    # --- keys ---

    def key(self, name: str) -> KeyBlock:
        """One of the registers' keys by name: tmk, pik, mak, tdk. Raises: TerminalError: there is none."""
        block = getattr(self.memory.registers, name)
        if not block:
            raise TerminalError(f"the terminal has no {name.upper()}; sign on first")
        kept = self._blocks.get(name)
        if kept is None or kept != block:
            kept = self._blocks[name] = KeyBlock(block)
        return kept

    @property
    def tdk(self) -> KeyBlock | None:
        """The track key, when this acquirer wants tracks enciphered."""
        return self.key("tdk") if self.profile.keys.encrypt_tracks else None

    # --- sealed values ---

    def ensure_storage_key(self, draft: Draft) -> None:
        """Draw the key that seals card numbers on disk, once in a terminal's life."""
        if not draft.registers.storage_key:
            draft.set(storage_key=str(self.hsm.generate_key(KeyUsage.STORAGE, Algorithm.AES_256)))

    def seal(self, what: str, plaintext: bytes) -> str:
        """Seal for the store; `what` binds it to its place, such as `card/000001-000002`."""
        return self.hsm.seal(self.key("storage_key"), plaintext, self._binding(what)).hex()

    def unseal(self, what: str, sealed: str) -> bytes:
        return self.hsm.unseal(self.key("storage_key"), bytes.fromhex(sealed), self._binding(what))

    def seal_card(self, key: str, card: CardData) -> str:
        """PAN and expiry for voids, refunds and the batch upload; never a track, never a PIN."""
        return self.seal(f"card/{key}", json.dumps([card.pan.reveal(), card.expiry]).encode())

    def unseal_card(self, entry: JournalEntry) -> CardData:
        """The card of a journal entry, as a keyed one: that is what a request from the journal says."""
        pan, expiry = json.loads(self.unseal(f"card/{entry.key}", entry.sealed_card))
        return CardData(Entry.KEYED, Pan(pan), expiry)

    def seal_message(self, what: str, message: Message) -> str:
        return self.seal(what, self.profile.dialect.pack(message))

    def unseal_message(self, what: str, sealed: str) -> Message:
        return self.profile.dialect.unpack(self.unseal(what, sealed))

    def _binding(self, what: str) -> bytes:
        return f"terminal/{self.identity.terminal_id}/{what}".encode()

    def parameter(self, name: str, default: str) -> str:
        """A downloaded terminal parameter, or what holds until there is one."""
        parameters: Mapping[str, str] = self.memory.registers.parameters
        return parameters.get(name, default)

    @property
    def batch_is_full(self) -> bool:
        """True when the open batch holds as many entries as the acquirer lets it."""
        most = self.profile.settlement.batch_size_max
        return len(self.memory.journal) >= most and len(self.memory.batch_entries) >= most

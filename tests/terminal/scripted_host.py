"""The other end of the line for the terminal's tests: a scripted host, a driver of flows, a store whose power fails.

The host keeps a ledger of what it was told, by batch and trace number, and does to its answers what the script says.
It shares the codec and the HSM with the terminal, and none of the terminal's logic.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from posterm.hsm import Algorithm, KeyUsage, Lmk, Pin, SoftHsm
from posterm.iso8583 import Message
from posterm.sensitive import Track2
from posterm.terminal import Change, Identity, MemoryTerminalStore, Terminal
from posterm.terminal import effects as fx
from posterm.terminal.records import ScriptNotice
from posterm.unionpay.envelope import Envelope, open_envelope
from posterm.unionpay.header import Requirement
from posterm.unionpay.key_layout import Role, WrappedKey, pack_keys
from posterm.unionpay.profile import AcquirerProfile, get_profile
from posterm.unionpay.totals import Reconciliation, SettlementTotals, Totals, parse_upload, parse_upload_end
from posterm.unionpay.transactions import Kind, Network, Side, find_transaction, response_mti
from posterm.unionpay.tusn import DeviceIdentity

TMK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
PIK = bytes.fromhex("1A2B3C4D5E6F708192A3B4C5D6E7F801")
MAK = bytes.fromhex("0D1E2F3A4B5C6D7E")
MAK_DOUBLE = bytes.fromhex("0D1E2F3A4B5C6D7E1A2B3C4D5E6F7081")
TDK = bytes.fromhex("C0C1C2C3C4C5C6C7D0D1D2D3D4D5D6D7")
COMPONENTS = [bytes(range(16)), bytes(a ^ b for a, b in zip(range(16), TMK, strict=True))]
IDENTITY = Identity("10000001", "898310058120001", DeviceIdentity("TEST010000000001"))
TRACK = "6212345678901265=30122011234567890123"
START = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
MANAGER, SUPERVISOR, CASHIER = "88888888", "123456", "0000"


@dataclass
class Entry:
    """One transaction in the host's ledger."""

    kind: Kind
    side: Side
    amount: int
    approved: bool
    reversed: bool = False
    reason: str = ""
    answer: Message | None = field(default=None, repr=False)
    content: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Act:
    """One line of the script: what to do with the next request that fits.

    `what`: answer, lose-request, lose-answer, tear, not-sent, late, double, bad-mac, garbage, no-mac; unread, when the
    host could not read it and answers with the code alone.
    `change` are elements put into the answer, `code` its DE 39, `drop` elements left out.
    """

    what: str = "answer"
    mti: str = ""
    network: str = ""
    code: str = "00"
    change: Mapping[int, Any] = field(default_factory=dict)
    drop: tuple[int, ...] = ()
    answer_mti: str = ""
    requirement: Requirement = Requirement.NONE
    times: int = 1


class ScriptedHost:
    """Answers every request well unless the script has something else for it."""

    def __init__(self, profile: AcquirerProfile, script: Iterable[Act] = ()) -> None:
        self.profile = profile
        self.hsm = SoftHsm(Lmk.test(), random.Random(1).randbytes)
        self.mak = self._load(MAK_DOUBLE if profile.keys.layout.startswith("tagged") else MAK)
        self.script = [act for act in script for _ in range(act.times)]
        self.seen: list[Message] = []
        self.ledger: dict[tuple[str, str], Entry] = {}
        self.blocked: set[tuple[str, str]] = set()
        self.uploaded: Counter[tuple[str, str]] = Counter()
        self.upload_messages: list[tuple[str, str]] = []
        self.ends: list[tuple[str, str, int]] = []
        self.stray: list[bytes] = []
        self.reconcile: Reconciliation | None = None
        self.batch = ""
        self.keys_field: bytes | None = None
        self.parameters = b""
        self.chip_fields: dict[str, Callable[[bytes], bytes]] = {}
        """DE 62 of answers by 60.3, made of the request's."""
        self.balance = "1002156C000000100000"

    def _load(self, key: bytes) -> Any:
        algorithm = Algorithm.DES if len(key) == 8 else Algorithm.TDES_DOUBLE
        return self.hsm.load_clear_key(key, KeyUsage.MAC, algorithm)

    # --- the line ---

    def receive(self, frame: bytes) -> list[bytes] | str:
        """Frames that come back, or `timeout`, `torn`, `not-sent`."""
        request = self.profile.dialect.unpack(open_envelope(frame).wire)
        act = self._act(request)
        if act.what == "not-sent":
            return "not-sent"
        self.seen.append(request)
        early, self.stray = self.stray, []
        if act.what == "lose-request":
            return early or "timeout"
        reply = self._answer_frame(frame, request, act)
        if act.what == "late":
            self.stray = [reply]
        if act.what in ("late", "lose-answer"):
            return early or "timeout"
        if act.what == "tear":
            return "torn"
        if act.what == "double":
            self.stray = [reply]
        return [*early, reply]

    def _act(self, request: Message) -> Act:
        for place, act in enumerate(self.script):
            if act.mti in ("", request.mti) and act.network in ("", str(request[60])[8:11]):
                return self.script.pop(place)
        return Act()

    def _answer_frame(self, frame: bytes, request: Message, act: Act) -> bytes:
        envelope = open_envelope(frame)
        if act.what == "garbage":
            self._book(request, Act())
            return b"\x60\x00\x00\x00\x03" + b"\xff" * 30
        answer = self._book(request, act)
        answer = answer.with_elements(act.change, drop=act.drop, mti=act.answer_mti or None)
        sealed = answer.mti[1] in "1246" and str(answer.get(39)) in ("00", "10", "11") and act.what != "no-mac"
        if sealed or act.what == "bad-mac":
            algorithm = self.profile.mac.algorithm
            wrong = act.what == "bad-mac"

            def mac(data: bytes) -> bytes:
                return b"00000000" if wrong else self.hsm.generate_mac(self.mak, algorithm, data)

            wire = self.profile.dialect.pack(answer, mac=mac)
        else:
            wire = self.profile.dialect.pack(answer)
        header = envelope.header.asking(act.requirement)
        return Envelope.around(wire, envelope.tpdu.swapped(), header).pack()

    # --- the ledger ---

    def _book(self, request: Message, act: Act) -> Message:
        book: dict[str, Callable[[Message, Act], Message]] = {
            "0400": self._reverse,
            "0500": self._compare,
            "0320": self._upload,
            "0800": self._manage,
            "0820": self._manage,
            "0620": self._manage,
        }
        return book.get(request.mti, self._transact)(request, act)

    def _echo(self, request: Message, code: str, added: Mapping[int, Any] | None = None) -> Message:
        kept = {n: str(request[n]) for n in (3, 4, 11, 25, 41, 42, 49, 60) if n in request}
        told = {
            12: "093105",
            13: "0601",
            32: "48310058",
            37: "0601" + str(request.get(11, "000000")).zfill(8),
            39: code,
        }
        return Message(response_mti(request.mti), {**kept, **told, **(added or {})})

    def _transact(self, request: Message, act: Act) -> Message:
        if act.code in ("77", "99", "A0") or act.what == "unread":
            return self._echo(request, act.code)
        key = (str(request[60])[2:8], request[11])
        known = self.ledger.get(key)
        if known is not None and known.answer is not None:
            assert known.content == _content(request), "one trace number, two contents"
            return known.answer
        row = find_transaction(request.mti, request[3], request[25], str(request[60])[:2])
        assert row is not None, "a request that is no transaction of the link"
        code = "25" if key in self.blocked else act.code
        approved = code in ("00", "10", "11")
        added = {38: f"A{request[11][1:]}", 15: "0601", 44: f"{'03080000':<11}{'48310058':<11}"} if approved else {}
        if row.kind is Kind.BALANCE:
            added[54] = self.balance
        answer = self._echo(request, code, added)
        amount = int(request.get(4, "0"))
        self.ledger[key] = Entry(row.kind, row.side, amount, approved, answer=answer, content=_content(request))
        if row.kind is Kind.TIP_ADJUST and approved:
            self._sale(request).amount = int(request[4])
        return answer

    def _sale(self, request: Message) -> Entry:
        reference = str(request[61])
        return self.ledger[reference[:6], reference[6:12]]

    def _reverse(self, request: Message, act: Act) -> Message:
        key = (str(request[60])[2:8], request[11])
        if act.code == "00":
            if key in self.ledger:
                self.ledger[key].reversed = True
                self.ledger[key].reason = request[39]
            else:
                self.blocked.add(key)
        return self._echo(request, act.code)

    def _compare(self, request: Message, act: Act) -> Message:
        claim = SettlementTotals.parse(str(request[48]))
        own = self.totals(str(request[60])[2:8])
        code = self.reconcile or (Reconciliation.EQUAL if own == claim.domestic else Reconciliation.DIFFERENT)
        return self._echo(request, act.code, {48: SettlementTotals(own, Totals(), code, code).digits})

    def _upload(self, request: Message, act: Act) -> Message:
        batch, network = str(request[60])[2:8], str(request[60])[8:11]
        if act.code != "00":
            return self._echo(request, act.code)
        if network in (Network.UPLOAD_END_DIFFERENT, Network.UPLOAD_END_EQUAL):
            self.ends.append((batch, network, parse_upload_end(str(request[48]))))
        elif network == Network.SETTLEMENT:
            stans = [item.stan for item in parse_upload(str(request[48]))]
            self.uploaded.update((batch, stan) for stan in stans)
            self.upload_messages.append((batch, " ".join(stans)))
        else:
            self.upload_messages.append((batch, request[11]))
            assert 2 in request, "a notice goes up with its card number"
            self.uploaded[batch, request[11]] += 1
            self._accept_notice(batch, request)
        return self._echo(request, "00")

    def _accept_notice(self, batch: str, request: Message) -> None:
        known = self.ledger.get((batch, request[11]))
        if known is not None and known.approved:
            return
        message_type = bytes(request[62])[21:23].decode()
        mti = "0200" if message_type == "36" else "0220"
        row = find_transaction(mti, request[3], request[25], message_type)
        assert row is not None
        self.ledger[batch, request[11]] = Entry(row.kind, row.side, int(request[4]), approved=True)
        if row.kind is Kind.TIP_ADJUST:
            self._sale(request).amount = int(request[4])

    def _manage(self, request: Message, act: Act) -> Message:
        network = str(request[60])[8:11]
        added: dict[int, Any] = {}
        if network in ("001", "003", "004") and act.code == "00":
            added[62] = self.keys_field or self.working_keys()
            if self.batch:
                added[60] = str(request[60])[:2] + self.batch + network
        if network == Network.PARAMETERS:
            added[62] = self.parameters
        if network in self.chip_fields:
            added[62] = self.chip_fields[network](bytes(request.get(62, b"")))
        return self._echo(request, act.code, added)

    def working_keys(self) -> bytes:
        """Field 62 in the profile's layout."""
        layout = self.profile.keys.layout
        mak = MAK_DOUBLE if layout.startswith("tagged") else MAK
        keys = {Role.PIK: PIK[:8] if layout == "single" else PIK, Role.MAK: mak, Role.TDK: TDK}
        kek = self.hsm.load_clear_key(TMK, KeyUsage.KEY_ENCRYPTION, Algorithm.TDES_DOUBLE)
        usages = {Role.PIK: KeyUsage.PIN_ENCRYPTION, Role.MAK: KeyUsage.MAC, Role.TDK: KeyUsage.DATA_ENCRYPTION}
        wrapped = {}
        for role, key in keys.items():
            algorithm = Algorithm.DES if len(key) == 8 else Algorithm.TDES_DOUBLE
            exported = self.hsm.export_key(kek, self.hsm.load_clear_key(key, usages[role], algorithm))
            wrapped[role] = WrappedKey(exported.cryptogram, exported.kcv)
        return pack_keys(layout, wrapped)

    def totals(self, batch: str) -> Totals:
        """What stands in the ledger."""
        totals = Totals()
        for (number, _), entry in self.ledger.items():
            if number == batch and entry.approved and not entry.reversed:
                totals = totals.plus(entry.side, entry.amount)
        return totals

    def mtis(self) -> list[str]:
        """What came in, by MTI, with 60.3 where it is no transaction."""
        return [m.mti if m.mti[1] in "124" else f"{m.mti}/{str(m[60])[8:11]}" for m in self.seen]


def _content(request: Message) -> tuple[str, ...]:
    return tuple(str(request.get(number, "")) for number in (3, 4, 22, 25, 35, 37, 38, 48, 49, 61))


class PowerCut(Exception):  # noqa: N818 - it is no error
    """The power went."""


class FailingStore:
    """Passes commits on until the one at which the power fails, before or after it is on disk."""

    def __init__(self, store: MemoryTerminalStore, cut_at: int | None = None, *, written: bool = False) -> None:
        self.store = store
        self.cut_at = cut_at
        self.written = written
        self.commits = 0

    def load(self) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
        return self.store.load()

    def commit(self, changes: Iterable[Change]) -> None:
        self.commits += 1
        if self.commits != self.cut_at:
            self.store.commit(changes)
            return
        if self.written:
            self.store.commit(changes)
        raise PowerCut


class Clock:
    """The clock of a test: one second for each effect."""

    def __init__(self) -> None:
        self.now = START

    def tick(self, seconds: int = 1) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@dataclass
class World:
    """The world around one terminal: host, card, PIN pad, printer, clock; and what it saw."""

    profile: AcquirerProfile = field(default_factory=lambda: get_profile("default"))
    script: tuple[Act, ...] = ()
    store: Any = field(default_factory=MemoryTerminalStore)
    card: Any = None
    pin: str | None = "123456"
    printer_fails: int = 0
    cut_at_effect: int = 0
    cut_after: bool = False
    """The power fails when the world has done the effect, and the terminal never learns of it."""
    identity: Identity = IDENTITY
    kernels: Any = None
    card_gone_at: int = 0
    """The command to the chip that gets no answer, counted over all."""

    def __post_init__(self) -> None:
        self.hsm = SoftHsm(Lmk.test(), random.Random(8583).randbytes)
        self.host = ScriptedHost(self.profile, self.script)
        self.clock = Clock()
        self.told: list[fx.Tell] = []
        self.effects: list[Any] = []
        self.printed: list[Any] = []
        self.frames: list[bytes] = []
        self.commands = 0
        self.power_on()

    def power_on(self, *, run: bool = False) -> Terminal:
        """A terminal on the same store and HSM, as after a power cut."""
        self._waiting: list[bytes] = []
        self.terminal = Terminal(
            profile=self.profile,
            identity=self.identity,
            hsm=self.hsm,
            store=self.store,
            now=self.clock.now,
            merchant_name="测试商户 TEST SHOP",
            kernels=self.kernels,
        )
        if run:
            self.drive(self.terminal.power_on(self.clock.now))
        return self.terminal

    def ready(self) -> World:
        """Keys in, signed on as cashier 01; what was seen so far is forgotten."""
        self.terminal.inject_tmk(COMPONENTS, password=MANAGER)
        script, self.host.script = self.host.script, []
        assert self.drive(self.terminal.sign_on("01", CASHIER, self.clock.now)).done
        self.host.script = script
        self.host.seen.clear()
        self.told.clear()
        self.effects.clear()
        self.frames.clear()
        return self

    def drive(self, flow: Generator[Any, Any, Any]) -> Any:
        """Run a flow to its end. Raises: PowerCut: at the effect, or commit, at which the power fails."""
        reply: Any = None
        try:
            while True:
                effect = flow.send(reply)
                self.effects.append(effect)
                cut = len(self.effects) == self.cut_at_effect
                if cut and not self.cut_after:
                    raise PowerCut
                reply = self._do(effect)
                if cut:
                    raise PowerCut
        except StopIteration as end:
            return end.value

    def _do(self, effect: Any) -> Any:
        match effect:
            case fx.Tell():
                self.told.append(effect)
                return None
            case fx.Transmit(frame=frame):
                return self._transmit(frame)
            case fx.Await():
                return self._next()
            case fx.PresentCard():
                card = self.card.pop(0) if isinstance(self.card, list) and self.card else self.card
                return fx.Cancelled() if card == [] else card or fx.Swiped(Track2(TRACK))
            case fx.Transceive():
                self.commands += 1
                return fx.CardGone() if self.commands == self.card_gone_at else fx.CardAnswered(b"\x90\x00")
            case fx.SelectApplication():
                return fx.Chosen(len(effect.labels) - 1)
            case fx.EnterOfflinePin():
                return fx.PinTyped(Pin(self.pin)) if self.pin else fx.PinSkipped()
            case fx.ReturnCard():
                return None
            case fx.EnterPin(pan=pan, pik=pik, pin_format=form):
                if self.pin is None:
                    return fx.PinSkipped()
                return fx.PinEntered(self.hsm.encrypt_pin(pik, Pin(self.pin), form, pan))
            case fx.Print(documents=documents):
                if self.printer_fails:
                    self.printer_fails -= 1
                    return fx.PrinterFailed("no paper")
                self.printed += documents
                return fx.Printed()
        raise AssertionError(f"an effect nobody does: {type(effect).__name__}")

    def _transmit(self, frame: bytes) -> Any:
        self.frames.append(frame)
        came = self.host.receive(frame[2:])
        self._waiting = []
        if came == "not-sent":
            return fx.NotSent(self.clock.tick(), "no route")
        if came == "torn":
            return fx.LinkLost(self.clock.tick(), "reset")
        if came == "timeout":
            return fx.TimedOut(self.clock.tick(60))
        if isinstance(came, list):
            self._waiting = came
        return self._next()

    def _next(self) -> Any:
        if not self._waiting:
            return fx.TimedOut(self.clock.tick(60))
        return fx.FrameArrived(self._waiting.pop(0), self.clock.tick())

    def owe_script_notice(self, stan: str, chip_data: bytes) -> None:
        """Let a script result be owed to the issuer, as a chip transaction leaves it."""
        memory = self.terminal._ctx.memory
        draft = memory.draft()
        draft.script_notice = ScriptNotice(self.terminal.batch, stan, chip_data.hex())
        memory.commit(draft)

    # --- what a test asks ---

    def do(self, name: str, *arguments: Any) -> Any:
        """Run one of the terminal's flows by name, with the time at the end."""
        return self.drive(getattr(self.terminal, name)(*arguments, self.clock.now))

    @property
    def names(self) -> list[str]:
        """Names of what was told, without the messages themselves."""
        return [tell.name for tell in self.told if tell.name not in ("sent", "received")]

    def agrees(self) -> bool:
        """The terminal's open batch stands as the host's ledger does."""
        return self.terminal.totals == self.host.totals(self.terminal.batch)


def profile(**sections: Any) -> AcquirerProfile:
    """The default profile with some knobs turned: `profile(reversal={"attempts": 1})`."""
    base = get_profile("default")
    return base.model_copy(
        update={
            name: getattr(base, name).model_copy(update=values) if isinstance(values, Mapping) else values
            for name, values in sections.items()
        }
    )


def entry_of(world: World, stan: str) -> Any:
    """The journal entry with that trace number."""
    return next(entry for entry in world.terminal.journal if entry.stan == stan)


__all__ = ["Act", "FailingStore", "PowerCut", "ScriptedHost", "World", "entry_of", "profile"]

"""An issuer apart, at the other end of a line that loses, delays, doubles and garbles, and that hangs now and then.

It is the real issuer core over books of its own. Whoever hangs has heard and booked what it does not answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

from posterm.errors import PostermError
from posterm.host import Host, HostKeys, MemoryHostStore
from posterm.host.issuing.issuer_host import IssuerHost
from posterm.host.issuing.session import Session
from posterm.host.switch.directory import IssuerDirectory
from posterm.host.switch.forwards import Forward
from posterm.host.switch.over_link import IssuerOverLink, IssuerTerms
from posterm.host.switch.port import Suspended
from posterm.hsm import Algorithm, KeyUsage, Lmk, SoftHsm
from posterm.iso8583 import Message, get_dialect
from posterm.unionpay.errors import MacFailureError
from posterm.unionpay.network_link import KEY_ALGORITHM, NetworkCode, about_link
from posterm.unionpay.network_mac import NetworkSealer
from posterm.unionpay.profile import AcquirerProfile
from simulators.enrolment import enrol_issuer_cards
from simulators.network import Faults, UnreliableLine
from simulators.world.clock import Clock
from simulators.world.disks import HostDisk

NAME: Final = "apart"
INSTITUTION: Final = "03050001"
PREFIXES: Final = ("621234",)
AGAIN_S: Final = 20.0
HANGS: Final = 0.02
HANGS_S_MAX: Final = 120.0
ZMK: Final = bytes.fromhex("89ABCDEF0123456776543210FEDCBA98")
DIALECT: Final = get_dialect("unionpay-cups")


class IssuerSite:
    """The issuer of the debit cards, and the host's link to it.

    Args:
        hsm: the host's.
        host: the host as it is now; None while it is down.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        disk: HostDisk,
        line: UnreliableLine,
        randomness: random.Random,
        profile: AcquirerProfile,
        hsm: SoftHsm,
        acquirer: str,
        host: Callable[[], Host | None],
    ) -> None:
        self._clock, self._disk, self._line, self._random, self._host = clock, disk, line, randomness, host
        self._acquirer = acquirer
        self.store = MemoryHostStore()
        its_hsm = SoftHsm(Lmk.test(), randomness.randbytes)
        keys = HostKeys(
            fingerprint=its_hsm.generate_key(KeyUsage.FINGERPRINT, Algorithm.AES_256),
            pvk=its_hsm.generate_key(KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE),
        )
        its_zmk = its_hsm.load_clear_key(ZMK, KeyUsage.KEY_ENCRYPTION, KEY_ALGORITHM)
        self.issuer = IssuerHost(profile, its_hsm, self.store, keys, institution=INSTITUTION, zmks={acquirer: its_zmk})
        enrol_issuer_cards(self.issuer, its_hsm, PREFIXES, at=clock.now)
        zmk = hsm.load_clear_key(ZMK, KeyUsage.KEY_ENCRYPTION, KEY_ALGORITHM)
        terms = IssuerTerms(name=NAME, institution=INSTITUTION, prefixes=PREFIXES)
        self.port = IssuerOverLink(terms, NetworkSealer(hsm), zmk)
        self.directory = IssuerDirectory([self.port])
        self.refused: list[str] = []
        self._session = Session()
        self._hangs_until = 0.0
        self._telling = ""

    def connect(self) -> None:
        """A new connection: the host signs on and brings new keys."""
        now = self._clock.now
        self._session = Session()
        keys, messages = self.port.draw_keys(self._acquirer, ("000002", "000003"), now)
        for message in (about_link(NetworkCode.SIGN_ON, "000001", now, self._acquirer), *messages):
            self.issuer.handle(self._session, DIALECT.unpack(DIALECT.pack(message)), now)
        self.port.keys = keys
        self._telling = ""

    def hang_up(self) -> None:
        """The connection is gone."""
        self.port.keys = None

    def ask(self, suspended: Suspended, done: Callable[[Message | None], None]) -> None:
        """Carry a request there and its answer back; `done` is called once, with None when time has run out."""
        open_requests = [done]

        def finish(answer: Message | None) -> None:
            if open_requests:
                open_requests.pop()(answer)

        self._clock.after(suspended.timeout_s, lambda: finish(None))
        self._send(suspended.request, finish)

    def tell(self) -> None:
        """Bring the issuer what it must have, one after the other, until there is nothing more."""
        host = self._host()
        if host is None or self.port.keys is None or self._telling:
            return
        forward = host.first_forward(NAME)
        if forward is not None:
            self._telling = forward.forward_id
            self._clock.after(AGAIN_S, lambda: self._tell_again(forward.forward_id))
            sealed = self.port.sealer.seal(forward.message, self.port.keys.zak)
            self._send(sealed, lambda answer: self._told(forward, answer))

    def _tell_again(self, forward_id: str) -> None:
        if self._telling == forward_id:
            self._telling = ""
            self.tell()

    def _told(self, forward: Forward, answer: Message) -> None:
        host, keys = self._host(), self.port.keys
        if host is None or keys is None or self._telling != forward.forward_id:
            return
        with suppress(MacFailureError, PostermError):
            self.port.sealer.check(answer, keys.zak)
            with self._disk.batch():
                event = host.forwarded(forward.forward_id, answer, self._clock.now)
            if event is not None:
                self._telling = ""
                if event.name == "forward-refused":
                    self.refused.append(f"{forward.message.mti} {event.details}")
                self.tell()

    def _send(self, message: Message, answered: Callable[[Message], None]) -> None:
        passage = self._line.passage()
        wire = self._line.carried(DIALECT.pack(message), passage)
        for delay in passage.arrivals:
            self._clock.after(delay, lambda: self._arrive(wire, answered))

    def _arrive(self, wire: bytes, answered: Callable[[Message], None]) -> None:
        answer = self._handled(wire, self._clock.now)
        if answer is None or self._hangs():
            return
        passage = self._line.passage()
        back = self._line.carried(DIALECT.pack(answer), passage)
        for delay in passage.arrivals:
            self._clock.after(delay, lambda: self._come_back(back, answered))

    @staticmethod
    def _come_back(wire: bytes, answered: Callable[[Message], None]) -> None:
        with suppress(PostermError):  # garbled beyond reading: as if it had been lost
            answered(DIALECT.unpack(wire))

    def _handled(self, wire: bytes, now: datetime) -> Message | None:
        with suppress(PostermError):
            return self.issuer.handle(self._session, DIALECT.unpack(wire), now).answer
        return None

    def _hangs(self) -> bool:
        if self._line.faults == Faults.none():
            return False
        if self._random.random() < HANGS:
            self._hangs_until = self._clock.elapsed_s + self._random.uniform(1.0, HANGS_S_MAX)
        return self._clock.elapsed_s < self._hangs_until

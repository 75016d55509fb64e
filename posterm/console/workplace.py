"""From a configuration to a terminal that can be driven, and back to what a person sees.

A terminal out of its box gets the test TMK of the configuration, so that the first sign-on works without a ceremony.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from posterm.console.configuration import Configuration
from posterm.console.hsm_desk import ask_passphrase
from posterm.console.wallet import put_back
from posterm.emv.capk import CaKeyStore
from posterm.hsm import HsmPort
from posterm.runtime import clock
from posterm.runtime.assembly import open_hsm, open_terminal
from posterm.runtime.channel import client_channel
from posterm.runtime.run_terminal import drive
from posterm.runtime.tcp import TcpLine
from posterm.terminal import Identity, Terminal
from posterm.terminal.effects import Flow, ShowCode, Tell
from posterm.terminal.receipt import Document
from posterm.terminal.transitions import State
from posterm.unionpay.profile import AcquirerProfile, load_profile
from posterm.unionpay.tusn import DeviceIdentity
from simulators.card import Card, authorities
from simulators.front import Front, Hand, PinPad

R = TypeVar("R")


@dataclass(slots=True)
class Workplace:
    """A terminal on its counter. `listen` is told of every message and event, `paper` gets what is printed."""

    terminal: Terminal
    hsm: HsmPort
    profile: AcquirerProfile
    line: TcpLine
    listen: Callable[[Tell], None]
    paper: Callable[[Document], None]
    cards: Path
    """Where what the chip cards remember is kept."""
    screen: Callable[[ShowCode], None] | None = None
    """Shows a code to the customer."""

    def run(self, flow: Flow[R], who: Hand | None = None) -> R:
        """Drive one command of the terminal to its end."""
        pin_pad = PinPad(self.hsm)
        hand = who or Hand.empty()
        front = Front(hand, pin_pad, self.paper, clock.pause, self.screen)
        try:
            return drive(flow, line=self.line, front=front, listen=self.listen)
        finally:
            if isinstance(hand.chip, Card):
                put_back(self.cards, hand.chip)


@contextmanager
def workplace(
    configuration: Configuration,
    *,
    listen: Callable[[Tell], None],
    paper: Callable[[Document], None],
    profile: AcquirerProfile | None = None,
    screen: Callable[[ShowCode], None] | None = None,
) -> Iterator[Workplace]:
    """Open the configured terminal, and close its store at the end.

    Raises: StoreError, ProfileError.
    """
    profile = profile or load_profile(configuration.profile)
    settings = configuration.terminal
    hsm = open_hsm(configuration.hsm.lmk, ask_passphrase)
    identity = Identity(
        settings.terminal_id, settings.merchant_id, DeviceIdentity(settings.serial, location=settings.location)
    )
    opened = open_terminal(
        configuration.data_directory,
        profile,
        hsm,
        identity,
        merchant_name=settings.merchant_name,
        ca_keys=CaKeyStore(authorities()),
    )
    try:
        if opened.terminal.state is State.NEW:
            components = [bytes.fromhex(component) for component in settings.tmk_components]
            opened.terminal.inject_tmk(components, password=settings.manager_password)
        line = TcpLine(
            settings.host_address, settings.host_port, partial(client_channel, profile, settings.host_address)
        )
        yield Workplace(opened.terminal, hsm, profile, line, listen, paper, configuration.data_directory, screen)
    finally:
        opened.store.close()

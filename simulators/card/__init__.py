"""Test cards that compute: keys, certificates and cryptograms of their own, counters that move, scripts obeyed.

    card              Card: power, APDUs, SELECT and the payment system directories
    profile           the profile file; ready cards
    personalization   from profile to records, certificates and keys
    applet            an application: the plain commands
    cryptograms       GENERATE AC, EXTERNAL AUTHENTICATE
    tapped            contactless: one answer for all, and the stripe that changes
    pin               VERIFY
    scripts           the issuer's commands
    risk              what the card decides
    issuer_data       9F10
    state             memory and transaction
    transport         answers to reset, T=0
    faults            how a card may misbehave, and what a terminal must make of it; tap_faults when it is tapped
    certificates      as issuer and card make them
    rsa               keys from a seed
    issuer_keys       the test issuers and certification authorities
    stream            bytes from a seed
    command           command APDUs, status words
    errors            what is wrong with a card as such

A card knows nothing of the kernel it is put to: it shares only codecs and the symmetric calculations of `posterm.hsm`.

>>> card = load("visa-debit")
>>> card.power_on().hex()
'3be700008131fe45706f737465726d8e'
>>> card.transmit(bytes.fromhex("00A4040007A000000003101000"))[-2:].hex()
'9000'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.card.card import Card
from simulators.card.errors import CardError, ProfileError
from simulators.card.faults import FAULTS, NO_FAULT, Fault
from simulators.card.issuer_keys import MasterKeys, authorities, authority, master_keys
from simulators.card.profile import CardProfile, load_profile, merged, profile_names
from simulators.card.tap_faults import TAP_FAULTS

__all__ = [
    "FAULTS",
    "TAP_FAULTS",
    "Card",
    "CardError",
    "CardProfile",
    "Fault",
    "MasterKeys",
    "ProfileError",
    "authorities",
    "authority",
    "load",
    "load_profile",
    "master_keys",
    "profile_names",
]


def load(
    name: str,
    *,
    seed: int = 0,
    contactless: bool = False,
    fault: str = "",
    changes: Mapping[str, Any] | None = None,
) -> Card:
    """A new card.

    Args:
        name: a ready card (`profile_names`), a test card with a chip (`debit`), or the path of a profile file.
        seed: what the card draws comes from it.
        contactless: tapped instead of inserted.
        fault: a name of `FAULTS` or `TAP_FAULTS`.
        changes: laid over the profile, as the tables of a file would be.
    Raises: ProfileError: name, changes or fault that cannot be.
    """
    menu = FAULTS | TAP_FAULTS
    if fault and fault not in menu:
        raise ProfileError(f"card {name}: there is no fault {fault}", hint=f"one of {', '.join(menu)}")
    chosen = menu[fault] if fault else NO_FAULT
    profile = load_profile(name, merged(chosen.changes, changes or {}))
    return Card(profile, seed=seed, contactless=contactless, fault=chosen)

"""The HSM in process: keys go by their sealed blocks, PINs and keys are in the clear in here only.

What a command asks of its keys stands in `needs`; how they are opened, in `vault`; the commands, by family, in
`commands`.

Left out: where counts of failures and audit records are kept: the guard's store.
"""

from __future__ import annotations

from collections.abc import Callable

from posterm.hsm.commands.at_rest import AtRestCommands
from posterm.hsm.commands.card import CardCommands
from posterm.hsm.commands.data import DataCommands
from posterm.hsm.commands.emv import EmvCommands
from posterm.hsm.commands.emv_prepared import PreparedEmvCommands
from posterm.hsm.commands.key_blocks import KeyBlockCommands
from posterm.hsm.commands.key_exchange import KeyExchange
from posterm.hsm.commands.keys import ExportedKey
from posterm.hsm.commands.lmk_pin import LmkPinCommands
from posterm.hsm.commands.mac import MacCommands
from posterm.hsm.commands.mac_chain import MacChainCommands
from posterm.hsm.commands.pin import PinCommands
from posterm.hsm.commands.pin_translation import PinTranslation
from posterm.hsm.commands.pin_verification import PinVerification
from posterm.hsm.guard import Guard
from posterm.hsm.lmk import Lmk
from posterm.hsm.variant_lmk import VariantLmk
from posterm.hsm.vault import KEPT_KEYS

__all__ = ["KEPT_KEYS", "ExportedKey", "SoftHsm"]


class SoftHsm(
    KeyExchange,
    KeyBlockCommands,
    MacCommands,
    MacChainCommands,
    PinTranslation,
    PinCommands,
    LmkPinCommands,
    PinVerification,
    CardCommands,
    EmvCommands,
    PreparedEmvCommands,
    DataCommands,
    AtRestCommands,
):
    """A software HSM under one local master key of each kind.

    Args:
        lmk: seals the key blocks.
        entropy: called with a number of bytes, gives that many. Operating system randomness, or seeded in simulations.
        variant_lmk: enciphers the keys that have no header; without one they are refused.
        kept_keys: how many opened keys are kept at most; the one opened first goes first.
        allow_weaker_translation: without a guard, let `translate_pin` go to a weaker cipher or give up the PAN binding.
        allow_pan_change: without a guard, let `translate_pin` bind a block to another PAN.
        allow_weaker_kek: let a zone master key carry keys that are stronger than itself.
        former_variant_lmk: the variant LMK before this one, from which keys are brought over.
        guard: what is permitted, and how often one may be wrong. Without one everything is that the keys permit, which
            is for simulations, tests and terminals with keys of their own.
    Raises: PublishedLmkError: a test LMK, where the guard is in production.
    """

    __slots__ = ()

    def __init__(
        self,
        lmk: Lmk,
        entropy: Callable[[int], bytes],
        *,
        variant_lmk: VariantLmk | None = None,
        kept_keys: int = KEPT_KEYS,
        allow_weaker_translation: bool = False,
        allow_pan_change: bool = False,
        allow_weaker_kek: bool = False,
        former_variant_lmk: VariantLmk | None = None,
        guard: Guard | None = None,
    ) -> None:
        super().__init__(lmk, entropy, variant_lmk=variant_lmk, kept_keys=kept_keys, guard=guard)
        self._allow_weaker_translation = allow_weaker_translation
        self._allow_pan_change = allow_pan_change
        self._allow_weaker_kek = allow_weaker_kek
        self._former_variant_lmk = former_variant_lmk

"""Keys as host commands ask for them: of either kind of local master key, and to and from zone master keys.

What a new key is to become is a `KeyForm`: a field of some type under the variant LMK, or a key block with its
attributes. The rest is the same for both.

Source: Thales payShield (A0, A4, A6, A8, BW and the older commands that translate a key).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from posterm.hsm.commands.keys import combined, require_wraps
from posterm.hsm.commands.variant_keys import VariantKeyCommands, zone_master_key
from posterm.hsm.errors import KeyCheckError, KeyUsageError
from posterm.hsm.guard import Activity
from posterm.hsm.key_block import drawn
from posterm.hsm.keys import Algorithm, Exportability, KeyUsage, ModeOfUse
from posterm.hsm.needs import UNWRAP, WRAP
from posterm.hsm.primitives import ODD_PARITY, check_value
from posterm.hsm.variant_key import KeyReference, VariantKey
from posterm.hsm.variant_lmk import (
    decrypt_under_zmk,
    encrypt_under_zmk,
    require_odd_parity,
    with_atalla_variant,
)
from posterm.hsm.vault import DES_BY_LENGTH


@dataclass(frozen=True, slots=True)
class VariantForm:
    """A key under the variant LMK."""

    key_type: str
    scheme: str = ""
    """Z, X, U, T or Y; by the key's length when left out."""


@dataclass(frozen=True, slots=True)
class BlockForm:
    """A key block."""

    usage: KeyUsage
    mode: ModeOfUse | None = None
    exportability: Exportability = Exportability.EXPORTABLE


KeyForm = VariantForm | BlockForm


class KeyExchange(VariantKeyCommands):
    """Keys in either form, between local and zone master keys.

    Args:
        allow_weaker_kek: let a zone master key carry keys that are stronger than itself.
        former_variant_lmk: the local master key before this one, from which keys are brought over.
    """

    __slots__ = ()

    def lmk_check_value(self, *, variant: bool = False) -> bytes:
        """3 bytes that name a local master key without telling it. Raises: KeyBlockError: there is no variant LMK."""
        return self._variants().check_value if variant else self._lmk.check_value

    def random_bytes(self, size: int) -> bytes:
        """That many bytes of this HSM's entropy."""
        return drawn(self._entropy, size)

    def make_key(self, form: KeyForm, algorithm: Algorithm) -> KeyReference:
        """A new random key. Raises: as `generate_key` and `generate_variant_key`."""
        return self._wrap_as(form, algorithm, self._random_key(algorithm))

    def take_key(
        self, zmk: KeyReference, field: str, form: KeyForm, *, atalla_variant: int = 0, adjust_parity: bool = False
    ) -> KeyReference:
        """Take a DES key in that comes under a zone master key.

        Args:
            field: scheme letter and hexadecimal digits, as the other side sent it.
            atalla_variant: 0 to 31, where the other side lays one on the zone master key.
            adjust_parity: take a key of another parity than odd, and put it right.
        Raises: KeyUsageError: `zmk` is none, or too weak. KeyCheckError: parity, length. KeyBlockError: not a field.
        """
        opened = self._open(zmk, UNWRAP)
        clear = decrypt_under_zmk(with_atalla_variant(zone_master_key(opened), atalla_variant), field)
        if adjust_parity:
            clear = clear.translate(ODD_PARITY)
        require_odd_parity(clear)
        algorithm = DES_BY_LENGTH[len(clear)]
        self._require_carries(opened.algorithm, algorithm)
        return self._wrap_as(form, algorithm, clear)

    def give_key(self, zmk: KeyReference, key: KeyReference, *, scheme: str = "", atalla_variant: int = 0) -> str:
        """A DES key under a zone master key, as a field that begins with its scheme letter.

        Raises: KeyUsageError: `zmk` is none or weaker than the key, the key is of another cipher or may not leave.
        """
        key = self._require_exportable(key)
        opened = self._open(zmk, WRAP)
        algorithm, clear = self._unwrap(key)
        self._require_carries(opened.algorithm, algorithm)
        self._permit(Activity.KEY_EXPORT)
        return encrypt_under_zmk(with_atalla_variant(zone_master_key(opened), atalla_variant), clear, scheme)

    def join_components(self, components: Sequence[KeyReference], form: KeyForm) -> KeyReference:
        """The key that 2 to 9 components give which are themselves kept as keys, by exclusive or.

        Raises: KeyCheckError: number, components of different lengths, or ones that cancel out.
            KeyUsageError: a component kept for another use than the key that comes of it.
        """
        clear = []
        found = set()
        for component in components:
            component = self._reference(component)
            self._require_same_use(component, form)
            algorithm, part = self._unwrap(component)
            found.add(algorithm)
            clear.append(part)
        if len(found) != 1:
            raise KeyCheckError(f"key components: need components of one length, found {len(found)}")
        joined = combined(clear, algorithm)
        return self._wrap_as(form, algorithm, joined.translate(ODD_PARITY) if algorithm.is_des else joined)

    def bring_over(self, field: str, form: VariantForm) -> KeyReference:
        """A key from under the local master key before this one.

        Raises: KeyBlockError: not a field. KeyCheckError: parity. KeyUsageError: there is no local master key before.
        """
        if self._former_variant_lmk is None:
            raise KeyUsageError("key field: there is no former local master key to bring keys over from")
        clear = self._former_variant_lmk.decrypt_key(field, form.key_type)
        return self._wrap_as(form, DES_BY_LENGTH[len(clear)], clear)

    def pair_check_values(self, key: KeyReference, length: int = 3) -> tuple[bytes, bytes]:
        """The check values of the two halves of a double-length key, each as a key of its own: a pair of CVKs, say.

        Raises: KeyCheckError: not a double-length key.
        """
        algorithm, clear = self._unwrap(self._reference(key))
        if algorithm is not Algorithm.TDES_DOUBLE:
            raise KeyCheckError(f"key pair: need a {Algorithm.TDES_DOUBLE} key, found {algorithm}")
        left, right = (check_value(Algorithm.DES, half, length) for half in (clear[:8], clear[8:]))
        return left, right

    def _wrap_as(self, form: KeyForm, algorithm: Algorithm, clear: bytes) -> KeyReference:
        if isinstance(form, VariantForm):
            return self._wrap_variant(clear, form.key_type, form.scheme)
        return self._wrap(clear, form.usage, algorithm, form.mode, form.exportability)

    def _require_carries(self, kek: Algorithm, key: Algorithm) -> None:
        if not (self._allow_weaker_kek and kek.is_des and key.is_des):
            require_wraps(kek, key)

    @staticmethod
    def _require_same_use(component: KeyReference, form: KeyForm) -> None:
        if isinstance(component, VariantKey):
            same = isinstance(form, VariantForm) and component.key_type == form.key_type
        else:
            same = isinstance(form, BlockForm) and component.usage is form.usage
        if not same:
            raise KeyUsageError("key components: one of them is kept for another use than the key that comes of them")

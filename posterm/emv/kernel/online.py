"""What the issuer sends back: its authentication, its scripts, and its word on the transaction.

Source: EMV 4.4 Book 3, 10.9, 10.10 and annex E; Book 4, 6.3.7 to 6.3.9, A5 (script results).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from posterm import tlv
from posterm.emv.apdu import Command
from posterm.emv.bits import Aip, Tsi, Tvr
from posterm.emv.errors import ApduError, Stop
from posterm.emv.exchange import Exchange
from posterm.emv.kernel import commands
from posterm.emv.kernel.session import Session

MAX_SCRIPTS: Final = 16
"""The most scripts one answer may carry."""

_BOOK: Final = "Book 3"
_BEFORE_FINAL: Final = "71"
_AFTER_FINAL: Final = "72"
_SUCCESSES: Final = frozenset({0x90, 0x62, 0x63})
_IDENTIFIER_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class IssuerData:
    """The issuer's part of an answer: authentication data (91) and scripts, each with its tag 71 or 72."""

    authentication: bytes = b""
    scripts: tuple[tuple[str, bytes], ...] = ()


def parse_issuer_data(data: bytes) -> IssuerData:
    """Read the BER-TLV of an online answer; other objects are passed over.

    Raises: tlv.TlvError: not BER-TLV.
    """
    objects = tlv.parse(data)
    authentication = next((value for tag, value in objects if tag == "91"), b"")
    scripts = tuple((tag, value) for tag, value in objects if tag in (_BEFORE_FINAL, _AFTER_FINAL))
    return IssuerData(authentication, scripts[:MAX_SCRIPTS])


def authenticate_issuer(session: Session, issuer: IssuerData) -> Exchange[None]:
    """EXTERNAL AUTHENTICATE, once, if the card asks for it; otherwise 91 goes into CDOL2. Source: Book 3, 10.9."""
    if not issuer.authentication:
        session.note(_BOOK, "10.9", "the issuer sent no authentication data")
        return
    session.own["91"] = issuer.authentication
    if not session.aip & Aip.ISSUER_AUTHENTICATION_BY_EXTERNAL_AUTHENTICATE:
        session.note(_BOOK, "10.9", "no EXTERNAL AUTHENTICATE: the card checks 91 in GENERATE AC")
        return
    answer = yield from session.transmit(commands.external_authenticate(issuer.authentication))
    if not answer.ok:
        session.set(Tvr.ISSUER_AUTHENTICATION_FAILED, _BOOK, "10.9", f"EXTERNAL AUTHENTICATE answered {answer.sw:04X}")
    session.done(Tsi.ISSUER_AUTHENTICATION_PERFORMED, _BOOK, "10.9", "issuer authentication performed")


def run_scripts(session: Session, issuer: IssuerData, *, after_final: bool) -> Exchange[None]:
    """Send the commands of the scripts meant for before (71) or after (72) the final GENERATE AC.

    A command that fails ends its script; the next script follows. What the card does here changes nothing in the
    decision: a card withdrawn after the final GENERATE AC only fails the script.
    """
    wanted = _AFTER_FINAL if after_final else _BEFORE_FINAL
    for script in (value for tag, value in issuer.scripts if tag == wanted):
        failed_at, identifier = yield from _run(session, script, after_final=after_final)
        session.script_results += script_result(failed_at) + identifier
        session.own["9F5B"] = session.script_results
        session.done(Tsi.SCRIPT_PERFORMED, _BOOK, "10.10", f"script {identifier.hex().upper()} of template {wanted}")
        if failed_at is not None:
            bit = Tvr.SCRIPT_FAILED_AFTER_FINAL_AC if after_final else Tvr.SCRIPT_FAILED_BEFORE_FINAL_AC
            what = f"command {failed_at} failed" if failed_at else "the script cannot be read"
            session.set(bit, _BOOK, "10.10", what)


def script_result(failed_at: int | None) -> bytes:
    """The first byte of a script's result: 20 done, 1n failed at command n (F: 15 or later), 00 not performed.

    Args:
        failed_at: the number of the command that failed, from 1; 0 for a script that cannot be read; None: none failed.
    Source: EMV 4.4 Book 4, A5.

    >>> [script_result(failed).hex() for failed in (None, 0, 3, 40)]
    ['20', '00', '13', '1f']
    """
    if failed_at is None:
        return b"\x20"
    return bytes((0x10 | min(failed_at, 0x0F) if failed_at else 0x00,))


def _run(session: Session, script: bytes, *, after_final: bool) -> Exchange[tuple[int | None, bytes]]:
    """Run one script. Returns: which command failed (None: none; 0: unreadable), and its identifier (9F18).

    Raises: Stop: the card is gone, and there is a final GENERATE AC to come.
    """
    try:
        objects = tlv.parse(script)
    except tlv.TlvError:
        return 0, bytes(_IDENTIFIER_BYTES)
    identifier = next((value for tag, value in objects if tag == "9F18"), b"")
    identifier = identifier[:_IDENTIFIER_BYTES].rjust(_IDENTIFIER_BYTES, b"\x00")
    for sequence, command in enumerate((value for tag, value in objects if tag == "86"), start=1):
        try:
            answer = yield from session.transmit(Command.parse(command))
        except ApduError:
            return sequence, identifier
        except Stop:
            if not after_final:
                raise
            return sequence, identifier
        if answer.sw >> 8 not in _SUCCESSES:
            session.note("Book 3", "10.10", f"script command {sequence} answered {answer.sw:04X}")
            return sequence, identifier
    return None, identifier

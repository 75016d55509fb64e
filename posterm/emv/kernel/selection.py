"""Application selection: what both card and terminal know, and which of it is used.

Source: EMV 4.4 Book 1, 12.3.2 (PSE), 12.3.3 (list of AIDs), 12.4 (final selection). Leaves out directories below the
PSE: no card has them.
"""

from __future__ import annotations

from typing import Final

from posterm.emv import apdu
from posterm.emv.apdu import Response
from posterm.emv.card_data import LAST_PAYMENT_SFI, Fci, objects_of, parse_fci, template
from posterm.emv.config import ApplicationConfig
from posterm.emv.errors import CardDataError, Stop
from posterm.emv.exchange import Candidate, ChooseApplication, Exchange
from posterm.emv.kernel import commands
from posterm.emv.kernel.session import Session
from posterm.emv.outcome import Fallback

MAX_DIRECTORY_RECORDS: Final = 16
MAX_OCCURRENCES: Final = 8
"""How often the next application under the same AID is asked for. Some cards answer every SELECT."""

_BOOK: Final = "Book 1"


def build_candidate_list(session: Session) -> Exchange[list[Candidate]]:
    """Every application both sides know, those the card prefers first.

    Raises: Stop: the card is blocked.
    """
    candidates = yield from _from_pse(session)
    if not candidates:
        candidates = yield from _from_list_of_aids(session)
    session.note(_BOOK, "12.3", f"applications on the candidate list: {len(candidates)}")
    # Priority 0 means that the card has no preference: such applications come last, in the order they were found.
    return sorted(candidates, key=lambda candidate: candidate.priority or 16)


def choose(candidates: list[Candidate]) -> Exchange[Candidate | None]:
    """The candidate to use: the only one, or the cardholder's choice. None: the cardholder wants none of them.

    Source: EMV 4.4 Book 1, 12.4.
    """
    if len(candidates) == 1 and not candidates[0].needs_confirmation:
        return candidates[0]
    place: int | None = yield ChooseApplication(tuple(candidates))
    return candidates[place] if place is not None and 0 <= place < len(candidates) else None


def select_application(session: Session, candidate: Candidate) -> Exchange[bool]:
    """Select the application and keep what it says of itself. Returns: False when it will not be selected."""
    answer = yield from session.transmit(commands.select(candidate.df_name))
    if not answer.ok:
        session.note(_BOOK, "12.4", f"final SELECT answered {answer.sw:04X}: the application is not used")
        if answer.sw == apdu.FILE_INVALIDATED:
            session.fallback = Fallback.NOT_ALLOWED
        return False
    fci = _fci_of(answer)
    if fci is None or fci.df_name != candidate.df_name:
        session.note(_BOOK, "12.4", "final SELECT gave no usable file control information")
        return False
    session.application = _profile_of(session, candidate.terminal_aid)
    session.card = dict(fci.objects) | {"84": fci.df_name}
    session.own |= {
        "9F06": candidate.terminal_aid,
        "9F09": session.profile.version,
        "9F1B": session.profile.floor_limit.to_bytes(4, "big"),
    }
    if session.profile.risk_management_data:
        session.own["9F1D"] = session.profile.risk_management_data
    session.note(_BOOK, "12.4", f"selected {candidate.df_name.hex().upper()}, {session.profile.name}")
    return True


def _from_pse(session: Session) -> Exchange[list[Candidate]]:
    answer = yield from session.transmit(commands.select(commands.PSE))
    if answer.sw == apdu.FUNCTION_NOT_SUPPORTED:
        session.fallback = Fallback.NOT_ALLOWED
        session.note(_BOOK, "12.3.2", "SELECT answered 6A81: the card is blocked, or knows no SELECT")
        raise Stop("the card is blocked")
    fci = _fci_of(answer) if answer.ok else None
    sfi = fci.objects.get("88", b"") if fci else b""
    if fci is None or len(sfi) != 1 or not 1 <= sfi[0] <= LAST_PAYMENT_SFI:
        session.note(_BOOK, "12.3.2", f"no usable PSE (SELECT answered {answer.sw:04X}): the list of AIDs is used")
        return []
    found: list[Candidate] = []
    for record in range(1, MAX_DIRECTORY_RECORDS + 1):
        answer = yield from session.transmit(commands.read_record(sfi[0], record))
        if answer.sw == apdu.RECORD_NOT_FOUND:
            break
        try:
            entries = _directory_entries(answer)
        except CardDataError as error:
            session.note(_BOOK, "12.3.2", f"{error}: the list of AIDs is used")
            return []
        found.extend(candidate for entry in entries if (candidate := _candidate(session, entry)) is not None)
    session.note(_BOOK, "12.3.2", f"matching applications in the PSE: {len(found)}")
    return _each_once(found)


def _from_list_of_aids(session: Session) -> Exchange[list[Candidate]]:
    found: list[Candidate] = []
    blocked = 0
    for profile in session.terminal.applications:
        names: set[bytes] = set()
        for occurrence in range(MAX_OCCURRENCES):
            answer = yield from session.transmit(commands.select(profile.aid, following=occurrence > 0))
            if answer.sw == apdu.FUNCTION_NOT_SUPPORTED and not occurrence and not found:
                session.fallback = Fallback.NOT_ALLOWED
                raise Stop("the card is blocked")
            fci = _fci_of(answer) if answer.ok or answer.sw == apdu.FILE_INVALIDATED else None
            # A card that answers with a name it gave before, or with another application, has no more of this one.
            if fci is None or fci.df_name in names or not profile.matches(fci.df_name):
                break
            names.add(fci.df_name)
            if answer.sw == apdu.FILE_INVALIDATED:
                blocked += 1
                session.note(_BOOK, "12.3.3", f"{fci.df_name.hex().upper()} is blocked (6283)")
            else:
                found.append(_candidate_of_fci(fci, profile))
            if fci.df_name == profile.aid:
                break
    if blocked and not found:
        session.fallback = Fallback.NOT_ALLOWED
    return _each_once(found)


def _fci_of(answer: Response) -> Fci | None:
    try:
        return parse_fci(answer.data)
    except CardDataError:
        return None


def _directory_entries(answer: Response) -> list[dict[str, bytes]]:
    """The application templates of a record of the directory. Raises: CardDataError: no record, or not so built."""
    what = "directory"
    if not answer.ok:
        raise CardDataError(f"{what}: READ RECORD answered {answer.sw:04X}")
    entries = [value for tag, value in objects_of(template(answer.data, "70", what), what) if tag == "61"]
    return [dict(objects_of(entry, what)) for entry in entries]


def _candidate(session: Session, entry: dict[str, bytes]) -> Candidate | None:
    name = entry.get("4F", b"")
    if not 5 <= len(name) <= 16:
        return None
    matching = [profile for profile in session.terminal.applications if profile.matches(name)]
    if not matching:
        return None
    # The longest AID is the one that says most about this application.
    return _made(name, entry, max(matching, key=lambda profile: len(profile.aid)))


def _candidate_of_fci(fci: Fci, profile: ApplicationConfig) -> Candidate:
    return _made(fci.df_name, fci.objects, profile)


def _made(name: bytes, objects: dict[str, bytes], profile: ApplicationConfig) -> Candidate:
    indicator = objects.get("87", b"\x00")[:1] or b"\x00"
    label = objects.get("50", b"").decode("ascii", "replace").strip()
    return Candidate(name, label or profile.name, indicator[0] & 0x0F, bool(indicator[0] & 0x80), profile.aid)


def _profile_of(session: Session, aid: bytes) -> ApplicationConfig:
    return next(profile for profile in session.terminal.applications if profile.aid == aid)


def _each_once(candidates: list[Candidate]) -> list[Candidate]:
    return list({candidate.df_name: candidate for candidate in reversed(candidates)}.values())[::-1]

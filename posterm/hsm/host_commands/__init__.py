"""Host commands: the HSM as existing clients know it, by frames of two letters and fields. No socket is in here.

    session           HsmSession: one connection, bytes in and bytes out
    command_set       HostCommandSet: a message in, its answer out
    table             what is declared of every command
    fields            how fields are read
    errors            error codes, and what becomes which
    pin_formats       codes of PIN block formats
    key_attributes    what commands say of keys that are to be made

    diagnostics       NC NO B2 NK N0
    keys              A0 A2 A4 A6 A8 B0 BU BW GG GY KA
    key_translation   AE AG AU AW BY FA FC FE FK FM GC MG MI
    pins              CA CC CI G0 JC JE JG BA NG
    pin_verification  DA DC EA EC BC BE CK CM GO BK DE DG DU CU
    card_values       CW CY
    macs              MA MC ME MQ M6 M8 C2 C4
    emv               KQ KW JS KU KY JU
    chip              ZQ ZS ZU: posterm's own
    extensions        Z0 Z2 Z4 Z6 Z8 ZA ZC ZE ZG ZI ZK ZO: posterm's own

Source: Thales payShield, host commands.
"""

from posterm.hsm.host_commands import (
    card_values,
    chip,
    diagnostics,
    emv,
    extensions,
    key_translation,
    keys,
    macs,
    pin_verification,
    pins,
)
from posterm.hsm.host_commands.command_set import HostCommandSet, LmkKind
from posterm.hsm.host_commands.errors import CODES, FrameError, HostCommandRefusal
from posterm.hsm.host_commands.session import HsmSession
from posterm.hsm.host_commands.table import COMMANDS, Command

FAMILIES = (diagnostics, keys, key_translation, pins, pin_verification, card_values, macs, emv, chip, extensions)
"""The modules whose commands make up the table, in the order of the manual."""

__all__ = [
    "CODES",
    "COMMANDS",
    "FAMILIES",
    "Command",
    "FrameError",
    "HostCommandRefusal",
    "HostCommandSet",
    "HsmSession",
    "LmkKind",
]

"""The two-digit codes of PIN block formats.

    01   ISO 9564-1 format 0          34   ISO 9564-3 format 2, for the chip
    03   PIN and fill F               47   ISO 9564-1 format 3
    05   ISO 9564-1 format 1          48   ISO 9564-1 format 4, AES
    90   the UnionPay link's form without PAN    91   all F, where no PIN was entered (posterm's own codes)

Under an SM4 key, 01 and 90 mean their 16-byte forms.

Source: Thales payShield, PIN block formats.
Left out: 02 Docutel, 04 PLUS, 35 pay now and pay later, 41 and 42 (Visa PIN change, which the EMV commands make
themselves), 46 AS 2805.
"""

from __future__ import annotations

from typing import Final

from posterm.hsm.pin_block import PinFormat

CODES: Final = {
    "01": PinFormat.ISO_0,
    "03": PinFormat.DIEBOLD,
    "05": PinFormat.ISO_1,
    "34": PinFormat.ISO_2,
    "47": PinFormat.ISO_3,
    "48": PinFormat.ISO_4,
    "90": PinFormat.NO_PAN,
    "91": PinFormat.NO_PIN,
}
"""Every code, with the form it stands for."""

BY_CODE: Final = {code.encode("ascii"): form for code, form in CODES.items()}
CODE_OF: Final = {form: code for code, form in CODES.items()}

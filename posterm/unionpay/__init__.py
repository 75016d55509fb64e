"""The UnionPay POS link: what terminal and host must agree on, and nothing that only one of them knows.

    profile         the acquirer's knobs, one TOML file each in profiles/
    envelope        TPDU, header and message in one frame; the MAC that seals it
    header          the 12-digit header and what the host asks for in it
    transactions    the table of transactions, network codes, reversal reasons, entry modes
    response_codes  DE 39
    totals          DE 48: settlement totals, uploads
    balances        DE 54
    key_layout      DE 62 of a sign-on answer
    parameters      DE 62 of a parameter download
    tusn            the hardware serial in DE 57 or 59

The element table itself is the dialect `unionpay-pos` of `posterm.iso8583`.
"""

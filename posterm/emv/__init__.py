"""Chip cards: codecs, certificates, and the kernels that decide on a transaction. No I/O.

    apdu, tags, bits, dol          what travels, and what it means
    transcript                     dialogues as text
    exchange, outcome, trace       how a kernel asks, ends, and explains itself
    reader, atr                    what every reader offers, and what a card says first

Source: EMV 4.4 Books 1 to 4.
"""

"""Chip cards: codecs, certificates, and the kernels that decide on a transaction. No I/O.

    apdu, tags, bits, dol          what travels, and what it means
    card_data, describe            what a card hands out, taken apart; values in words
    certificates, capk             keys and signatures of cards, and the CA keys above them
    config                         what a terminal is told before any card comes
    kernel, contactless            the transaction, inserted or tapped
    exchange, outcome, trace       how a kernel asks, ends, and explains itself
    inspection                     everything a card shows, without a transaction
    transcript                     dialogues as text
    reader, atr, t0                what every reader offers, what a card says first, T=0 under APDUs

Source: EMV 4.4 Books 1 to 4; EMV Contactless Books A to C.
"""

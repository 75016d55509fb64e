"""Cards, readers, networks and whole worlds: what stands around the real cores when no hardware does.

cards      the test cards
card       chips that compute: keys, certificates, cryptograms, counters, faults
chip_issuer   who verifies and answers their cryptograms, when no host does
front      stripe reader, chip slot, antenna and PIN pad, with a cardholder's hand on them
network    a line that loses, delays, doubles and tears
world      terminals, host, network and clock in one process, from a seed
"""

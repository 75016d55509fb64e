"""For each key usage an algorithm that goes with it."""

from __future__ import annotations

from posterm.hsm import Algorithm, KeyUsage
from posterm.hsm.keys import USAGES

CIPHER_USAGES = [usage for usage in KeyUsage if USAGES[usage].algorithms]
"""Every usage but HMAC, whose keys are for no cipher."""


def fitting(usage: KeyUsage) -> Algorithm:
    """Double-length TDES where the usage takes it, else the first algorithm it takes."""
    taken = [algorithm for algorithm in Algorithm if algorithm in USAGES[usage].algorithms]
    return Algorithm.TDES_DOUBLE if Algorithm.TDES_DOUBLE in taken else taken[0]

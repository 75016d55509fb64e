"""Faults of the terminal core. What a host or a cardholder may do wrong is a result, not one of these.

TerminalError
└── TerminalStoreError    a stored record that cannot be read back
"""

from __future__ import annotations

from posterm.errors import PostermError


class TerminalError(PostermError):
    """A call that makes no sense for this terminal."""


class TerminalStoreError(TerminalError):
    """A stored record that cannot be read back."""

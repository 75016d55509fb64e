"""What can be wrong with a card as such. A command that a card refuses is no error: it is a status word.

PostermError
└── CardError
    └── ProfileError     a profile that cannot be: unknown name, unreadable file, a value out of place
"""

from __future__ import annotations

from posterm.errors import PostermError


class CardError(PostermError):
    """Base of what goes wrong with a test card."""


class ProfileError(CardError):
    """A card profile that cannot be. The text names the key."""

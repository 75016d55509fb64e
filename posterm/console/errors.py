"""What a user can get wrong on the command line.

PostermError
└── ConsoleError             base; ends in one line, a hint, and exit status 2
    ├── InputError           an argument that is not what it should be: hexadecimal, a name, a number
    └── ConfigurationError   posterm.toml: unreadable, an unknown key, a value that does not fit

No text here repeats an argument that may hold a PAN, a PIN or a key.
"""

from __future__ import annotations

from posterm.errors import PostermError


class ConsoleError(PostermError):
    """Base of what a user can get wrong."""


class InputError(ConsoleError):
    """An argument or input that is not what it should be."""


class ConfigurationError(ConsoleError):
    """A configuration that cannot be used; the text names file, key and fault."""

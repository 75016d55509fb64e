"""What can go wrong with a load itself. A declined request is no error: it is counted.

PostermError
└── RuntimeFault
    └── LoadError               the load cannot be run
        ├── LinkBrokenError     the host closed a connection, or did not answer
        └── PartMissingError    a library that measures or draws is not installed
"""

from __future__ import annotations

from posterm.runtime.errors import RuntimeFault


class LoadError(RuntimeFault):
    """The load cannot be run."""


class LinkBrokenError(LoadError):
    """The host closed a connection, or did not answer."""


class PartMissingError(LoadError):
    """A library that measures or draws is not installed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"this needs the library {name}", hint="pip install 'posterm[load]'")

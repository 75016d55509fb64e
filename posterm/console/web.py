"""The HTTP interface of a configuration. Needs the extra `api`."""

from __future__ import annotations

import socket
import time
from typing import Any

from posterm.console.configuration import OfficeSettings
from posterm.runtime.errors import ListenError, RuntimeFault
from posterm.runtime.office_assembly import OpenOffice


def application_for(opened: OpenOffice, settings: OfficeSettings) -> Any:
    """The interface of an open back office. Raises: RuntimeFault: the extra is not installed."""
    try:
        from posterm.api.application import create_application
    except ModuleNotFoundError as error:
        raise RuntimeFault(f"the interface needs {error.name}", hint="pip install 'posterm[api]'") from None
    from posterm.api.rate_limit import RateLimit

    return create_application(opened, RateLimit(settings.api_requests_per_minute, time.monotonic))


def listening_socket(address: str, port: int) -> socket.socket:
    """A listening socket. Raises: ListenError."""
    try:
        return socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise ListenError(f"cannot listen on {address} port {port}: {reason}") from None

"""An HSM that can be served, put together from its parts: master secret, folder, guard, host commands.

In test mode every activity is permitted. In production the sensitive ones take two officers, and the test keys are
refused.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from posterm.hsm import SoftHsm
from posterm.hsm.guard import Activity, Guard
from posterm.hsm.host_commands import HostCommandSet, HsmSession, LmkKind
from posterm.hsm.host_commands.errors import OK
from posterm.hsm.master_secret import MasterSecret
from posterm.runtime.run_hsm import HsmServerEvent, Listener
from posterm.runtime.store.hsm_directory import HsmDirectory

ServedLmk = Literal["aes-block", "tdes-block", "variant"]


@dataclass(frozen=True, slots=True)
class OpenHsm:
    """An HSM with its folder open. Close `state` at the end."""

    secret: MasterSecret
    state: HsmDirectory
    guard: Guard
    commands: HostCommandSet
    lmk_kind: ServedLmk

    def session(self, client: str, *, header_length: int, listen: Listener | None = None) -> HsmSession:
        """The session of a new connection.

        Args:
            client: whose failed verifications are counted together.
            listen: told of every command by its code and that of its answer; no field of either.
        """
        commands = self.commands.session(client)
        executes = commands if listen is None else _Told(commands, listen, client)
        return HsmSession(executes, header_length=header_length)

    def status(self) -> dict[str, Any]:
        """What the HSM has to tell of itself."""
        counts: dict[str, dict[str, int]] = {}
        for answer, count in sorted(self.commands.answered.items()):
            code, error = answer[:2].decode("ascii", "replace"), answer[2:].decode("ascii", "replace")
            counts.setdefault(code, {})[error] = count
        return {
            "lmk_kind": self.lmk_kind,
            "lmk_check_value": self.secret.check_value,
            "test_lmk": self.secret.is_test,
            "production": self.guard.production,
            "named_keys": len(self.state.register.keys),
            "officers": len(self.state.register.officers),
            "audit_records": self.state.audit_count,
            "authorized": {str(activity): until for activity, until in self.guard.authorized().items()},
            "commands": sum(sum(each.values()) for each in counts.values()),
            "errors": sum(count for each in counts.values() for error, count in each.items() if error != OK),
            "answers": counts,
        }


def open_guarded_hsm(
    folder: Path,
    secret: MasterSecret,
    *,
    lmk_kind: ServedLmk = "aes-block",
    production: bool = False,
    permitted: Collection[Activity] = (),
    disabled: Collection[str] = (),
    clock: Callable[[], float] = time.time,
) -> OpenHsm:
    """Open the HSM that lives in a folder, or found it.

    Args:
        lmk_kind: which of the secret's LMKs the keys of the commands are under.
        permitted: activities that take no officers in production; in test mode none does.
        disabled: codes of host commands that are refused.
        clock: seconds since 1970.
    Raises: StoreError, KeyRegisterError: the folder. PublishedLmkError: the test keys, in production.
    """
    state = HsmDirectory(folder, secret.files)
    try:
        guard = Guard(
            state,
            lambda: int(clock()),
            secret.fingerprints,
            guarded=frozenset(Activity) - frozenset(permitted) if production else frozenset(),
            production=production,
        )
        hsm = SoftHsm(
            secret.tdes_lmk if lmk_kind == "tdes-block" else secret.lmk,
            os.urandom,
            variant_lmk=secret.variant_lmk,
            guard=guard,
        )
        kind = LmkKind.VARIANT if lmk_kind == "variant" else LmkKind.KEY_BLOCK
        guard.record("started", lmk_kind=lmk_kind, lmk=secret.check_value)
        return OpenHsm(secret, state, guard, HostCommandSet(hsm, lmk_kind=kind, disabled=disabled), lmk_kind)
    except BaseException:
        state.close()
        raise


class _Told:
    """Commands that are told of, one by one."""

    def __init__(self, commands: HostCommandSet, listen: Listener, client: str) -> None:
        self._commands = commands
        self._listen = listen
        self._client = client

    def execute(self, message: bytes) -> bytes:
        """The answer to a message."""
        answer = self._commands.execute(message)
        details = {"code": _printable(message[:2]), "answer": _printable(answer[2:4]), "bytes": str(len(message))}
        self._listen(HsmServerEvent("command", details), self._client)
        return answer


def _printable(code: bytes) -> str:
    return code.decode("ascii") if code.isalnum() else code.hex()

"""Terminals and hosts put together from their parts: a profile, an HSM, a store on disk.

The host's own keys (fingerprints, PIN verification) are drawn at its first start and kept in its store as key blocks,
sealed under the LMK, so that all hosts on one store have the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from posterm.emv.capk import CaKeyStore
from posterm.emv.config_file import default_terminal
from posterm.host import ChipTables, Host, HostKeys, HostStore
from posterm.host.issuing.issuer_host import IssuerHost
from posterm.host.records import KeyRecord
from posterm.host.switch.directory import IssuerDirectory
from posterm.host.terms import HostTerms
from posterm.hsm import Algorithm, HsmError, HsmPort, KeyBlock, KeyUsage, SoftHsm
from posterm.hsm.master_secret import MasterSecret, is_sealed
from posterm.runtime import clock
from posterm.runtime.errors import StoreError
from posterm.runtime.store.host_store import SQLITE_STORE, open_host_store
from posterm.runtime.store.retry import in_batch
from posterm.runtime.store.sql_host import SqlHostStore
from posterm.runtime.store.sqlite_terminal import SqliteTerminalStore
from posterm.terminal import Identity, Terminal
from posterm.terminal.kernels import EmvKernels
from posterm.unionpay.profile import AcquirerProfile

PASSPHRASE_VARIABLE: Final = "POSTERM_LMK_PASSPHRASE"
_LMK_FORMS: Final = 'need "test", a file that `posterm hsm lmk load` wrote, or one with 64 hexadecimal digits'


def no_passphrase() -> str:
    """For callers that cannot ask anybody. Raises: StoreError."""
    raise StoreError("the LMK is sealed under a passphrase", hint=f"set {PASSPHRASE_VARIABLE}")


def open_master_secret(lmk: str = "test", passphrase: Callable[[], str] = no_passphrase) -> MasterSecret:
    """The test master secret, or the one in a file: under a passphrase, or as 64 hexadecimal digits.

    Args:
        passphrase: asked when the file needs one and the environment has none.
    Raises: StoreError: the file cannot be read or holds no master secret. PassphraseError.
    """
    if lmk == "test":
        return MasterSecret.test()
    try:
        text = Path(lmk).read_text(encoding="ascii")
    except (OSError, ValueError):
        raise StoreError(f"no LMK in {lmk}", hint=_LMK_FORMS) from None
    if is_sealed(text):
        return MasterSecret.unseal(text, os.environ.get(PASSPHRASE_VARIABLE) or passphrase())
    try:
        return MasterSecret(bytes.fromhex(text))
    except (ValueError, HsmError):
        # The reason is not passed on: it might quote what the file holds.
        raise StoreError(f"no LMK in {lmk}", hint=_LMK_FORMS) from None


def open_hsm(lmk: str = "test", passphrase: Callable[[], str] = no_passphrase) -> SoftHsm:
    """An HSM in this process under the AES LMK of a master secret. Args and Raises: as `open_master_secret`."""
    return SoftHsm(open_master_secret(lmk, passphrase).lmk, os.urandom)


@dataclass(frozen=True, slots=True)
class OpenHost:
    """A host with its store, its HSM and its own keys."""

    host: Host
    store: SqlHostStore
    hsm: HsmPort
    keys: HostKeys

    def with_settings(
        self,
        profile: AcquirerProfile,
        *,
        forced_outcomes: bool,
        chip_tables: ChipTables | None = None,
        terms: HostTerms | None = None,
    ) -> Host:
        """Another host over the same store."""
        return Host(
            profile,
            self.hsm,
            self.store,
            self.keys,
            forced_outcomes=forced_outcomes,
            chip_tables=chip_tables,
            terms=terms,
            issuers=self.host.issuers,
        )


def open_host(
    directory: Path,
    profile: AcquirerProfile,
    hsm: HsmPort,
    *,
    store_name: str = SQLITE_STORE,
    forced_outcomes: bool = True,
    late_answer_s: float = 5.0,
    chip_tables: ChipTables | None = None,
    terms: HostTerms | None = None,
    issuers: IssuerDirectory | None = None,
) -> OpenHost:
    """Open a host, or found it. Its rows are in a folder, or where `store_name` says. Raises: StoreError."""
    store = open_host_store(store_name, directory)
    try:
        keys = in_batch(store, lambda: _host_keys(store, hsm, directory / "host-keys.json"))
        host = Host(
            profile,
            hsm,
            store,
            keys,
            forced_outcomes=forced_outcomes,
            late_answer_s=late_answer_s,
            chip_tables=chip_tables,
            terms=terms,
            issuers=issuers,
        )
    except BaseException:
        store.close()
        raise
    return OpenHost(host, store, hsm, keys)


@dataclass(frozen=True, slots=True)
class OpenIssuer:
    """An issuer apart, with its store."""

    issuer: IssuerHost
    store: SqlHostStore


def open_issuer(
    directory: Path,
    profile: AcquirerProfile,
    hsm: HsmPort,
    *,
    institution: str,
    zmks: Mapping[str, KeyBlock],
    store_name: str = SQLITE_STORE,
) -> OpenIssuer:
    """Open an issuer, or found it. Its rows are in a folder, or where `store_name` says. Raises: StoreError.

    Args:
        zmks: the zone master key shared with each acquirer, by the acquirer's identification code.
    """
    store = open_host_store(store_name, directory)
    try:
        keys = in_batch(store, lambda: _host_keys(store, hsm, directory / "host-keys.json"))
        issuer = IssuerHost(profile, hsm, store, keys, institution=institution, zmks=zmks)
    except BaseException:
        store.close()
        raise
    return OpenIssuer(issuer, store)


@dataclass(frozen=True, slots=True)
class OpenTerminal:
    """A terminal with its store."""

    terminal: Terminal
    store: SqliteTerminalStore


def open_terminal(
    directory: Path,
    profile: AcquirerProfile,
    hsm: HsmPort,
    identity: Identity,
    *,
    merchant_name: str = "",
    ca_keys: CaKeyStore | None = None,
) -> OpenTerminal:
    """Open the terminal that lives in a folder, or take a new one out of its box.

    Args:
        ca_keys: the certification authority keys whose chip cards it takes; without them it reads no chips.
    Raises: StoreError.
    """
    kernels = None
    if ca_keys is not None:
        config = default_terminal()
        kernels = EmvKernels.for_terminal(config, ca_keys, os.urandom, identity=identity, profile=profile)
    store = SqliteTerminalStore(directory / f"terminal-{identity.terminal_id}.sqlite")
    try:
        terminal = Terminal(
            profile=profile,
            identity=identity,
            hsm=hsm,
            store=store,
            now=clock.now(),
            merchant_name=merchant_name,
            kernels=kernels,
        )
    except BaseException:
        store.close()
        raise
    return OpenTerminal(terminal, store)


def _host_keys(store: HostStore, hsm: HsmPort, file_of_before: Path) -> HostKeys:
    """The host's own keys: in the store, else in the file that earlier versions kept beside it, else drawn now."""
    storage = store.key("storage") or KeyRecord("storage", str(hsm.generate_key(KeyUsage.STORAGE, Algorithm.AES_256)))
    store.put_key(storage)
    return replace(_keys_of_before(store, hsm, file_of_before), storage=KeyBlock(storage.block))


def _keys_of_before(store: HostStore, hsm: HsmPort, file_of_before: Path) -> HostKeys:
    fingerprint, pvk = store.key("fingerprint"), store.key("pvk")
    if fingerprint is not None and pvk is not None:
        return HostKeys(fingerprint=KeyBlock(fingerprint.block), pvk=KeyBlock(pvk.block))
    keys = _keys_in(file_of_before) or HostKeys(
        fingerprint=hsm.generate_key(KeyUsage.FINGERPRINT, Algorithm.AES_256),
        pvk=hsm.generate_key(KeyUsage.PIN_VERIFICATION_IBM, Algorithm.TDES_DOUBLE),
    )
    store.put_key(KeyRecord("fingerprint", str(keys.fingerprint)))
    store.put_key(KeyRecord("pvk", str(keys.pvk)))
    return keys


def _keys_in(path: Path) -> HostKeys | None:
    try:
        stored = json.loads(path.read_text(encoding="ascii"))
        return HostKeys(fingerprint=KeyBlock(stored["fingerprint"]), pvk=KeyBlock(stored["pvk"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, HsmError) as error:
        raise StoreError(f"cannot read the host's keys in {path}: {type(error).__name__}") from None

"""The CA keys and application parameters that the configured host hands out to terminals.

Unless the configuration names files, these are the live keys that are public, those of posterm's test cards, and the
applications of posterm's own terminal with the acquirer's limit for taps without a PIN.
"""

from __future__ import annotations

from posterm.console.configuration import HostSettings
from posterm.emv.ca_key_file import load_ca_keys, public_ca_keys
from posterm.emv.capk import Use
from posterm.emv.config_file import default_terminal, load_terminal
from posterm.host import ChipTables
from posterm.unionpay.chip_parameters import without_pin_to
from posterm.unionpay.profile import AcquirerProfile
from simulators.card import authorities


def chip_tables(settings: HostSettings, profile: AcquirerProfile) -> ChipTables:
    """What the host of this configuration hands out.

    Raises: CaKeyError, ConfigurationError: a file that does not read. EnrolmentError: too many entries.
    """
    if settings.ca_keys:
        keys = tuple(load_ca_keys(settings.ca_keys))
    else:
        keys = (*(key for key in public_ca_keys() if key.use is Use.LIVE), *authorities())
    if settings.applications:
        return ChipTables(keys, load_terminal(settings.applications).applications)
    limit_minor = profile.chip.no_pin_limit_minor
    own = tuple(without_pin_to(application, limit_minor) for application in default_terminal().applications)
    return ChipTables(keys, own)

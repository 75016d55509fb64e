"""`posterm merchant …` and `posterm device …`: the back office, from the first enquiry to the last withdrawal.

Both groups are made of the back office's operations, which are read when one of their commands is asked for.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from posterm.console.cli.options import examples


class _OperationGroup(TyperGroup):
    """A group whose commands are made when they are first looked at."""

    group = ""

    @property
    def commands(self) -> Any:
        """The commands by name."""
        made = self.__dict__.get("_made")
        if made is None:
            from posterm.console.office_commands import commands_of

            made = self.__dict__["_made"] = commands_of(self.group)
        return made

    @commands.setter
    def commands(self, _given: Any) -> None:
        """None are given when the program starts."""


class MerchantGroup(_OperationGroup):
    """`posterm merchant`."""

    group = "merchant"


class DeviceGroup(_OperationGroup):
    """`posterm device`."""

    group = "device"


merchant = typer.Typer(
    cls=MerchantGroup,
    no_args_is_help=True,
    help="Live a merchant's life: enquiry, application, contract, money, service.",
    epilog=examples("posterm merchant list applications", "posterm merchant advance 3d"),
)
device = typer.Typer(
    cls=DeviceGroup,
    no_args_is_help=True,
    help="Ship, bind, activate, inspect, repair and withdraw devices.",
    epilog=examples("posterm device take-into-stock --serial N900001 --model smart"),
)


def register(root: typer.Typer) -> None:
    """Add both groups to the program."""
    root.add_typer(merchant, name="merchant")
    root.add_typer(device, name="device")

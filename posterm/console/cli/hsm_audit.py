"""`posterm hsm audit verify`: whether the audit log is what the HSM wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterm.console.cli.endings import FAILED
from posterm.console.cli.options import ConfigOption, JsonOption, examples

if TYPE_CHECKING:
    from posterm.hsm.audit import AuditHead

app = typer.Typer(no_args_is_help=True, help="The HSM's audit log.")


@app.command(
    epilog=examples(
        "posterm hsm audit verify", "posterm hsm audit verify copy.jsonl", "posterm hsm audit verify --json"
    )
)
def verify(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A copy of the log; else that of the configured HSM.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute the hash chain. Exit status 1 when a record was changed, dropped, moved or cut off: the first is named.

    The end of a copy cannot be checked: that takes the sealed head of the HSM's own folder. Works while it runs.
    """
    import json

    from posterm.runtime.store.audit_check import check_audit

    if file is not None:
        report = check_audit(file)
    else:
        path, head = _own(config)
        report = check_audit(path, head)
    if as_json:
        typer.echo(json.dumps({"whole": report.whole, "records": report.count, "fault": report.fault}, indent=2))
    else:
        typer.echo(f"{report.count} records hold together" + (f"; {report.fault}" if report.fault else ""))
    if not report.whole:
        raise typer.Exit(FAILED)


def _own(config: Path | None) -> tuple[Path, AuditHead]:
    from posterm.console.configuration import load_configuration
    from posterm.console.hsm_desk import FOLDER, configured_secret
    from posterm.hsm.audit import AuditHead
    from posterm.runtime.store.hsm_directory import AUDIT, read_head

    configuration = load_configuration(config)
    folder = configuration.data_directory / FOLDER
    head = read_head(folder, configured_secret(configuration).files)
    return folder / AUDIT, AuditHead(head.audit_count, head.audit_hash)

"""What the host asks for in the sixth digit of a header, done before the next sale.

Source: Q/CUP 009, header digit 6. Leaves out software, BIN lists, rates and contactless parameters (6 to 9, B, C).
"""

from __future__ import annotations

from posterm.terminal.chip_downloads import AIDS, KEYS, download
from posterm.terminal.context import Context
from posterm.terminal.effects import Flow
from posterm.terminal.management import download_parameters, upload_status
from posterm.unionpay.header import Requirement


def meet_requirement(ctx: Context) -> Flow[bool]:
    """Do what the host asked for in the header. An action this terminal has no table for is told and forgotten."""
    match ctx.memory.registers.requirement:
        case Requirement.NONE | Requirement.SIGN_ON:
            return True
        case Requirement.DOWNLOAD_PARAMETERS:
            return (yield from download_parameters(ctx)).done
        case Requirement.UPLOAD_STATUS:
            return (yield from upload_status(ctx)).done
        case Requirement.UPDATE_CA_KEYS if ctx.kernels is not None:
            return (yield from download(ctx, KEYS)).done
        case Requirement.DOWNLOAD_AID_PARAMETERS if ctx.kernels is not None:
            return (yield from download(ctx, AIDS)).done
        case requirement:
            yield ctx.tell("requirement-not-supported", requirement=requirement.name)
            draft = ctx.memory.draft()
            draft.set(requirement=Requirement.NONE)
            ctx.memory.commit(draft)
            return True

"""The terminal: a state machine that sells, without a wire, a screen or a clock of its own.

transitions    the two state tables; read this first
engine         `Terminal`: one method for each key a cashier can press
effects        what a flow asks of the world, and the replies
transaction    the flow of one transaction
code_payment   the flows of payments by a code
training       practice that moves no money
chip           the flow of one with a chip, around the kernel
kernels        what a terminal asks of the chip kernels
order, steps   what transactions begin and end with, and the steps they share
exchange       one request and its answer; matching says which answer that is
reversal       the stored reversal
notices        store and forward
batch          settlement and upload
management     sign-on and the other messages without money
chip_downloads CA keys and application parameters from the host
requirements   what a header asks for
originals      which transaction a void or refund means
mapping        from what the terminal knows to elements
receipt        what the printer prints
records, store what is kept on disk
operators      who may do what
context        what all flows work with
"""

from posterm.terminal.engine import Terminal
from posterm.terminal.mapping import Identity
from posterm.terminal.order import Outcome, Result
from posterm.terminal.originals import OriginalReference
from posterm.terminal.store import Change, MemoryTerminalStore, TerminalStore

__all__ = [
    "Change",
    "Identity",
    "MemoryTerminalStore",
    "OriginalReference",
    "Outcome",
    "Result",
    "Terminal",
    "TerminalStore",
]

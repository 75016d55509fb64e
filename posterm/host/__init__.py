"""The host: acquirer and issuer in one process, without any input or output of its own.

host          Host: a frame and the time in, a reply and events out; enrolment
pipeline      every step of a transaction and of a reversal, by name and in order
case          one request on its way through the steps
checks        identity, novelty and form
registry      merchants and terminals
issuer        cards and PINs
wallets       wallets on telephones and the codes they show
wallet_rows   what is kept of all that
orders        payments by a code and their states; order_payment when a wallet pays later
channels      ways of paying opened to a merchant one by one
originals     the earlier transaction a request refers to
postings      what each kind moves in the ledger
reversal      undoing exactly what one request did
management    sign-on, parameters, status, script notice
chip_tables   CA keys and applications for terminals; chip_downloads hands them out
settlement    totals, uploads, closing a terminal's batch
plan          a merchant's terms as data: fees, limits, risk, when it is paid
terms         plans, card_ranges and working_days together; data_files reads them
fees          what a payment costs and who gets it
limits        what a merchant may take: reserved, confirmed, released
risk          blocked cards, one card too often
clearing      clearing dates: net to payable, fees to their parties
payouts       from payable to the bank, and back
advances      what is paid on request before its date is closed
settlement_file  every transaction of a clearing date, as CSV and in fixed width
reconciliation   terminals, records and ledger compared
answers       building and sealing answers
switch        cards of other institutions, whose issuers are asked over the network
issuing       an issuer apart from any acquirer
forced        outcomes anyone can ask for by the amount
chart         the kinds of accounts, their sides and bounds, and their names
ledger        double entry with holds; ledger_balances, ledger_proof and ledger_statement
              belong to it
store         what is asked of a storage; memory_store is one
records       the rows
events        Reply and HostEvent
errors        the host's own faults
"""

from posterm.host.case import HostKeys
from posterm.host.chart import AccountKind
from posterm.host.chip_tables import ChipTables
from posterm.host.errors import EnrolmentError, HoldEndedError, HostError, LedgerError, TransferConflictError
from posterm.host.events import EventName, HostEvent, Reply
from posterm.host.host import Host
from posterm.host.ledger import Ledger
from posterm.host.ledger_proof import LedgerProof
from posterm.host.memory_store import MemoryHostStore
from posterm.host.records import CardKind, PinPolicy, SettlementReport
from posterm.host.store import HostStore

__all__ = [
    "AccountKind",
    "CardKind",
    "ChipTables",
    "EnrolmentError",
    "EventName",
    "HoldEndedError",
    "Host",
    "HostError",
    "HostEvent",
    "HostKeys",
    "HostStore",
    "Ledger",
    "LedgerError",
    "LedgerProof",
    "MemoryHostStore",
    "PinPolicy",
    "Reply",
    "SettlementReport",
    "TransferConflictError",
]

"""The merchant's life around a terminal: the acquirer's back office, over a host, without input or output of its own.

office        Office: what every service works with; cabinet, document and personal are what it keeps
machines      every state machine; machine reads their tables
actor         who asks, and whose things it may touch
problem       what is wrong with something, where, and what to do
calendar      what happens by itself when time passes
news          everything that happens, for messages and webhooks
access        who may reach the office from outside, by a token
repeats       requests that come twice
office_clock  the office's time, which may be moved ahead
parts         every part of the life cycle, imported, so that the calendar knows them all
terms         how long things take and what they cost
errors        the back office's own faults
"""

from posterm.merchant.actor import SYSTEM, Actor, Role
from posterm.merchant.errors import MerchantError, NotAllowedError, NotFoundError, NotNowError, RefusedError
from posterm.merchant.office import Office
from posterm.merchant.terms import OfficeTerms

__all__ = [
    "SYSTEM",
    "Actor",
    "MerchantError",
    "NotAllowedError",
    "NotFoundError",
    "NotNowError",
    "Office",
    "OfficeTerms",
    "RefusedError",
    "Role",
]

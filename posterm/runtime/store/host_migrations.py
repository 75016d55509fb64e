"""Steps from one schema version of the host's database to the next, each applied whole or not at all.

A step is the SQL as it was when its version was made; it is not built from the tables of today. PostgreSQL came with
version 2, so steps before that are SQLite's alone.

    1    first version
    2    accounts have a kind instead of a limit; transfers have a deadline and name what they correct; holds are rows
         of their own; every merchant has a deposit and every currency its fee accounts; the host's own keys are rows;
         chips and their issuers' keys
    3    terminals remember which CA keys and application parameters they took
"""

from __future__ import annotations

from typing import Final

_SQLITE_TO_2: Final = (
    "ALTER TABLE accounts ADD COLUMN kind TEXT NOT NULL DEFAULT ''",
    """UPDATE accounts SET kind = CASE
        WHEN account_id LIKE 'card/%' THEN 'cardholder-' || coalesce(
            (SELECT cards.kind FROM cards WHERE 'card/' || fingerprint = account_id), 'debit')
        WHEN account_id LIKE 'merchant/%/pending' THEN 'merchant-pending'
        WHEN account_id LIKE 'merchant/%/payable' THEN 'merchant-payable'
        WHEN account_id LIKE 'bank/%' THEN 'bank'
        ELSE 'suspense' END""",
    "ALTER TABLE accounts DROP COLUMN limited",
    """INSERT INTO accounts (account_id, currency, kind, credit_line,
                             debits_posted, credits_posted, debits_pending, credits_pending)
        SELECT 'merchant/' || merchant_id || '/deposit', currency, 'deposit', 0, 0, 0, 0, 0 FROM merchants
        UNION SELECT 'fee/' || party || '/' || currency, currency, 'fee-' || party, 0, 0, 0, 0, 0
        FROM merchants, (SELECT 'issuer' AS party UNION SELECT 'network' UNION SELECT 'acquirer' UNION SELECT 'agent')
    """,
    "ALTER TABLE transfers ADD COLUMN deadline TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE transfers ADD COLUMN corrects TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE holds ("transfer_id" TEXT NOT NULL, "deadline" TEXT NOT NULL, "ended_by" TEXT NOT NULL,
        PRIMARY KEY ("transfer_id")) STRICT, WITHOUT ROWID""",
    """INSERT INTO holds SELECT held.transfer_id, '', coalesce(ending.transfer_id, '')
        FROM transfers AS held LEFT JOIN transfers AS ending ON ending.resolves = held.transfer_id
        WHERE held.kind = 'pending'""",
    """CREATE TABLE issuer_keys ("prefix" TEXT NOT NULL, "scheme" TEXT NOT NULL, "cryptogram" TEXT NOT NULL,
        "integrity" TEXT NOT NULL, "confidentiality" TEXT NOT NULL, PRIMARY KEY ("prefix")) STRICT, WITHOUT ROWID""",
    """CREATE TABLE chips ("chip" TEXT NOT NULL, "counter" INTEGER NOT NULL, "scripts" TEXT NOT NULL,
        PRIMARY KEY ("chip")) STRICT, WITHOUT ROWID""",
    """CREATE TABLE chip_uses ("use" TEXT NOT NULL, "ref" TEXT NOT NULL, "request_cryptogram" TEXT NOT NULL,
        "certificate" TEXT NOT NULL, "scripts" TEXT NOT NULL, PRIMARY KEY ("use")) STRICT, WITHOUT ROWID""",
    """CREATE TABLE keys ("use" TEXT NOT NULL, "block" TEXT NOT NULL, PRIMARY KEY ("use")) STRICT, WITHOUT ROWID""",
    "CREATE INDEX holds_by_deadline ON holds (deadline, transfer_id) WHERE ended_by = ''",
)
_SQLITE_TO_3: Final = (
    "ALTER TABLE terminals ADD COLUMN ca_keys TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE terminals ADD COLUMN applications TEXT NOT NULL DEFAULT ''",
)
_POSTGRES_TO_3: Final = (
    """ALTER TABLE terminals ADD COLUMN ca_keys TEXT COLLATE "C" NOT NULL DEFAULT ''""",
    """ALTER TABLE terminals ADD COLUMN applications TEXT COLLATE "C" NOT NULL DEFAULT ''""",
)
SQLITE_STEPS: Final[dict[int, tuple[str, ...]]] = {1: _SQLITE_TO_2, 2: _SQLITE_TO_3}
"""Statements that lead on from a version."""

POSTGRES_STEPS: Final[dict[int, tuple[str, ...]]] = {2: _POSTGRES_TO_3}
